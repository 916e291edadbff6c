"""Points the numbers in service at what is to answer them now, after a change of VAPI_ROUTING or of our address."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy.exc import IntegrityError

from trunkline.db import debts, numbers, repoints
from trunkline.db.debts import DebtKind
from trunkline.db.models import Repoint, utcnow
from trunkline.domain.numbers import NumberState
from trunkline.errors import ActionRequired, Conflict, Missing, ProviderError, RetryLater
from trunkline.voice.base import VoiceNumber
from trunkline.workflows.run import backoff
from trunkline.workflows.services import Services

KIND = "repoint_numbers"
T = TypeVar("T")


@dataclass(frozen=True)
class Drift:
    """The numbers in service (how many there are) that something else than the present target answers: `wrong` are ours
    to point right, `foreign` serve somebody else at the voice platform, `missing` are not there."""

    in_service: int
    wrong: dict[str, VoiceNumber]
    foreign: list[str]
    missing: list[str]


async def find_drift(services: Services) -> Drift:
    """Compare our tables with the voice platform's list; a ProviderError where that cannot be read."""
    target = await services.target()
    async with services.database.read() as session:
        held = await repoints.in_service(session)
    listing = await services.voice.numbers() if held else []
    by_id, by_number = {v.id: v for v in listing}, {str(v.number): v for v in reversed(listing)}
    wrong: dict[str, VoiceNumber] = {}
    foreign, missing = [], []
    for number, voice_id in held:
        voice = by_id.get(voice_id or "") or by_number.get(number)
        if voice is None:
            missing.append(number)
        elif not voice.answered_by(target):
            if await services.may_change(voice):
                wrong[number] = voice
            else:
                foreign.append(number)
    return Drift(len(held), wrong, foreign, missing)


async def start_repoint(services: Services) -> str:
    """Start a run; its id. Conflict while one runs."""
    try:
        async with services.database.write() as session:
            row = Repoint()
            session.add(row)
            await session.flush()
    except IntegrityError:
        raise Conflict("numbers are being re-pointed already", hint="wait for the end of that run") from None
    await services.engine.start(KIND, row.id)
    return row.id


class RepointNumbers:
    """The durable work of one run. What is done shows at the voice platform, so an execution after a crash sees only
    what is left. A refusal of one number is counted; what would stop every number ends the run, and the next run goes
    on from there."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def __call__(self, repoint_id: str) -> None:
        services = self._services
        async with services.database.write() as session:
            run = await repoints.begin(session, repoint_id)
        if run is None:
            return
        end: dict[str, Any] = {"status": "done"}
        try:
            drift = await self._patiently(lambda: find_drift(services))
            await self._begin(run, drift)
            await self._move_all(run, drift.wrong)
        except (RetryLater, ActionRequired) as error:
            end = {"status": "failed", "message": f"{error.detail} ({error.hint})" if error.hint else error.detail}
        async with services.database.write() as session:
            await repoints.fence(session, run.id, run.epoch, ended_at=utcnow(), **end)

    async def _begin(self, run: Repoint, drift: Drift) -> None:
        left_alone = [*drift.foreign, *drift.missing]
        total = max(run.total, len(drift.wrong) + len(left_alone))
        notes = [
            f"{len(found)} {what}: {', '.join(found[:3])}{' ...' if len(found) > 3 else ''}"
            for found, what in ((drift.foreign, "serve somebody else in Vapi"), (drift.missing, "are not in Vapi"))
            if found
        ]
        async with self._services.database.write() as session:
            await repoints.fence(
                session,
                run.id,
                run.epoch,
                total=total,
                moved=total - len(drift.wrong) - len(left_alone),
                left_alone=len(left_alone),
                failed=0,
                message="; ".join(notes) or None,
            )

    async def _move_all(self, run: Repoint, wrong: dict[str, VoiceNumber]) -> None:
        waiting = iter(wrong.items())

        async def worker() -> None:
            for number, voice in waiting:
                await self._move(run, number, voice)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._services.settings.provider_concurrency, len(wrong))):
                    group.create_task(worker())
        except ExceptionGroup as stopped:
            raise stopped.exceptions[0] from None

    async def _move(self, run: Repoint, number: str, voice: VoiceNumber) -> None:
        """Point one number right, unless it goes out of service: should that happen meanwhile, it is owed its
        detachment once more."""
        services = self._services
        async with services.database.read() as session:
            serving = (await numbers.get(session, number)).state == NumberState.IN_SERVICE
        counted, note = "left_alone", None
        if serving:
            try:
                await self._patiently(lambda: self._connect(voice))
                counted = "moved"
            except (RetryLater, ActionRequired):
                raise
            except Missing:
                note = f"{number} is not in Vapi"
            except ProviderError as error:
                counted, note = "failed", f"{number}: {error.detail}"
        async with services.database.write() as session:
            change: dict[str, Any] = {counted: getattr(Repoint, counted) + 1}
            await repoints.fence(session, run.id, run.epoch, **change | ({"message": note} if note else {}))
            row = await numbers.get(session, number)
            if counted == "moved" and row.state in (NumberState.COOLING_DOWN, NumberState.IDLE) and not row.claimed_by:
                await debts.owe(session, DebtKind.DETACH_OWED, number, wait=0)

    async def _connect(self, voice: VoiceNumber) -> None:
        await self._services.voice.connect(voice, await self._services.target())

    async def _patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """RetryLater is waited out for a bounded time."""
        end, attempt = time.monotonic() + self._services.settings.retry_for_seconds, 1
        while True:
            try:
                return await call()
            except RetryLater as error:
                wait = backoff(attempt, error.retry_after)
                if time.monotonic() + wait > end:
                    raise
                await asyncio.sleep(wait)
                attempt += 1
