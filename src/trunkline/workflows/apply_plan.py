"""A plan is carried out as it was shown: a durable run over its changes, each of which looks before it acts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import structlog
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db import accounts, applies
from trunkline.db.models import Apply, ApplyItem
from trunkline.db.runs import APPLIES
from trunkline.db.session import DATABASE_AWAY
from trunkline.domain.acting import ActorKind, acting, acting_as
from trunkline.domain.drifts import ChangeKind
from trunkline.domain.states import ChangeStatus, RunStatus
from trunkline.errors import (
    ActionRequired,
    Conflict,
    Foreign,
    Missing,
    NotFound,
    OutcomeUnknown,
    ProviderError,
    RetryLater,
    Superseded,
    TrunklineError,
)
from trunkline.providers.pace import Urgency, urgent
from trunkline.workflows.mend_number import Mending, NotDue, mend
from trunkline.workflows.once import Begun, Once, begin_once, find_begun
from trunkline.workflows.repoint_numbers import patiently
from trunkline.workflows.run import Run, side_by_side
from trunkline.workflows.services import Services

log = structlog.get_logger()
# What is mended comes first, then what is given back, and what costs money last: it may not be needed any more.
ORDER = (set(ChangeKind) - {ChangeKind.RELEASE, ChangeKind.BUY}, {ChangeKind.RELEASE}, {ChangeKind.BUY})


async def cancel_apply(services: Services, apply_id: str) -> None:
    """No further change is begun; what was begun outside is looked at when the run is resumed."""
    async with services.database.write() as session:
        await APPLIES.get(session, apply_id)
        row = await applies.hold(session, apply_id)
        if row.status != RunStatus.RUNNING:
            raise Conflict(f"the run is {row.status}", hint="only a running one can be cancelled")
        applies.cancel(row)


async def resume_apply(services: Services, apply_id: str, once: Once | None = None) -> None:
    """A run that was cancelled or had to stop goes on with what is left, and tries again what failed. Once per
    idempotency key."""
    if await find_begun(services, once):
        return

    async def begin(session: AsyncSession) -> Begun:
        await APPLIES.get(session, apply_id)
        row = await applies.hold(session, apply_id)
        if row.status == RunStatus.RUNNING:
            raise Conflict("the run is under way", hint=f"watch it at GET /api/reconcile/applies/{apply_id}")
        await applies.queue_failed(session, apply_id)
        if not await applies.unfinished(session, apply_id):
            raise Conflict("every change of the plan is done or did not apply", hint="make a new plan")
        await applies.reopen(session, row)
        return Begun(apply_id)

    try:
        await begin_once(services, once, None, begin)
    except IntegrityError:
        raise another_runs() from None
    await services.engine.ensure(ApplyPlan.kind, apply_id)


def another_runs() -> Conflict:
    return Conflict("another plan is being applied", hint="wait for its end, or cancel it")


class ApplyPlan:
    """The durable work of one run. A change that was begun by an earlier execution is looked at like any other: what is
    done already shows outside. What stops every change of a provider stops that provider's alone."""

    kind = "apply_plan"
    runs = APPLIES
    waits_in_line = False

    async def work(self, services: Services, row: Apply) -> None:
        run = await Run.of(services, APPLIES, row)
        refused: dict[str, TrunklineError] = {}
        by_plan = replace(acting(), kind=ActorKind.RECONCILE, id=row.id, reason=row.why)
        with acting_as(by_plan), urgent(Urgency.UNASKED):
            for kinds in ORDER:
                await self._go_through(run, [kind.value for kind in kinds], refused)
        if services.engine.closing:
            return  # the next process goes on
        end: dict[str, Any] = {"status": RunStatus.DONE.value}
        if refused:
            first = next(iter(refused.values()))
            hint = f"{first.hint}; then resume the run" if first.hint else "resume the run"
            end = {"status": RunStatus.FAILED.value, "message": first.detail, "hint": hint}
        async with run.write() as session:
            for provider in await applies.through_with(session, run.id, ChangeKind.RENEW_CREDENTIAL):
                if carrier := services.carriers.get(provider):
                    await accounts.keep_keys_in_voice(session, provider, carrier.import_source().keys)
            await run.end(session, **end)

    async def _go_through(self, run: Run[Apply], kinds: Sequence[str], refused: dict[str, TrunklineError]) -> None:
        async with run.services.database.read() as session:
            left = [item for item in await applies.unfinished(session, run.id) if item.change in kinds]
        by_provider = {
            name: [i for i in left if i.provider == name] for name in {i.provider for i in left} - set(refused)
        }
        jobs = [partial(self._at, run, name, items, refused) for name, items in by_provider.items()]
        await side_by_side(len(jobs), jobs)

    async def _at(
        self, run: Run[Apply], provider: str, items: Sequence[ApplyItem], refused: dict[str, TrunklineError]
    ) -> None:
        try:
            await side_by_side(run.settings.provider_concurrency, [partial(self._one, run, item) for item in items])
        except (RetryLater, ActionRequired) as error:
            refused[provider] = error

    async def _one(self, run: Run[Apply], item: ApplyItem) -> None:
        if run.services.engine.closing:
            return
        await self._note(run, item, ChangeStatus.RUNNING)
        mending = Mending(run, item, begun=item.status == ChangeStatus.RUNNING)

        async def attempt() -> str:
            try:
                return await mend(mending)
            except (RetryLater, OutcomeUnknown):
                mending.begun = True
                raise

        try:
            said = await patiently(run.services, attempt)
        except (NotDue, Conflict, NotFound, Foreign, Missing) as error:
            await self._note(run, item, ChangeStatus.SKIPPED, str(error))
        except (Superseded, *DATABASE_AWAY):
            raise
        except TrunklineError as error:
            await self._note(
                run, item, ChangeStatus.FAILED, f"{error.detail} ({error.hint})" if error.hint else error.detail
            )
            if isinstance(error, RetryLater) or (isinstance(error, ProviderError) and error.account_wide):
                raise
        except Exception:
            log.exception("a change was stopped by an error of ours", change=item.change, number=item.number)
            await self._note(run, item, ChangeStatus.FAILED, "an error of ours; the log has it")
        else:
            await self._note(run, item, ChangeStatus.DONE, said)

    async def _note(self, run: Run[Apply], item: ApplyItem, status: ChangeStatus, message: str | None = None) -> None:
        async with run.write() as session:
            await applies.set_item(session, run.id, item.seq, status, message)
