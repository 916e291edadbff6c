"""Points the numbers in service at what is to answer them now: after a change of the assistant, of VAPI_ROUTING or of
our address, or of what somebody did to them in Vapi."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db import numbers, runs
from trunkline.db.models import Number, Repoint
from trunkline.db.runs import REPOINTS
from trunkline.domain.numbers import NumberState
from trunkline.domain.states import RunStatus
from trunkline.errors import ActionRequired, Conflict, Foreign, Missing, OutcomeUnknown, ProviderError, RetryLater
from trunkline.voice.base import Target
from trunkline.workflows.connect_number import Connected, connect_number
from trunkline.workflows.once import Begun, Once, begin_once, find_begun
from trunkline.workflows.run import Run, backoff, side_by_side
from trunkline.workflows.services import Services

T = TypeVar("T")


@dataclass(frozen=True)
class Drift:
    """The numbers in service (how many there are) that something else than the present target answers: `wrong` are ours
    to point right, `missing` are not in Vapi and to be imported again, `foreign` serve somebody else there."""

    in_service: int
    wrong: dict[str, Number]
    foreign: list[str]
    missing: dict[str, Number]


async def find_drift(services: Services) -> Drift:
    """Compare our tables with the voice platform's list, with what answers asked for anew; a ProviderError where that
    cannot be read."""
    target = await fresh_target(services)
    async with services.database.read() as session:
        held = await numbers.in_state(session, NumberState.IN_SERVICE)
    listing = await services.voice.numbers() if held else []
    by_id, by_number = {v.id: v for v in listing}, {str(v.number): v for v in reversed(listing)}
    drift = Drift(len(held), {}, [], {})
    for row in held:
        voice = by_id.get(row.voice_id or "") or by_number.get(row.number)
        if voice is None:
            drift.missing[row.number] = row
        elif not voice.answered_by(target):
            if await services.may_change(voice, row.target):
                drift.wrong[row.number] = row
            else:
                drift.foreign.append(row.number)
    return drift


async def fresh_target(services: Services) -> Target:
    """What is to answer now, whatever this process remembers: an assistant may have been made anew."""
    await services.voice.shared_assistant(fresh=True)
    return await services.target()


async def start_repoint(services: Services, once: Once | None = None) -> str:
    """Start a run; its id. Once per idempotency key. Conflict while one runs."""
    if before := await find_begun(services, once):
        return before.run

    async def begin(session: AsyncSession) -> Begun:
        return Begun((await REPOINTS.add(session)).id)

    try:
        return (await begin_once(services, once, RepointNumbers.kind, begin)).run
    except IntegrityError:
        raise Conflict("numbers are being re-pointed already", hint="wait for the end of that run") from None


class RepointNumbers:
    """The durable work of one run. What is done shows at the voice platform, so an execution after a crash sees only
    what is left. A refusal of one number is counted; what would stop every number ends the run, and the next run goes
    on from there."""

    kind = "repoint_numbers"
    runs = REPOINTS
    waits_in_line = False

    async def work(self, services: Services, row: Repoint) -> None:
        run = await Run.of(services, REPOINTS, row)
        end: dict[str, Any] = {"status": RunStatus.DONE.value}
        try:
            drift = await patiently(services, lambda: find_drift(services))
            await self._begin(run, drift)
            target, due = await services.target(), [*drift.wrong, *drift.missing]
            await side_by_side(
                services.settings.provider_concurrency,
                [lambda number=number: self._move(run, number, target) for number in due],  # type: ignore[misc]
            )
        except (RetryLater, ActionRequired) as error:
            message = f"{error.detail} ({error.hint})" if error.hint else error.detail
            end = {"status": RunStatus.FAILED.value, "message": message}
        async with run.write() as session:
            await run.end(session, **end)

    async def _begin(self, run: Run[Repoint], drift: Drift) -> None:
        left = len(drift.wrong) + len(drift.missing)
        total = max(run.row.total, left + len(drift.foreign))
        shown = ", ".join(drift.foreign[:3]) + (" ..." if len(drift.foreign) > 3 else "")
        message = f"{len(drift.foreign)} serve somebody else in Vapi: {shown}" if drift.foreign else None
        async with run.write() as session:
            await REPOINTS.change(
                session,
                run.id,
                run.row.epoch,
                total=total,
                moved=total - left - len(drift.foreign),
                left_alone=len(drift.foreign),
                failed=0,
                message=message,
            )

    async def _move(self, run: Run[Repoint], number: str, target: Target) -> None:
        """See to one number, unless it has gone out of service."""
        services, counted, note = run.services, "left_alone", None
        async with services.database.read() as session:
            row = await numbers.get(session, number)
        if row.state == NumberState.IN_SERVICE:
            try:
                await patiently(services, lambda: self._connect(run, row, target))
                counted = "moved"
            except (Missing, Foreign) as error:
                note = error.detail
            except RetryLater:
                raise
            except ProviderError as error:
                if error.account_wide:
                    raise
                counted, note = "failed", f"{number}: {error.detail}"
        async with run.write() as session:
            await runs.count_repointed(session, run.id, counted, note)

    async def _connect(self, run: Run[Repoint], row: Number, target: Target) -> Connected:
        with run.checked():
            return await connect_number(run.services, row, target)


async def patiently(services: Services, call: Callable[[], Awaitable[T]]) -> T:
    """RetryLater is waited out for a bounded time, and so is a lost reply: the call looks before it acts, once lists
    have had the time to show what was done."""
    end, attempt = time.monotonic() + services.settings.retry_for_seconds, 1
    while True:
        try:
            return await call()
        except (RetryLater, OutcomeUnknown) as error:
            unknown = services.settings.listing_lag_seconds if isinstance(error, OutcomeUnknown) else None
            wait = backoff(attempt, unknown or getattr(error, "retry_after", None))
            if time.monotonic() + wait > end:
                raise
            await asyncio.sleep(wait)
            attempt += 1
