"""From a number that we hold to one in service: import, connect, map; or share the trial account's number."""

from __future__ import annotations

import asyncio
import time
from functools import partial

from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.carriers.base import Carrier
from trunkline.db import debts, mappings, numbers
from trunkline.db.models import Mapping, Number, utcnow
from trunkline.domain.numbers import E164, NumberState
from trunkline.domain.outcomes import Outcome, Reason, Source, Status, unassigned
from trunkline.errors import (
    ActionRequired,
    AlreadyThere,
    Foreign,
    OutcomeUnknown,
    Rejected,
    RetryLater,
    Role,
    TrialLimit,
)
from trunkline.settings import TrialSharing
from trunkline.voice.base import VoiceNumber
from trunkline.workflows.assignment_run import AssignmentRun
from trunkline.workflows.end_mapping import end_mapping
from trunkline.workflows.run import RunStep


async def put_in_service(run: AssignmentRun, row: Number, absent: bool = False, note: str = "") -> Outcome:
    """Bring a claimed number to its restaurant, from wherever an earlier execution left it. `absent`: Vapi was just
    seen not to have it. `note` is shown with the result (a warning of the carrier's)."""
    if row.claim_source == Source.EXISTING:
        return await assign_existing(run, row)
    voice = await import_number(run, row, absent)
    await assign_assistant(run, row, voice)
    return await create_mapping(run, row, note)


async def assign_existing(run: AssignmentRun, row: Number) -> Outcome:
    """Point an idle number that Vapi has at what answers for restaurants, and map it."""
    async with run.step("assign_existing") as step:
        voice_id = row.voice_id or ""
        voice = await step.ask(lambda: run.services.voice.get(voice_id)) if run.resumed else None
        if voice is not None:
            await refuse_foreign(run, voice)
        record = voice or VoiceNumber(voice_id, provider_of(row), E164(row.number), "active")
        await step.ask(partial(connect, run, record))
        async with step.finish(f"{row.number} answers for the restaurant now") as session:
            outcome = await write_mapping(session, run, row.number, Source.EXISTING)
    run.count(outcome)
    return outcome


async def import_number(run: AssignmentRun, row: Number, absent: bool) -> VoiceNumber:
    """Add the number to Vapi, or adopt the record that is there; wait until it is active."""
    async with run.step("import_number", row.carrier) as step:
        carrier = run.services.carriers.get(row.carrier or "")
        if carrier is None:
            raise ActionRequired(
                f"{row.number} is held at {row.carrier}, which is not configured", hint=f"configure {row.carrier}"
            )
        voice = await bring_in(run, step, carrier, E164(row.number), absent and not step.repeated)
        voice = await until_ready(run, step, voice)
        run.imported[row.number] = voice.id
        step.detail = f"{row.number} is in Vapi as {voice.id}"
    return voice


async def bring_in(run: AssignmentRun, step: RunStep, carrier: Carrier, number: E164, absent: bool) -> VoiceNumber:
    """One record of this number at Vapi: looked for before it is created, and again when a reply was lost."""
    source = carrier.import_source()
    lag = run.settings.listing_lag_seconds if step.repeated else 0.0
    await step.show()
    while True:
        found = None if absent else await step.look(lambda: run.services.voice.find(number), lag)
        if found is not None:
            await refuse_foreign(run, found)
            return found
        try:
            # Known from get_credential, unless another process did that before it died.
            credential, target = await run.services.credential(carrier), await run.services.target()
            return await run.services.voice.import_number(number, source, credential, target, str(run.mark))
        except (OutcomeUnknown, AlreadyThere) as error:
            absent, lag = False, run.settings.listing_lag_seconds
            await step.wait(error)
        except RetryLater as error:
            await step.wait(error)
        except Rejected:
            run.services.credentials.pop(carrier.name, None)  # it may be the credential that is gone
            raise


async def refuse_foreign(run: AssignmentRun, voice: VoiceNumber) -> None:
    if not voice.free_for(await run.services.voice.shared_assistant(), run.services.server_url):
        raise Foreign(
            f"{voice.number} serves another assistant in Vapi and is not touched", provider="vapi", role=Role.VOICE
        )


async def until_ready(run: AssignmentRun, step: RunStep, voice: VoiceNumber) -> VoiceNumber:
    """A fresh number may need minutes to become active; calls do not work until then."""
    end, pause = time.monotonic() + run.settings.activation_seconds, 0.1
    while not voice.ready:
        if voice.status == "blocked":
            raise ActionRequired(
                f"Vapi has blocked {voice.number}", provider="vapi", role=Role.VOICE, hint="ask Vapi why"
            )
        if time.monotonic() > end:
            raise RetryLater(f"Vapi has not activated {voice.number} yet", provider="vapi", role=Role.VOICE)
        step.detail = f"{voice.number} is {voice.status}"
        await asyncio.sleep(pause)
        pause = min(pause * 2, 5.0)
        voice = await step.ask(partial(run.services.voice.get, voice.id))
    return voice


async def assign_assistant(run: AssignmentRun, row: Number, voice: VoiceNumber) -> None:
    """Connect the number; an import has usually done it in the same request."""
    async with run.step("assign_assistant") as step:
        target = await run.services.target()
        if voice.answered_by(target):
            step.detail = "connected in the same request as the import"
            return
        await step.ask(partial(connect, run, voice))
        step.detail = "connected to the shared assistant" if target.assistant_id else "connected to our server"


async def connect(run: AssignmentRun, voice: VoiceNumber) -> VoiceNumber:
    return await run.services.voice.connect(voice, await run.services.target())


async def create_mapping(run: AssignmentRun, row: Number, note: str) -> Outcome:
    source = Source(row.claim_source or Source.OWNED)
    async with run.step("create_mapping") as step, step.finish(f"{row.number} is in service") as session:
        outcome = await write_mapping(session, run, row.number, source, note)
    run.count(outcome)
    return outcome


async def write_mapping(
    session: AsyncSession, run: AssignmentRun, number: str, source: Source, note: str = ""
) -> Outcome:
    """The number is in service and the assignment ends, in one transaction. A shared mapping that the restaurant had
    ends with it."""
    if old := await mappings.current(session, run.restaurant_id):
        await end_mapping(session, old, "replaced", run.settings.number_cooldown_hours)
    seen = await run.record_voice_ids(session)
    row = seen.get(number) or await numbers.get(session, number)
    numbers.move(row, NumberState.IN_SERVICE)
    row.claimed_by = row.claim_source = None
    row.former_restaurant_id = row.cooling_until = None
    session.add(new_mapping(run, number, source, active=True))
    await debts.settle(session, number)
    message = f"{number} is in service"
    outcome = Outcome(Status.ASSIGNED, source, number, message=f"{message}; {note}" if note else message)
    await run.close(session, outcome)
    return outcome


def new_mapping(run: AssignmentRun, number: str, source: Source, active: bool) -> Mapping:
    return Mapping(
        number=number,
        restaurant_id=run.restaurant_id,
        assignment_id=run.id,
        active=active,
        source=source.value,
        created_at=utcnow(),
    )


async def reuse_trial_number(run: AssignmentRun, carrier: Carrier, limit: TrialLimit) -> Outcome:
    """The trial account may hold no further number: share the one it has, by the sharing policy."""
    async with run.step("reuse_trial_number", carrier.name) as step:
        policy = run.settings.trial_sharing
        if policy is TrialSharing.OFF:
            step.detail = "sharing is off"
            return unassigned(Reason.TRIAL_LIMIT, limit.detail, "upgrade the account, or set TRIAL_SHARING")
        while (row := await _shareable(run, carrier)) is None:
            async with run.services.database.read() as session:
                about_to_be = await numbers.busy_at(session, carrier.name)
            if not about_to_be:
                step.detail = "the account's number is not ours to share"
                return unassigned(Reason.TRIAL_LIMIT, limit.detail, "upgrade the account")
            await step.wait(RetryLater("the account's number is about to be put in service", provider=carrier.name))
        async with step.finish(f"shares {row.number}, {policy.value} restaurant answers") as session:
            outcome = await _share(session, run, row, policy)
    run.count(outcome)
    return outcome


async def _shareable(run: AssignmentRun, carrier: Carrier) -> Number | None:
    async with run.services.database.read() as session:
        return await numbers.in_service_at(session, carrier.name)


async def _share(session: AsyncSession, run: AssignmentRun, row: Number, policy: TrialSharing) -> Outcome:
    others = await mappings.of_number(session, row.number)
    if not others:
        raise RetryLater(f"{row.number} has just gone out of service")
    if old := await mappings.current(session, run.restaurant_id):
        if old.number == row.number:
            outcome = Outcome(Status.ASSIGNED, Source.SHARED, row.number, message=f"still shares {row.number}")
            await run.close(session, outcome)
            return outcome
        await end_mapping(session, old, "replaced", run.settings.number_cooldown_hours)
    mapping = new_mapping(run, row.number, Source.SHARED, active=False)
    session.add(mapping)
    await session.flush()
    if policy is TrialSharing.NEWEST:
        await mappings.activate(session, mapping)
    message = f"shares {row.number} with {len(others)} other restaurant{'s' if len(others) > 1 else ''}"
    outcome = Outcome(
        Status.ASSIGNED,
        Source.SHARED,
        row.number,
        message=f"{message}: the trial account may hold no further number",
        hint="upgrade the carrier account; the next assignment buys a number of its own",
    )
    await run.close(session, outcome)
    return outcome


def provider_of(row: Number) -> str:
    """Vapi's word for our carrier."""
    return "byo-phone-number" if row.carrier == "byo" else row.carrier or "twilio"
