"""From a number that we hold to one in service: import, connect, map."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.carriers.base import Carrier
from trunkline.db import debts, mappings, numbers, restaurants
from trunkline.db.models import Number
from trunkline.domain.choosing import OwnedNumber, with_answerer
from trunkline.domain.marks import carries_mark_of, other_installation, parse_mark
from trunkline.domain.numbers import E164
from trunkline.domain.outcomes import TRY_AGAIN, Outcome, Source, Status
from trunkline.errors import (
    ActionRequired,
    AlreadyThere,
    Conflict,
    Foreign,
    Missing,
    OutcomeUnknown,
    ProviderError,
    Rejected,
    RetryLater,
    Role,
    TrunklineError,
)
from trunkline.providers.http import before_sending
from trunkline.voice.base import Target, VoiceNumber
from trunkline.workflows import accounts
from trunkline.workflows.assignment_run import AssignmentRun
from trunkline.workflows.connect_number import refuse_marked
from trunkline.workflows.run import RunStep
from trunkline.workflows.services import plain_target

MARKING_SECONDS = 1.0  # in which everybody who saw no mark has written theirs
MARKING_SHARE = 0.75  # of it: what was seen longer ago is looked at once more before it is marked
FRESH_SECONDS = 2.0  # what was seen longer ago is looked at again before it is changed
TAKING_OFF_SECONDS = 2.0  # in which whoever wrote a mark over another one by buying what is held has taken it off again
GIVING_WAY_SECONDS = (
    10.0  # in which whoever imported a number that carries our mark has looked once more, and gives way
)


@dataclass
class Held:
    """A claimed number on its way into service, with what was seen of it: `owned` at its carrier, `voice` at the voice
    platform (`absent`: it was just seen not to be there), `seen_at` when, by the monotonic clock. `note` is shown with
    the result."""

    row: Number
    owned: OwnedNumber | None = None
    voice: VoiceNumber | None = None
    seen_at: float = float("-inf")
    absent: bool = False
    note: str = ""

    @property
    def number(self) -> E164:
        return E164(self.row.number)

    @property
    def fresh(self) -> bool:
        return time.monotonic() - self.seen_at < FRESH_SECONDS


async def put_in_service(run: AssignmentRun, held: Held) -> Outcome:
    """Bring a claimed number to its restaurant, from wherever an earlier execution left it."""
    if held.row.claim_source == Source.EXISTING:
        return await assign_existing(run, held)
    try:
        target = await import_number(run, held)
        await assign_assistant(run, held, target)
        return await create_mapping(run, held, target)
    except TrunklineError:
        await keep_voice_id(run, held)
        raise


async def keep_voice_id(run: AssignmentRun, held: Held) -> None:
    """What was imported is known to be, however the run ends."""
    if held.voice is not None and held.voice.id != held.row.voice_id:
        async with run.write() as session:
            row = await numbers.get(session, held.number)
            numbers.in_voice(row, held.voice.id, await run.services.voice.account(), row.target)


async def assign_existing(run: AssignmentRun, held: Held) -> Outcome:
    """Point an idle number that Vapi has at what answers for restaurants, under our mark, and map it."""
    async with run.step("assign_existing") as step:
        if held.voice is None or not held.fresh:
            await see_record(run, step, held)
        voice, target = held.voice, await run.services.target()
        assert voice is not None
        if mark_for(run, voice) is None:
            await step.ask(partial(run.services.voice.connect, voice, target))
        else:
            await take_unmarked(run, step, held, target)
        async with step.finish(f"{held.number} answers for the restaurant now") as session:
            outcome = await write_mapping(session, run, held, Source.EXISTING, target)
    run.count(outcome)
    return outcome


async def take_unmarked(run: AssignmentRun, step: RunStep, held: Held, target: Target) -> None:
    """Put our mark on a record that has none, and see that it stands when everybody who saw none has written theirs: of
    several installations that want the number, the last one has it. Foreign for the others."""
    quiet = min(run.settings.listing_lag_seconds, MARKING_SECONDS)
    try:
        await step.ask(partial(mark_record, run, held, target, quiet * MARKING_SHARE))
    except Conflict:  # many wait for their turn: it is looked at once more, and taken however long that takes
        await step.ask(partial(mark_record, run, held, target, math.inf))
    await step.pause(quiet)
    await see_record(run, step, held)


async def mark_record(run: AssignmentRun, held: Held, target: Target, seconds: float) -> None:
    """Look, and mark what is ours to use; Conflict where the turn to do it came later than so long after the look."""
    assert held.voice is not None
    seen_at = time.monotonic()
    voice = held.voice = await run.services.voice.get(held.voice.id)
    await refuse_foreign(run, held)

    async def refuse_old() -> None:
        if time.monotonic() - seen_at > seconds:
            raise Conflict(f"{voice.number} was seen too long ago")

    with before_sending(refuse_old):
        await run.services.voice.connect(voice, target, mark_for(run, voice))


async def see_record(run: AssignmentRun, step: RunStep, held: Held) -> None:
    """The record at the voice platform as it is now; Foreign where it serves somebody else."""
    voice_id = held.voice.id if held.voice else held.row.voice_id or ""
    held.voice = await step.ask(lambda: run.services.voice.get(voice_id))
    await refuse_foreign(run, held)


def mark_for(run: AssignmentRun, voice: VoiceNumber) -> str | None:
    """The name that says whose the record is; None where it says so already."""
    return None if carries_mark_of(run.services.installation, voice.name) else str(run.mark)


async def import_number(run: AssignmentRun, held: Held) -> Target:
    """Add the number to Vapi, or adopt the record that is there; wait until it is active. The target it was given."""
    async with run.step("import_number", held.row.carrier) as step:
        carrier = run.services.carriers.get(held.row.carrier or "")
        if carrier is None:
            raise ActionRequired(
                f"{held.number} is held at {held.row.carrier}, which is not configured",
                hint=f"configure {held.row.carrier}",
            )
        if not held.fresh:
            await look_at_carrier(run, step, held, carrier)
        target = await run.services.target()
        try:
            held.voice = await bring_in(run, step, held, carrier, target)
            held.voice = await until_ready(run, step, held.voice)
        except (Foreign, OutcomeUnknown):
            raise
        except ProviderError as error:
            await tell_gone(run, step, held, carrier)
            await doubt_imports(run, held, carrier, error)
            raise
        await confirm(run, step, held, carrier)
        if run.services.trust.worked(carrier.name):
            await accounts.unblock(run.services, carrier.name)
        step.detail = f"{held.number} is in Vapi as {held.voice.id}"
    return target


async def look_at_carrier(run: AssignmentRun, step: RunStep, held: Held, carrier: Carrier) -> None:
    """The truth about a number that is about to be used: Missing if the account does not hold it (any more), Foreign if
    another installation's mark stands on it, or somebody has pointed it elsewhere."""
    owned = await step.ask(lambda: carrier.lookup(held.number))
    if owned is None:
        raise Missing(f"the {carrier.name} account does not hold {held.number}", provider=carrier.name)
    refuse_marked(run.services, carrier, owned)
    if owned.application is not None:
        owned = await know_answerer(run, step, held, owned)
    if owned.used_by is not None and not owned.by_vapi and carrier.capabilities.imported:  # else it is in Vapi's record
        raise Foreign(f"{held.number} is answered by {owned.used_by} at {carrier.name}", provider=carrier.name)
    held.owned, held.seen_at = owned, time.monotonic()


async def know_answerer(run: AssignmentRun, step: RunStep, held: Held, owned: OwnedNumber) -> OwnedNumber:
    """Whether the application that answers the number is Vapi's. Where Vapi does not show which are, it is taken for
    Vapi's if the number is there."""
    applications = await step.ask(run.services.voice.applications)
    if applications is not None:
        return with_answerer(owned, applications)
    if held.voice is None:
        held.voice, held.absent = await step.ask(lambda: run.services.voice.find(held.number)), False
    return replace(owned, by_vapi=held.voice is not None)


async def tell_gone(run: AssignmentRun, step: RunStep, held: Held, carrier: Carrier) -> None:
    """Why an import failed, where the carrier knows more: Missing or Foreign as `look_at_carrier` raises them."""
    try:
        await look_at_carrier(run, step, held, carrier)
    except (Missing, Foreign):
        raise
    except ProviderError:
        return


async def confirm(run: AssignmentRun, step: RunStep, held: Held, carrier: Carrier) -> None:
    """Look once more after the import: what answers the number now is known for later, and whose mark stands there.
    Of two installations that bought or marked one number at the same moment, the one whose mark stands then has it;
    the other takes its own import away again."""
    if not (carrier.capabilities.sells and carrier.capabilities.imported) or held.voice is None:
        return
    owned = await see_mark(run, step, held, carrier)
    if owned is None:
        return  # a listing may lag behind a purchase; that it is gone is found by whoever looks next
    try:
        if parse_mark(owned.mark_text) is None and carrier.capabilities.owner_mark:
            owned = await step.ask(partial(carrier.mark, owned, run.mark))  # ours was overwritten, and theirs taken off
        refuse_marked(run.services, carrier, owned)
    except Foreign:
        voice, held.voice = held.voice, None
        if carries_mark_of(run.services.installation, voice.name):
            await step.ask(lambda: run.services.voice.remove(voice.id))
        raise
    held.owned, held.seen_at = owned, time.monotonic()


async def see_mark(run: AssignmentRun, step: RunStep, held: Held, carrier: Carrier) -> OwnedNumber | None:
    """The number at its carrier. Another installation's mark is looked at until it is old enough to stay: where what is
    held is sold once more, a purchase overwrites the mark of whoever was first, finds that, and takes its own off."""
    end = time.monotonic() + TAKING_OFF_SECONDS
    while True:
        owned = await step.ask(lambda: carrier.lookup(held.number))
        theirs = other_installation(run.services.installation, owned.mark_text) if owned else None
        if theirs is None or time.monotonic() > end:
            return owned
        await step.pause(0.2)


async def doubt_imports(run: AssignmentRun, held: Held, carrier: Carrier, error: ProviderError) -> None:
    """A number that was just bought cannot be imported. Where that is not this number's fault, no more are bought."""
    if held.row.claim_source != Source.PURCHASED or not carrier.capabilities.imported:
        return
    if run.services.trust.failed(carrier.name) or error.account_wide:
        reason = f"numbers of {carrier.name} cannot be imported into Vapi: {error.detail}"
        await accounts.block(run.services, carrier, error, reason)


async def bring_in(run: AssignmentRun, step: RunStep, held: Held, carrier: Carrier, target: Target) -> VoiceNumber:
    """One record of this number at Vapi: looked for before it is created, and again when a reply was lost."""
    source, voice = carrier.import_source(), run.services.voice
    lag = run.settings.listing_lag_seconds if step.repeated else 0.0
    absent, began_at = held.absent and not step.repeated, time.monotonic()
    await step.show()
    while True:
        held.voice = None if absent else await step.look(lambda: voice.find(held.number), lag)
        if time.monotonic() - began_at < GIVING_WAY_SECONDS and await gives_way(run, step, held, carrier):
            absent, lag = False, 0.0
            await step.pause(0.5)
            continue
        if held.voice is not None:
            await refuse_foreign(run, held)
            return held.voice
        try:
            # Known from get_credential, unless another process did that before it died.
            credential = await run.services.credential(carrier)
            with run.checked():
                return await voice.import_number(held.number, source, credential, target, str(run.mark))
        except (OutcomeUnknown, AlreadyThere) as error:
            absent, lag = False, run.settings.listing_lag_seconds
            await step.wait(error)
        except RetryLater as error:
            await step.wait(error)
        except Rejected:
            run.services.credentials.pop(carrier.name, None)  # it may be the credential that is gone
            raise


async def gives_way(run: AssignmentRun, step: RunStep, held: Held, carrier: Carrier) -> bool:
    """Whether another installation has imported a number that carries our mark now: both bought or marked it at the
    same moment, and ours stands, so that the other will take its import away again (see `confirm`)."""
    here = run.services.installation
    theirs = other_installation(here, held.voice.name) if held.voice else None
    if theirs is None or not carrier.capabilities.owner_mark:
        return False
    owned = await step.ask(lambda: carrier.lookup(held.number))
    return owned is not None and carries_mark_of(here, owned.mark_text)


async def refuse_foreign(run: AssignmentRun, held: Held) -> None:
    """Foreign where the record at the voice platform serves somebody else, by its mark or by what answers it."""
    voice = held.voice
    assert voice is not None
    if (theirs := other_installation(run.services.installation, voice.name)) is not None:
        detail = f"{voice.number} is in Vapi under the mark of another installation ({theirs})"
        raise Foreign(detail, provider="vapi", role=Role.VOICE)
    if not run.services.is_ours(voice, await run.services.voice.shared_assistant(), held.row.target):
        raise Foreign(
            f"{voice.number} serves another assistant in Vapi and is not touched", provider="vapi", role=Role.VOICE
        )


async def until_ready(run: AssignmentRun, step: RunStep, voice: VoiceNumber) -> VoiceNumber:
    """A fresh number may need minutes to become active; calls do not work until then."""
    end, pause = time.monotonic() + run.settings.activation_seconds, 0.1
    while not voice.ready:
        if voice.status == "blocked":
            hint = "ask Vapi why"
            raise ActionRequired(f"Vapi has blocked {voice.number}", provider="vapi", role=Role.VOICE, hint=hint)
        if time.monotonic() > end:
            detail = f"Vapi has not activated {voice.number} yet"
            raise RetryLater(detail, provider="vapi", role=Role.VOICE)
        step.detail = f"{voice.number} is {voice.status}"
        await step.pause(pause)
        pause = min(pause * 2, 5.0)
        voice = await step.ask(partial(run.services.voice.get, voice.id))
    return voice


async def assign_assistant(run: AssignmentRun, held: Held, target: Target) -> None:
    """Connect the number; an import has usually done it in the same request."""
    async with run.step("assign_assistant") as step:
        voice = held.voice
        assert voice is not None
        if voice.answered_by(target):
            step.detail = "connected in the same request as the import"
            return
        held.voice = await step.ask(partial(run.services.voice.connect, voice, target, mark_for(run, voice)))
        step.detail = "connected to the shared assistant" if target.assistant_id else "connected to our server"


async def create_mapping(run: AssignmentRun, held: Held, target: Target) -> Outcome:
    source = Source(held.row.claim_source or Source.OWNED)
    async with run.step("create_mapping") as step, step.finish(f"{held.number} is in service") as session:
        outcome = await write_mapping(session, run, held, source, target)
    run.count(outcome)
    return outcome


async def write_mapping(
    session: AsyncSession, run: AssignmentRun, held: Held, source: Source, target: Target
) -> Outcome:
    """The number is in service and the assignment ends, in one transaction. A shared mapping that the restaurant had
    ends with it."""
    if not await restaurants.is_left(session, run.restaurant_id):
        raise Conflict("the restaurant was deleted meanwhile")
    old = await mappings.current(session, run.restaurant_id)
    rows = await numbers.lock(session, held.number, *([old.number] if old else []))
    if old and (old := await mappings.current(session, run.restaurant_id)):  # as it is now that nobody changes it
        await mappings.end(session, old, "replaced", run.settings.number_cooldown_hours)
    row = rows[held.number]
    if row.claimed_by != run.id:
        raise Conflict(f"{held.number} was given up meanwhile", hint=TRY_AGAIN)
    if held.owned is not None:
        numbers.held(row, row.carrier or "", held.owned)
    if held.voice is not None:
        application = held.owned.application if held.owned else None
        numbers.in_voice(row, held.voice.id, await run.services.voice.account(), plain_target(target, application))
    numbers.put_in_service(row)
    await mappings.begin(session, row, run.restaurant_id, source=source.value, assignment_id=run.id)
    await debts.settle(session, held.number)
    message = f"{held.number} is in service"
    outcome = Outcome(Status.ASSIGNED, source, held.number, message=f"{message}; {held.note}" if held.note else message)
    await run.write_outcome(session, outcome)
    return outcome
