"""Giving a number up: detach it, delete it at Vapi, then restore or release it at the carrier."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db import assignments, debts, mappings, numbers, releases
from trunkline.db.debts import DebtKind
from trunkline.db.models import Number, Release, utcnow
from trunkline.domain.choosing import OwnedNumber
from trunkline.domain.numbers import E164, NumberState
from trunkline.errors import ActionRequired, Conflict, Missing, NumberInService, TrunklineError
from trunkline.workflows.run import Run
from trunkline.workflows.services import Services

KIND = "release_number"


async def request_release(services: Services, number: str, *, give_back: bool, force: bool = False) -> str:
    """Start a release; its id. `give_back` ends the number at the carrier too (and its monthly price); else it stays in
    the account with its old settings. NumberInService for a number that serves a restaurant unless `force`, which ends
    the mappings; Conflict for one that is claimed, foreign or already being released."""
    try:
        async with services.database.write() as session:
            row = await numbers.get(session, number)
            if row.state in (NumberState.FOREIGN, NumberState.RELEASED, NumberState.RELEASING):
                raise Conflict(f"{number} is {row.state}", hint="only a number that we hold can be released")
            if row.claimed_by is not None:
                raise Conflict(f"{number} is about to be put in service", hint="wait until its assignment has ended")
            current = await mappings.of_number(session, number)
            if current and not force:
                raise NumberInService(f"{number} serves a restaurant", hint="force releases it all the same")
            for mapping in current:
                mapping.active, mapping.ended_at, mapping.end_reason = False, utcnow(), "number_released"
                row.former_restaurant_id = mapping.restaurant_id
                row.cooling_until = utcnow() + timedelta(hours=services.settings.number_cooldown_hours)
            numbers.move(row, NumberState.RELEASING)
            release = Release(number=number, give_back=give_back)
            session.add(release)
            await session.flush()
            await debts.settle(session, number)
            await debts.owe(session, DebtKind.RELEASE_OWED, number, run_id=release.id)
    except IntegrityError:
        raise Conflict(f"{number} is already being released") from None
    await services.engine.start(KIND, release.id)
    return release.id


async def resume_release(services: Services, release_id: str) -> None:
    """Try an owed release again."""
    async with services.database.write() as session:
        await releases.reopen(session, release_id)
    await services.engine.ensure(KIND, release_id)


class ReleaseNumber:
    """The durable work of one release. Every step may run twice: gone already is success everywhere."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def __call__(self, release_id: str) -> None:
        services = self._services
        async with services.database.write() as session:
            release = await releases.begin(session, release_id)
            if release is None:
                return
            rows = (await assignments.steps(session, [release_id]))[release_id]
            row = await numbers.get(session, release.number)

        async def fence(session: AsyncSession) -> None:
            await releases.fence(session, release.id, release.epoch)

        run = Run(services, release_id, rows, fence)
        try:
            await remove_import(run, row)
            await leave_carrier(run, release, row)
        except TrunklineError as error:
            async with run.write() as session:
                await assignments.interrupt_steps(session, run.id)
                await releases.fence(session, release.id, release.epoch, status="owed", message=error.detail)
                await debts.owe(session, DebtKind.RELEASE_OWED, row.number, run_id=release.id, reason=error.detail)


async def remove_import(run: Run, row: Number) -> None:
    """Take the number off the assistant, then out of Vapi; one that is not there needs neither."""
    voice = run.services.voice
    async with run.step("detach_assistant") as step:
        record = await step.ask(lambda: voice.find(E164(row.number)))
        ours = record is not None and await run.services.may_change(record)
        if record is not None and ours:
            target = record
            await step.ask(lambda: voice.connect(target, None))
        step.detail = (
            "detached" if ours else "not in Vapi" if record is None else "serves another assistant: left alone"
        )
    async with run.step("delete_import") as step:
        if record is not None and ours:
            voice_id = record.id
            await step.ask(lambda: voice.remove(voice_id))
            step.detail = f"deleted {voice_id} from Vapi"


async def leave_carrier(run: Run, release: Release, row: Number) -> None:
    """Give the number back, or put back the settings from before our import; then the release is done."""
    async with run.step("release_carrier" if release.give_back else "restore_carrier", row.carrier) as step:
        carrier = run.services.carriers.get(row.carrier or "")
        if carrier is None and row.carrier is not None and release.give_back:
            raise ActionRequired(f"{row.carrier} is not configured", hint=f"configure {row.carrier}")
        owned = OwnedNumber(E164(row.number), row.carrier_ref or "")
        with suppress(Missing):
            if carrier is not None and release.give_back:
                await step.ask(lambda: carrier.release(owned))
            elif carrier is not None:
                await step.ask(lambda: carrier.restore(owned, dict(row.saved_urls or {})))
        done = (
            "given back to the carrier" if release.give_back else "kept in the carrier's account, old settings restored"
        )
        async with step.finish(f"{row.number} {done}") as session:
            kept = await numbers.get(session, row.number)
            kept.voice_id = None
            if release.give_back:
                numbers.move(kept, NumberState.RELEASED)
                kept.released_at, kept.cooling_until = utcnow(), None
            else:  # still paid for: idle again, once it has cooled down if it served somebody
                numbers.move(kept, NumberState.COOLING_DOWN)
                kept.cooling_until = kept.cooling_until or utcnow()
            await releases.fence(
                session, release.id, release.epoch, status="done", message=f"{row.number} {done}", ended_at=utcnow()
            )
            await debts.settle(session, row.number)
