"""One change of a plan: looked at anew, then done by the machines that do the same elsewhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from trunkline.carriers.base import Carrier
from trunkline.db import assignments, calls, corrections, numbers, restaurants, runs
from trunkline.db.models import Apply, ApplyItem, Number, utcnow
from trunkline.db.runs import ASSIGNMENTS, RELEASES
from trunkline.domain.acting import Acting
from trunkline.domain.choosing import with_answerer
from trunkline.domain.drifts import CALLED_WITHIN, ChangeKind, DriftKind
from trunkline.domain.marks import parse_mark
from trunkline.domain.numbers import E164, NumberState, NumberType
from trunkline.domain.outcomes import Status
from trunkline.domain.states import RunStatus
from trunkline.domain.wishes import Wish
from trunkline.errors import ActionRequired, AlreadyAssigned, HeldElsewhere
from trunkline.workflows import accounts, stock_number
from trunkline.workflows.connect_number import Connected, connect_number, lead_again
from trunkline.workflows.connect_number import refuse_foreign as refuse_foreign_record
from trunkline.workflows.manage_restaurant import request_number
from trunkline.workflows.purchase_outcome import look_after
from trunkline.workflows.release_number import refuse_elsewhere, request_release
from trunkline.workflows.run import Run, end_of
from trunkline.workflows.services import Services, leads_to_vapi

PATIENCE = 60.0  # between two looks whether what a change began still runs
BUSY = (NumberState.PURCHASING, NumberState.RELEASING)


class NotDue(Exception):
    """The change does not apply (any more), and nothing was done; the text says why."""


@dataclass
class Mending:
    """A change under way. `begun`: an earlier execution or attempt may have done it already."""

    run: Run[Apply]
    item: ApplyItem
    begun: bool

    @property
    def services(self) -> Services:
        return self.run.services

    @property
    def number(self) -> E164:
        assert self.item.number is not None
        return E164(self.item.number)

    @property
    def carrier(self) -> Carrier:
        carrier = self.services.carriers.get(self.item.provider)
        if carrier is None:
            raise NotDue(f"{self.item.provider} is not configured any more")
        return carrier

    async def row(self, *states: NumberState) -> Number:
        """The number as we know it, in one of these states and nobody's claim."""
        async with self.services.database.read() as session:
            row = (await numbers.known(session, [self.number])).get(self.number)
        if row is None:
            raise NotDue(f"{self.number} is not known to us any more")
        refuse_moved_on(row, states)
        return row


def refuse_moved_on(row: Number, states: tuple[NumberState, ...]) -> None:
    if row.claimed_by is not None:
        raise NotDue(f"{row.number} is about to be put in service")
    if row.state not in states:
        raise NotDue(f"{row.number} is {NumberState(row.state).replace('_', ' ')} now")


async def mend(mending: Mending) -> str:
    """Do the change, from wherever an earlier execution left it; what was done, in words. NotDue where it does not
    apply; a ProviderError where it could not be done, and a Conflict where somebody else was first."""
    try:
        return await WAYS[ChangeKind(mending.item.change)](mending)
    except HeldElsewhere as error:
        raise NotDue(error.detail) from None


# --- in Vapi ---------------------------------------------------------------------------------------------------------


async def connect(mending: Mending) -> str:
    """A number in service is answered by what is to answer it, imported again where it is not in Vapi."""
    row = await mending.row(NumberState.IN_SERVICE)
    with mending.run.checked():
        done = await connect_number(mending.services, row, await mending.services.target(), by_mark=True)
    if done is Connected.NOTHING and not mending.begun:
        raise NotDue(f"what answers {row.number} is right")
    return f"{row.number} {done}"


async def import_again(mending: Mending) -> str:
    """One that serves nobody is in Vapi again, and nothing answers it."""
    row = await mending.row(NumberState.IN_SERVICE, NumberState.IDLE)
    if row.state == NumberState.IN_SERVICE:
        return await connect(mending)
    if await mending.services.voice.find(mending.number) is not None and not mending.begun:
        raise NotDue(f"{row.number} is in Vapi")
    with mending.run.checked():
        await stock_number.adopt_number(mending.services, mending.number, row.carrier)
    return f"{row.number} {Connected.IMPORTED}"


async def remove_twin(mending: Mending) -> str:
    """Of several records the one that we know stays, else the oldest; the others go, if they are ours to change."""
    row, voice = (
        await mending.row(NumberState.IN_SERVICE, NumberState.IDLE, NumberState.COOLING_DOWN),
        mending.services.voice,
    )
    records = await voice.records(mending.number)
    if len(records) < 2 and not mending.begun:
        raise NotDue(f"{row.number} is in Vapi once")
    kept = next((record for record in records if record.id == row.voice_id), *records[:1])
    others = [record for record in records if record is not kept]
    for record in others:
        await refuse_foreign_record(mending.services, record, row)
    with mending.run.checked():
        for record in others:
            await voice.remove(record.id)
        if row.state == NumberState.IN_SERVICE:
            await connect_number(mending.services, row, await mending.services.target())
    return f"{len(others)} more removed from Vapi"


async def renew_credential(mending: Mending) -> str:
    """Vapi has the carrier's keys as they are now."""
    row, carrier = await mending.row(NumberState.IN_SERVICE, NumberState.IDLE), mending.carrier
    voice = await mending.services.voice.find(mending.number)
    if voice is None:
        raise NotDue(f"{row.number} is not in Vapi")
    await refuse_foreign_record(mending.services, voice, row)
    credential = await mending.services.credential(carrier)
    with mending.run.checked():
        await mending.services.voice.renew(voice, carrier.import_source(), credential)
    return f"Vapi has the present keys of {carrier.name} for {row.number}"


# --- at the carrier --------------------------------------------------------------------------------------------------


async def lead_to_vapi(mending: Mending) -> str:
    """At its carrier a number in service leads to Vapi again."""
    row, services = await mending.row(NumberState.IN_SERVICE), mending.services
    owned = await mending.carrier.lookup(mending.number)
    if owned is None:
        raise NotDue(f"the {mending.carrier.name} account does not hold {row.number}")
    known = with_answerer(owned, await services.voice.applications() if owned.application else None)
    there = await services.voice.find(mending.number) is not None
    if leads_to_vapi(known, row.target) and there and not mending.begun:
        raise NotDue(f"{row.number} leads to Vapi")
    with mending.run.checked():
        await lead_again(services, row, await services.target())
    return f"{row.number} leads to Vapi again"


async def adopt(mending: Mending) -> str:
    """What the account holds and nobody uses is ours, and idle."""
    async with mending.services.database.read() as session:
        row = (await numbers.known(session, [mending.number])).get(mending.number)
    if row is not None and row.state not in numbers.NOT_OURS and not mending.begun:
        raise NotDue(f"{mending.number} is ours already")
    with mending.run.checked():
        await stock_number.adopt_number(mending.services, mending.number, mending.item.provider)
    return f"{mending.number} is ours, and idle"


async def record(mending: Mending) -> str:
    """What differs is written down."""
    return await (note_move if mending.item.kind == DriftKind.MOVED else note_price)(mending)


async def note_move(mending: Mending) -> str:
    """Which account holds a number of ours is known with it."""
    row = await mending.row(NumberState.IN_SERVICE, NumberState.IDLE, NumberState.COOLING_DOWN)
    try:
        owned = await mending.carrier.lookup(mending.number)
    except HeldElsewhere as error:
        account = error.account
    else:
        if owned is None:
            raise NotDue(f"no account of ours holds {row.number}")
        account = owned.account
    if row.account == account and not mending.begun:
        raise NotDue(f"{row.number} is known to be in {account}")
    async with mending.run.write() as session:
        corrections.keep_account((await numbers.lock(session, row.number))[row.number], account)
    return f"{row.number} is in {account}"


async def note_price(mending: Mending) -> str:
    row = await mending.row(*(state for state in NumberState if state not in BUSY))
    price = await mending.carrier.price(row.country or "", NumberType(row.number_type or NumberType.LOCAL))
    if price is None:
        raise NotDue(f"{mending.carrier.name} does not say what {row.number} costs")
    if (row.monthly_price, row.currency) == (price.amount, price.currency) and not mending.begun:
        raise NotDue(f"{row.number} is known to cost {price}")
    async with mending.run.write() as session:
        corrections.keep_price((await numbers.lock(session, row.number))[row.number], price)
    return f"{row.number} costs {price} a month"


# --- what is gone, given back, or bought anew ------------------------------------------------------------------------


async def mark_released(mending: Mending) -> str:
    """The account that held it does not hold it any more: whom it served has lost it, and it is taken out of Vapi.
    Nothing is given back here: where the carrier shows it after all, nothing is done."""
    states = (NumberState.IN_SERVICE, NumberState.IDLE, NumberState.COOLING_DOWN)
    row, services, carrier = await mending.row(*states), mending.services, mending.carrier
    await accounts.refuse_changed(services, carrier.name, accounts.VOICE)
    listed_after = timedelta(seconds=look_after(services))
    if row.bought_at is not None and utcnow() - row.bought_at < listed_after:
        raise NotDue(f"{row.number} was just bought, and may not be listed yet")
    if await carrier.lookup(mending.number) is not None:
        raise NotDue(f"the {carrier.name} account holds {row.number} after all")
    refuse_elsewhere(row, carrier, await carrier.account_id())
    with mending.run.checked():
        for record in await services.voice.records(mending.number):
            if await services.may_change(record, row.target):
                await services.voice.remove(record.id)
    async with mending.run.write() as session:
        gone = (await numbers.lock(session, row.number))[row.number]
        refuse_moved_on(gone, states)
        reason = f"the {carrier.name} account does not hold {row.number} any more"
        await corrections.lose(session, gone, reason, services.settings.number_cooldown_hours)
    return f"{row.number} is not ours any more"


async def give_back(mending: Mending) -> str:
    """What is paid for and used by nobody goes back to its carrier, by a release as any other."""
    services, number = mending.services, mending.number
    async with services.database.read() as session:
        row = (await numbers.known(session, [number])).get(number)
        begun = await runs.releases_of(session, number) if mending.begun else []
    if begun and row is not None and row.state in (NumberState.RELEASING, NumberState.RELEASED):
        return await end_of_release(mending, begun[-1].id)
    owned = await mending.carrier.lookup(number)
    if owned is None:
        raise NotDue(f"the {mending.carrier.name} account does not hold {number} any more")
    await refuse_kept(mending, row)
    voice = await services.voice.find(number)
    await stock_number.refuse_foreign(services, mending.carrier, owned, voice)
    marks = (parse_mark(owned.mark_text), parse_mark(voice.name) if voice else None)
    if mending.item.kind == DriftKind.ORPHAN and not any(marks):
        raise NotDue(f"our mark is not on {number} any more")
    async with mending.run.write() as session:
        await numbers.ensure(session, number, NumberState.IDLE, carrier=mending.carrier.name)
        kept = (await numbers.lock(session, number))[number]
        refuse_moved_on(kept, stock_number.UNUSED)
        numbers.adopted(kept, mending.carrier.name, owned)
    return await end_of_release(mending, await request_release(services, number, give_back=True))


async def refuse_kept(mending: Mending, row: Number | None) -> None:
    """NotDue for what a plan never gives back, whatever it says: in use, protected, or called not long ago."""
    if row is not None:
        refuse_moved_on(row, stock_number.UNUSED)
    if row is not None and row.protected:
        raise NotDue(f"{row.number} is protected")
    async with mending.services.database.read() as session:
        called = (await calls.last_of_numbers(session, [mending.number])).get(mending.number)
    if called is not None and utcnow() - called < CALLED_WITHIN:
        raise NotDue(f"{mending.number} was called in the last 24 hours")


async def end_of_release(mending: Mending, release_id: str) -> str:
    while (ended := await end_of(mending.services, RELEASES, release_id, PATIENCE)).status == RunStatus.RUNNING:
        await mending.run.still_current()
    if ended.status != RunStatus.DONE:
        raise ActionRequired(f"{ended.message}; it is owed, and tried again by itself")
    return ended.message or f"{mending.number} is given back"


async def buy(mending: Mending) -> str:
    """Another number for the restaurant, by an assignment as any other: within its limits, and bought once."""
    services, restaurant_id = mending.services, mending.item.restaurant_id
    assert restaurant_id is not None
    if (assignment_id := await bought_before(mending, restaurant_id)) is None:
        async with services.database.read() as session:
            wish = Wish.stored((await restaurants.get(session, restaurant_id)).wish)
        try:
            assignment_id = await request_number(services, restaurant_id, wish, patience=0, names=False)
        except AlreadyAssigned as error:
            raise NotDue(error.detail) from None
    while (ended := await end_of(services, ASSIGNMENTS, assignment_id, PATIENCE)).status == Status.RUNNING:
        await mending.run.still_current()
    if ended.number is None:
        raise ActionRequired(ended.message or "no number was found", hint=ended.hint)
    return ended.message or f"{ended.number} is in service"


async def bought_before(mending: Mending, restaurant_id: str) -> str | None:
    """The assignment that this change has begun already, unless that has ended without a number."""
    if not mending.begun:
        return None
    async with mending.services.database.read() as session:
        latest = (await assignments.latest(session, [restaurant_id])).get(restaurant_id)
    ours = latest is not None and Acting.stored(latest.actor).id == mending.item.apply_id
    return latest.id if latest and ours and (latest.status == Status.RUNNING or latest.number) else None


Way = Callable[[Mending], Awaitable[str]]
WAYS: dict[ChangeKind, Way] = {
    ChangeKind.RECORD: record,
    ChangeKind.CONNECT: connect,
    ChangeKind.IMPORT_AGAIN: import_again,
    ChangeKind.REMOVE_TWIN: remove_twin,
    ChangeKind.RENEW_CREDENTIAL: renew_credential,
    ChangeKind.LEAD_TO_VAPI: lead_to_vapi,
    ChangeKind.ADOPT: adopt,
    ChangeKind.MARK_RELEASED: mark_released,
    ChangeKind.RELEASE: give_back,
    ChangeKind.BUY: buy,
}
