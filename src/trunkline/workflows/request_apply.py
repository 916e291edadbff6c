"""Whether a plan may be carried out as it was shown; then its run begins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db import applies, plans
from trunkline.db.models import PlannedDrift, ReconcilePlan, utcnow
from trunkline.db.runs import APPLIES
from trunkline.domain.drifts import ChangeKind, Policy
from trunkline.errors import Conflict, InvalidInput, PlanChanged
from trunkline.workflows.apply_plan import ApplyPlan, another_runs
from trunkline.workflows.once import Begun, Once, begin_once, find_begun
from trunkline.workflows.plan_reconcile import make_plan_once
from trunkline.workflows.services import Services

FRESH = timedelta(hours=24)  # what was shown longer ago is not what anybody has before his eyes
SHOWN = 50  # differences in an answer


@dataclass(frozen=True)
class Wanted:
    """What somebody says yes to: the plan with this checksum, and what it may do beside repairs. `confirm` names the
    installation whose numbers are given back; `reason` is kept with the run."""

    checksum: str
    buy: bool = False
    release: bool = False
    confirm: str | None = None
    force: bool = False
    reason: str | None = None


async def request_apply(services: Services, plan_id: str, wanted: Wanted, once: Once | None = None) -> str:
    """Start the run over the plan's changes; its id. Once per idempotency key.

    Nothing is done, and Conflict says why, where the plan is old or was applied, or another one is being applied;
    InvalidInput where it does more than was said yes to; PlanChanged where it would be another one now."""
    if before := await find_begun(services, once):
        return before.run
    async with services.database.read() as session:
        plan, shown = await plans.get(session, plan_id), await plans.rows_of(session, plan_id)
        await refuse_begun(session, plan_id)
    if utcnow() - plan.created_at > FRESH:
        raise Conflict(f"the plan was made {plan.created_at:%Y-%m-%d %H:%M} UTC", hint="make a new one, and read it")
    refuse_beyond(services, shown, wanted)
    await refuse_changed(services, plan, shown, wanted)

    async def begin(session: AsyncSession) -> Begun:
        row = await APPLIES.add(session, plan_id=plan_id, why=wanted.reason)
        await applies.add_items(session, row.id, shown)
        return Begun(row.id)

    try:
        return (await begin_once(services, once, ApplyPlan.kind, begin)).run
    except IntegrityError:
        async with services.database.read() as session:
            await refuse_begun(session, plan_id)
        raise another_runs() from None


async def refuse_begun(session: AsyncSession, plan_id: str) -> None:
    if (before := await applies.of_plan(session, plan_id)) is not None:
        raise Conflict(f"the plan is applied by {before.id}", hint=f"GET /api/reconcile/applies/{before.id}")
    if await applies.running(session) is not None:
        raise another_runs()


def refuse_beyond(services: Services, shown: Iterable[PlannedDrift], wanted: Wanted) -> None:
    """No number is bought or given back that was not said yes to."""
    counts = Counter(drift.change for drift in shown)
    bought, released = counts[ChangeKind.BUY], counts[ChangeKind.RELEASE]
    if bought and not wanted.buy:
        raise InvalidInput(f"the plan buys: {bought} numbers", field="buy", hint="read it, then say buy")
    if released and not wanted.release:
        hint = "read it, then say release and confirm"
        raise InvalidInput(f"the plan gives {released} numbers back", field="release", hint=hint)
    if released and wanted.confirm != services.installation:
        raise InvalidInput(
            f"numbers of the installation {services.installation} are given back, and {wanted.confirm!r} is confirmed",
            field="confirm",
            hint="is this the right server? then confirm its name",
        )


async def refuse_changed(
    services: Services, plan: ReconcilePlan, shown: Sequence[PlannedDrift], wanted: Wanted
) -> None:
    """PlanChanged unless it was this plan that was read, and it would be the same one now; also where it is empty."""
    if wanted.checksum != plan.checksum:
        raise PlanChanged("the checksum is not this plan's", hint=f"read it: GET /api/reconcile/plans/{plan.id}")
    policy = Policy(**plan.policy)
    made_id = await make_plan_once(services, Policy(policy.buy, policy.release, wanted.force), None)
    async with services.database.read() as session:
        made, now = await plans.get(session, made_id), await plans.rows_of(session, made_id)
    if made.checksum == plan.checksum:
        return
    lines = differences(shown, now)
    more, less = (sum(line.startswith(sign) for line in lines) for sign in "+-")
    raise PlanChanged(
        f"what differs now is not what the plan shows: {more} changes more, {less} less",
        differences=[*lines[:SHOWN], *([f"... and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else [])],
        hint=f"read the new plan: GET /api/reconcile/plans/{made.id}",
    )


def differences(before: Iterable[PlannedDrift], now: Iterable[PlannedDrift]) -> list[str]:
    """A line for each change that has gone or come, in their order."""
    old, new = ({change_of(drift) for drift in drifts if drift.change is not None} for drifts in (before, now))
    return [f"{'-' if one in old else '+'} {one}" for one in sorted(old ^ new)]


def change_of(drift: PlannedDrift) -> str:
    what = f"{drift.change} {drift.number or drift.restaurant_id or 'all'} at {drift.provider} ({drift.kind})"
    return f"{what}, {drift.monthly} {drift.currency} a month" if drift.monthly is not None else what
