"""What is to be true outside of a number in service: held at its carrier, in Vapi, answered by what is to answer."""

from __future__ import annotations

from contextlib import suppress
from enum import StrEnum

from trunkline.carriers.base import Carrier
from trunkline.db import debts, numbers
from trunkline.db.models import Number
from trunkline.domain.choosing import OwnedNumber, with_answerer
from trunkline.domain.ids import new_id
from trunkline.domain.marks import OwnerMark, carries_mark_of, other_installation, parse_mark
from trunkline.domain.numbers import E164, NumberState
from trunkline.domain.states import DebtKind
from trunkline.errors import ActionRequired, AlreadyThere, Foreign, Missing, Role
from trunkline.voice.base import Target, VoiceNumber
from trunkline.workflows.services import Services, leads_to_vapi, plain_target


class Connected(StrEnum):
    """What was done to a number so that it is answered."""

    NOTHING = "was right"
    POINTED = "pointed right"
    IMPORTED = "imported again"


async def connect_number(services: Services, row: Number, target: Target, *, by_mark: bool = False) -> Connected:
    """See to it that the number, which serves a restaurant, is answered by the target; what was done.

    Foreign where it serves somebody else at Vapi or at its carrier, unless it is ours by its mark, whatever somebody
    has set to answer it, and that is to count (`by_mark`); Missing where its carrier does not hold it any more;
    ActionRequired where its carrier is not configured and it would have to be imported.
    """
    voice = await find_record(services, row)
    if voice is None:
        voice, done = await import_again(services, row, target), Connected.IMPORTED
    elif voice.answered_by(target):
        done = Connected.NOTHING
    else:
        if not (by_mark and await is_ours_by_mark(services, voice, row)):
            await refuse_foreign(services, voice, row)
        voice, done = await services.voice.connect(voice, target), Connected.POINTED
    await remember(services, row, voice, target)
    return done


async def find_record(services: Services, row: Number) -> VoiceNumber | None:
    """The number's record at the voice platform; one that we know is there although a list may not show it yet."""
    record = await services.voice.find(E164(row.number))
    if record is None and row.voice_id is not None:
        with suppress(Missing):
            return await services.voice.get(row.voice_id)
    return record


async def is_ours_by_mark(services: Services, voice: VoiceNumber, row: Number) -> bool:
    """At its carrier, or in Vapi where the carrier has none; another installation's mark on either makes it theirs."""
    here, texts = services.installation, await mark_texts(services, voice, row)
    return carries_mark_of(here, *texts) and other_installation(here, *texts) is None


async def mark_texts(services: Services, voice: VoiceNumber | None, row: Number) -> tuple[str | None, str | None]:
    """Where a mark may stand: at its carrier, as it is now, and in Vapi."""
    carrier = services.carriers.get(row.carrier or "")
    owned = await carrier.lookup(E164(row.number)) if carrier is not None else None
    return owned.mark_text if owned else None, voice.name if voice else None


async def refuse_foreign(services: Services, voice: VoiceNumber, row: Number) -> None:
    """Foreign unless what answers the record is what we set, or nobody, and no other installation has marked it."""
    if not await services.may_change(voice, row.target):
        raise Foreign(f"{row.number} serves somebody else in Vapi", provider="vapi", role=Role.VOICE)


async def lead_again(services: Services, row: Number, target: Target) -> VoiceNumber:
    """Let a number that serves a restaurant lead to Vapi again: somebody has led it elsewhere at its carrier. An import
    sets what leads there, so that its record is made anew. Missing, Foreign and ActionRequired as `connect_number`."""
    carrier = services.carriers.get(row.carrier or "")
    owned = await carrier.lookup(E164(row.number)) if carrier is not None else None
    if carrier is not None and owned is not None:
        refuse_marked(services, carrier, owned)
        await carrier.unhook(owned)
        voice = await find_record(services, row)
        if voice is not None:
            await refuse_foreign(services, voice, row)
            await services.voice.remove(voice.id)
    voice = await import_again(services, row, target, led_elsewhere=True)
    await remember(services, row, voice, target)
    return voice


def refuse_marked(services: Services, carrier: Carrier, owned: OwnedNumber) -> None:
    """Foreign where another installation's mark stands at the carrier."""
    if (theirs := other_installation(services.installation, owned.mark_text)) is not None:
        detail = f"{owned.number} carries the mark of another installation ({theirs})"
        raise Foreign(detail, provider=carrier.name)


async def import_again(services: Services, row: Number, target: Target, *, led_elsewhere: bool = False) -> VoiceNumber:
    """Bring back what was deleted in Vapi, if its carrier still holds it for us. Foreign where something else answers
    it there, unless the caller knows that it is to lead to Vapi again."""
    carrier = services.carriers.get(row.carrier or "")
    if carrier is None:
        raise ActionRequired(
            f"{row.number} is not in Vapi, and {row.carrier} is not configured", hint=f"configure {row.carrier}"
        )
    if not carrier.capabilities.imported:
        raise Missing(f"{row.number} was deleted in Vapi, which gives it up", provider=carrier.name)
    owned = await carrier.lookup(E164(row.number))
    if owned is None:
        raise Missing(f"the {carrier.name} account does not hold {row.number}", provider=carrier.name)
    known = with_answerer(owned, await services.voice.applications() if owned.application else None)
    if owned.used_by is not None and not led_elsewhere and not leads_to_vapi(known, row.target):
        raise Foreign(f"{row.number} is answered by {owned.used_by} at {carrier.name}", provider=carrier.name)
    source, credential = carrier.import_source(), await services.credential(carrier)
    name = owned.mark_text if parse_mark(owned.mark_text) else str(OwnerMark(services.installation, new_id("imp")))
    try:
        return await services.voice.import_number(owned.number, source, credential, target, name)
    except AlreadyThere:
        voice = await services.voice.find(owned.number)
        if voice is None:
            raise
        return await services.voice.connect(voice, target)


async def remember(services: Services, row: Number, voice: VoiceNumber, target: Target) -> None:
    """What we set is known with the number. Should it have gone out of service meanwhile, it is owed its detachment."""
    voice_org = await services.voice.account()
    async with services.database.write() as session:
        now = (await numbers.lock(session, row.number))[row.number]
        set_now = plain_target(target, (now.target or {}).get("application"))
        if (now.voice_id, now.target) != (voice.id, set_now):
            numbers.in_voice(now, voice.id, voice_org, set_now)
        if now.state in (NumberState.COOLING_DOWN, NumberState.IDLE) and not now.claimed_by:
            await debts.owe(session, DebtKind.DETACH_OWED, row.number, provider="vapi", wait=0)
