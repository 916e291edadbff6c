"""Giving a number up: detach it, delete it at Vapi, then restore or release it at the carrier that holds it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import structlog
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.carriers.base import Carrier
from trunkline.db import debts, mappings, numbers, runs
from trunkline.db.models import Number, Release
from trunkline.db.runs import RELEASES
from trunkline.domain.choosing import OwnedNumber
from trunkline.domain.marks import other_installation
from trunkline.domain.notes import NumberNotes
from trunkline.domain.numbers import E164, NumberState
from trunkline.domain.states import DebtKind, RunStatus
from trunkline.errors import (
    ActionRequired,
    Conflict,
    Foreign,
    Missing,
    NumberInService,
    NumberProtected,
    ProviderError,
    RetryLater,
    Superseded,
    TrunklineError,
)
from trunkline.voice.base import VoiceNumber
from trunkline.workflows import accounts
from trunkline.workflows.connect_number import find_record, mark_texts, refuse_marked
from trunkline.workflows.once import Begun, Once, begin_once, find_begun
from trunkline.workflows.purchase_outcome import unlisted_for
from trunkline.workflows.run import Run, RunStep
from trunkline.workflows.services import Services, leads_to_vapi
from trunkline.workflows.stock_number import refuse_foreign

log = structlog.get_logger()
NOT_PROTECTED = "force releases it all the same; PATCH /api/numbers/{number} takes the protection off"


async def request_release(
    services: Services, number: str, *, give_back: bool, force: bool = False, once: Once | None = None
) -> str:
    """Start a release; its id. Once per idempotency key. `give_back` ends the number at the carrier too (and its
    monthly price); else it stays in the account with its old settings. NumberInService for a number that serves a
    restaurant and NumberProtected for a protected one, unless `force`, which ends the mappings; Conflict for one that
    is claimed, foreign or already being released."""
    if before := await find_begun(services, once):
        return before.run

    async def begin(session: AsyncSession) -> Begun:
        await numbers.get(session, number)
        row = (await numbers.lock(session, number))[number]
        return Begun(await begin_release(services, session, row, give_back=give_back, force=force))

    try:
        return (await begin_once(services, once, ReleaseNumber.kind, begin)).run
    except IntegrityError:
        raise Conflict(f"{number} is already being released") from None


async def begin_release(
    services: Services, session: AsyncSession, row: Number, *, give_back: bool, force: bool = False
) -> str:
    """Write it, of a locked row, unless it is refused; its id. Whoever commits it starts the run."""
    refuse_release(row, await mappings.count_of_number(session, row.number) > 0, force)
    await mappings.end_all(session, row, "number_released", services.settings.number_cooldown_hours)
    numbers.move(row, NumberState.RELEASING)
    release = await RELEASES.add(session, number=row.number, give_back=give_back)
    await debts.settle(session, row.number)
    await debts.owe(session, DebtKind.RELEASE_OWED, row.number, provider=row.carrier, run_id=release.id)
    return release.id


def refuse_release(row: Number, in_use: bool, force: bool) -> None:
    """Raise unless the number may be released."""
    if row.state in (NumberState.FOREIGN, NumberState.RELEASED, NumberState.RELEASING):
        raise Conflict(f"{row.number} is {row.state}", hint="only a number that we hold can be released")
    if row.claimed_by is not None:
        raise Conflict(f"{row.number} is about to be put in service", hint="wait until its assignment has ended")
    if row.protected and not force:
        raise NumberProtected(f"{row.number} is protected", hint=NOT_PROTECTED)
    if in_use and not force:
        raise NumberInService(f"{row.number} serves a restaurant", hint="force releases it all the same")


async def release_due(services: Services) -> None:
    """Give back the numbers whose time is over and that are idle, also outside: what somebody uses there by now is put
    aside, as nobody has asked for its end since."""
    async with services.database.read() as session:
        due = await numbers.due_for_release(session)
    silent: set[str | None] = set()  # who does not answer is not asked about each of its numbers
    for row in (row for row in due if row.carrier not in silent):
        try:
            await refuse_used(services, row)
            await request_release(services, row.number, give_back=True)
        except Conflict as error:
            log.info("its release waits", number=row.number, reason=error.detail)
        except ProviderError as error:
            log.info("it is not given back", number=row.number, reason=error.detail)
            if isinstance(error, RetryLater) or error.account_wide:
                silent.add(row.carrier)
            else:
                await put_aside(services, row.number, error.detail)


async def put_aside(services: Services, number: str, reason: str) -> None:
    """Unless somebody has taken it meanwhile."""
    async with services.database.write() as session:
        row = (await numbers.lock(session, number))[number]
        if row.state == NumberState.IDLE and row.claimed_by is None:
            numbers.put_aside(row, reason)


async def refuse_used(services: Services, row: Number) -> None:
    """Foreign where somebody else uses it, at its carrier or in Vapi. Of a carrier that is not configured nothing is
    known: its release is owed, and shown."""
    carrier = services.carriers.get(row.carrier or "")
    owned = await carrier.lookup(E164(row.number)) if carrier is not None else None
    if carrier is not None and owned is not None:
        await refuse_foreign(services, carrier, owned, await find_record(services, row))


async def resume_release(services: Services, release_id: str) -> None:
    """Try an owed release again."""
    async with services.database.write() as session:
        await runs.reopen_release(session, release_id)
    await services.engine.ensure(ReleaseNumber.kind, release_id)


class ReleaseNumber:
    """The durable work of one release. Every step may run twice, and each is done when the outside was asked and shows
    that it is."""

    kind = "release_number"
    runs = RELEASES
    waits_in_line = True

    async def work(self, services: Services, row: Release) -> None:
        run = await Run.of(services, RELEASES, row)
        async with services.database.read() as session:
            number = await numbers.get(session, row.number)
        try:
            await remove_import(run, number)
            await leave_carrier(run, row, number)
        except Superseded:
            await owe_connection(services, number)
            raise
        except Foreign as error:
            await leave_to_them(run, number, error)
        except TrunklineError as error:
            async with run.write() as session:
                await run.end(session, status=RunStatus.OWED.value, message=error.detail)
                await debts.owe(
                    session,
                    DebtKind.RELEASE_OWED,
                    number.number,
                    provider=number.carrier,
                    run_id=run.id,
                    reason=error.detail,
                )


async def leave_to_them(run: Run[Release], number: Number, error: Foreign) -> None:
    """What another installation has is not ours to give back, and nothing of it is owed."""
    async with run.write() as session:
        row = (await numbers.lock(session, number.number))[number.number]
        numbers.foreign(row)
        numbers.in_voice(row, None, None, None)
        numbers.describe(row, NumberNotes(never_release=True))  # should it be ours again, that was said of it before
        await run.end(session, status=RunStatus.DONE.value, message=f"{error.detail}: it is left to it")
        await debts.settle(session, row.number)


async def owe_connection(services: Services, number: Number) -> None:
    """A request of an execution that was overtaken may have reached the number after it had been given to a restaurant
    again: then it is owed what answers it."""
    async with services.database.write() as session:
        row = await numbers.get(session, number.number)
        if row.state == NumberState.IN_SERVICE or row.claimed_by is not None:
            await debts.owe(
                session,
                DebtKind.CONNECT_OWED,
                row.number,
                provider="vapi",
                wait=0,
                reason="overtaken while it was being released",
            )


async def remove_import(run: Run[Any], row: Number) -> None:
    """Take the number off what we set to answer it, then out of Vapi; one that is not there needs neither. What Vapi
    itself provides is nowhere else: whether it is given back is for the next step. Foreign, before anything is changed,
    where another installation has it."""
    voice = run.services.voice
    async with run.step("detach_assistant") as step:
        await step.ask(lambda: accounts.refuse_changed(run.services, accounts.VOICE))
        record = await step.ask(lambda: find_record(run.services, row))
        await step.ask(lambda: refuse_theirs(run.services, record, row))
        ours = record is not None and await step.ask(lambda: run.services.may_change(record, row.target))
        if record is not None and ours and record.connected:
            attached = record
            await step.ask(lambda: voice.connect(attached, None))
        step.detail = (
            "detached" if ours else "not in Vapi" if record is None else "serves another assistant: left alone"
        )
    async with run.step("delete_import") as step:
        if record is not None and record.native:
            step.detail = f"{row.number} was not imported: Vapi itself provides it"
        elif record is not None and ours:
            voice_id = record.id
            await step.ask(lambda: voice.remove(voice_id))
            step.detail = f"deleted {voice_id} from Vapi"


async def refuse_theirs(services: Services, record: VoiceNumber | None, row: Number) -> None:
    """Foreign where another installation's mark stands on the number, in Vapi or at its carrier."""
    texts = await mark_texts(services, record, row)
    if (theirs := other_installation(services.installation, *texts)) is not None:
        raise Foreign(
            f"{row.number} carries the mark of another installation ({theirs})", provider=row.carrier or "vapi"
        )


async def leave_carrier(run: Run[Release], release: Release, row: Number) -> None:
    """Give the number back, or put back the settings from before our import, in the account that holds it; then the
    release is done. What the account does not hold (any more) is not kept. Foreign where others have it."""
    async with run.step("release_carrier" if release.give_back else "restore_carrier", row.carrier) as step:
        carrier = run.services.carriers.get(row.carrier or "")
        if carrier is None and row.carrier is not None:
            raise ActionRequired(
                f"{row.carrier} is not configured", provider=row.carrier, hint=f"configure {row.carrier}"
            )
        done, given_back = "is no carrier's", release.give_back
        if carrier is not None:
            await step.ask(lambda: accounts.refuse_changed(run.services, carrier.name))
            owned = await step.look(lambda: carrier.lookup(E164(row.number)), unlisted_for(run.services, row.bought_at))
            if owned is None:
                done, given_back = await not_held(carrier, row), True
            else:
                refuse_marked(run.services, carrier, owned)
                done = await (give_back(step, carrier, owned) if given_back else restore(step, carrier, row, owned))
        async with step.finish(f"{row.number} {done}") as session:
            left = (await numbers.lock(session, row.number))[row.number]
            numbers.leave(left, given_back=given_back)
            await run.end(session, status=RunStatus.DONE.value, message=f"{row.number} {done}")
            await debts.settle(session, row.number)


async def not_held(carrier: Carrier, row: Number) -> str:
    """Said of what the account does not hold. It is not called so where it may be in another one: that is owed."""
    refuse_elsewhere(row, carrier, await carrier.account_id())
    return f"was not in the {carrier.name} account any more"


async def give_back(step: RunStep, carrier: Carrier, owned: OwnedNumber) -> str:
    """End it there, and look that it is ended."""
    try:
        await step.ask(lambda: carrier.release(owned))
    except Missing:
        log.info("it was given back at the same moment", number=owned.number)
    if carrier.capabilities.sells and await step.ask(lambda: carrier.lookup(owned.number)) is not None:
        raise RetryLater(f"{carrier.name} still holds {owned.number}", provider=carrier.name)
    return "given back to the carrier"


async def restore(step: RunStep, carrier: Carrier, row: Number, owned: OwnedNumber) -> str:
    """Put back what the import overwrote, and say what answers the number now."""
    known = replace(owned, by_vapi=leads_to_vapi(owned, row.target))
    restored = await step.ask(lambda: carrier.restore(known, dict(row.saved_urls or {})))
    if leads_to_vapi(restored.number, row.target):
        raise RetryLater(f"{row.number} still leads to Vapi at {carrier.name}", provider=carrier.name)
    if not restored.changed:
        return "kept in the carrier's account; nothing there had to be restored"
    done = "old settings restored" if row.saved_urls else "Vapi's addresses taken off"
    return f"kept in the carrier's account, {done}"


def refuse_elsewhere(row: Number, carrier: Carrier, account: str) -> None:
    """The account of our keys does not hold the number. That it was given back is believed of the account that held
    it, and of no other."""
    if row.account not in (None, "", account):
        raise ActionRequired(
            f"{row.number} is held in {carrier.name} account {row.account}, and the keys are of {account}",
            provider=carrier.name,
            hint=f"set the keys of {row.account} until this is done, or give the number back there by hand",
        )
