"""The life of a number: one row for ever, moved only by the table of states, claimed by one assignment at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import Table, and_, bindparam, exists, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db.changes import note
from trunkline.db.events import announce_state
from trunkline.db.models import Assignment, Debt, Number, PurchaseIntent, utcnow
from trunkline.domain.choosing import OwnedNumber
from trunkline.domain.notes import NumberNotes
from trunkline.domain.numbers import NumberState, check_move, likeliest_country
from trunkline.domain.outcomes import Source
from trunkline.domain.states import DebtKind, IntentStatus
from trunkline.errors import NotFound

CHUNK = 500
FIRST_ASIDE, LONGEST_ASIDE = timedelta(minutes=5), timedelta(days=1)
LISTED_AFTER = timedelta(minutes=1)  # for which a list may show what was given back
NUMBERS = cast(Table, Number.__table__)
ENSURE = {
    name: dialect.insert(NUMBERS).on_conflict_do_nothing(index_elements=["number"]).returning(NUMBERS.c.number)
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
}
LOCKED = select(Number).where(Number.number == bindparam("wanted")).with_for_update(key_share=True)
LOCKED = LOCKED.execution_options(populate_existing=True)
CLAIMED_FOR = (
    select(Number)
    .join(Assignment, Number.claimed_by == Assignment.id)
    .where(Assignment.restaurant_id == bindparam("restaurant"), Number.state == NumberState.IDLE)
    .order_by(Number.bought_at.desc())
    .limit(1)
)
# What we do not count as ours. A number there that carries our mark at its carrier is ours all the same: the purchase
# was carried out late, or behind a refusal, or a release was said to be done and was not.
NOT_OURS = (NumberState.FOREIGN, NumberState.RELEASED, NumberState.PURCHASING)
SERVES_NOBODY = (NumberState.IDLE, NumberState.COOLING_DOWN)


def claimable(restaurant_id: str | None, marked: bool = False) -> Any:
    """That nobody claims the number, that it is not about to be detached or put aside, and that it is idle, and kept
    for nobody else; also what was given back and came again by another hand; also, where the carrier shows our mark,
    what we took for not ours."""
    came_again = and_(Number.state == NumberState.RELEASED, Number.released_at <= utcnow() - LISTED_AFTER)
    detaching = exists().where(
        Debt.subject == Number.number, Debt.kind == DebtKind.DETACH_OWED, Debt.settled_at.is_(None)
    )
    buying = exists().where(PurchaseIntent.number == Number.number, PurchaseIntent.status == IntentStatus.OPEN)
    idle = [Number.state.in_(SERVES_NOBODY), came_again]
    if marked:
        idle.append(and_(Number.state.in_(NOT_OURS), ~buying))
    aside = or_(Number.put_aside_until.is_(None), Number.put_aside_until <= utcnow())
    return and_(or_(*idle), kept_from_nobody(restaurant_id), Number.claimed_by.is_(None), ~detaching, aside)


def kept_from_nobody(restaurant_id: str | None) -> Any:
    """That its cool-down is over, in whatever state it has been since it began, or that the restaurant is the one that
    had it last, or for which a person has named it meanwhile."""
    its_own = [] if restaurant_id is None else [Number.former_restaurant_id, Number.kept_for]
    over = (Number.cooling_until.is_(None), Number.cooling_until <= utcnow())
    return or_(*over, *(column == restaurant_id for column in its_own))


async def get(session: AsyncSession, number: str) -> Number:
    row = await session.get(Number, number, populate_existing=True)
    if row is None:
        raise NotFound(f"we do not know {number}", hint="GET /api/numbers lists the numbers that we hold or know")
    return row


async def lock(session: AsyncSession, *wanted: str) -> dict[str, Number]:
    """The rows, kept from every other transaction until this one ends; in one order, so that two never wait for each
    other. Who ends or writes a mapping of a number locks its row first."""
    rows = {}
    for number in sorted(set(wanted)):
        row = (await session.execute(LOCKED, {"wanted": number})).scalar_one_or_none()
        if row is None:
            raise NotFound(f"we do not know {number}", hint="GET /api/numbers lists the numbers that we hold or know")
        rows[number] = row
    return rows


async def lock_or_add(session: AsyncSession, number: str, state: NumberState, **values: Any) -> Number:
    """The same of one number, in this state where we did not know it."""
    found = (await session.execute(LOCKED, {"wanted": number})).scalar_one_or_none()
    if found is None:
        await ensure(session, number, state, **values)
    return found or (await lock(session, number))[number]


async def ensure(session: AsyncSession, number: str, state: NumberState, **values: Any) -> bool:
    """Insert the row unless it exists; an existing one is left as it is. Whether it was inserted."""
    now = utcnow()
    row = {"number": number, "state": state.value, "created_at": now, "updated_at": now, "put_aside_times": 0, **values}
    row["idle_since"] = now if state in SERVES_NOBODY else None
    inserted = (await session.execute(ENSURE[session.get_bind().dialect.name], row)).first() is not None
    if inserted:
        announce_state(session, number, None, state)
    return inserted


async def _held_state(session: AsyncSession, number: str, condition: Any) -> str | None:
    """The number's state where the condition is true of it, which stays so until the transaction ends."""
    query = select(Number.state).where(Number.number == number, condition).with_for_update(key_share=True)
    return (await session.execute(query)).scalar_one_or_none()


def move(row: Number, to: NumberState) -> None:
    """The one door through which a number changes its state; Conflict for a move that the table does not allow."""
    check_move(row.number, NumberState(row.state), to)
    row.state = to.value
    row.idle_since = (row.idle_since or utcnow()) if to in SERVES_NOBODY else None


# --- claims ----------------------------------------------------------------------------------------------------------


async def claim(
    session: AsyncSession,
    number: str,
    assignment_id: str,
    source: str,
    *,
    restaurant_id: str | None = None,
    marked: bool = False,
    **values: Any,
) -> bool:
    """Take an idle number for one assignment; False if it is not idle or someone was first. Two callers never both
    get True: the row itself is the lock. `marked`: the carrier shows our mark on it. Until it serves the restaurant, a
    cool-down of it goes on: `free` finds it again."""
    await ensure(session, number, NumberState.IDLE, **values)
    before = await _held_state(session, number, claimable(restaurant_id, marked))
    if before is None:
        return False
    await session.execute(
        update(Number)
        .where(Number.number == number)
        .values(
            state=NumberState.IDLE.value,
            idle_since=func.coalesce(Number.idle_since, utcnow()),
            claimed_by=assignment_id,
            claim_source=source,
            released_at=None,
            **{k: v for k, v in values.items() if v is not None},
        )
    )
    announce_state(session, number, before, NumberState.IDLE)
    note(session, [number])  # it may have been cooling down until now
    return True


async def reserve(
    session: AsyncSession, number: str, assignment_id: str | None, restaurant_id: str | None, **values: Any
) -> bool:
    """Choose an offered number for a purchase; False if we hold it already, another purchase chose it first, or it was
    given back and is kept for another restaurant. Of two purchases for stock (no assignment) the open intent decides;
    what they bring goes on cooling down."""
    claimed = {"claimed_by": assignment_id, "claim_source": "purchased", **values}
    if await ensure(session, number, NumberState.PURCHASING, **claimed):
        return True
    free: Any = Number.state.in_([NumberState.FOREIGN, NumberState.RELEASED])
    if restaurant_id is not None:
        free = and_(free, kept_from_nobody(restaurant_id))
    ours = and_(Number.state == NumberState.PURCHASING, Number.claimed_by == assignment_id)
    before = await _held_state(session, number, or_(free, ours))
    if before is None:
        return False
    chosen = {"state": NumberState.PURCHASING.value, "idle_since": None, **claimed}
    await session.execute(update(Number).where(Number.number == number).values(**chosen))
    announce_state(session, number, before, NumberState.PURCHASING)
    return True


async def claimed_for(session: AsyncSession, restaurant_id: str) -> Number | None:
    """The number that some assignment of this restaurant claimed and never put in service."""
    return (await session.execute(CLAIMED_FOR, {"restaurant": restaurant_id})).scalar_one_or_none()


async def take_over_claim(session: AsyncSession, restaurant_id: str, assignment_id: str) -> Number | None:
    """The same, claimed by this assignment of the restaurant from now on."""
    found = await claimed_for(session, restaurant_id)
    if found is None:
        return None
    before = found.claimed_by
    row = (await lock(session, found.number))[found.number]
    if row.claimed_by != before:
        return None  # it was set free meanwhile, and may be another one's by now
    row.claimed_by = assignment_id
    return row


async def busy_among(
    session: AsyncSession, candidates: Iterable[str], restaurant_id: str | None = None, marked: bool = False
) -> set[str]:
    """Those of the candidates that no assignment may claim now; a number that we do not know yet is not among them."""
    wanted, busy = list(candidates), set[str]()
    for start in range(0, len(wanted), CHUNK):
        query = select(Number.number).where(
            Number.number.in_(wanted[start : start + CHUNK]), ~claimable(restaurant_id, marked)
        )
        busy.update((await session.execute(query)).scalars())
    return busy


async def drop_claims(session: AsyncSession, assignment_id: str) -> None:
    """Free what the assignment claimed and did not buy; a bought number stays its restaurant's until it is settled."""
    query = select(Number.number).where(Number.claimed_by == assignment_id, Number.claim_source != "purchased")
    for row in (await lock(session, *(await session.execute(query)).scalars())).values():
        free(row)


def free(row: Number) -> None:
    """Nobody claims it any more."""
    row.claimed_by = row.claim_source = None
    if row.state == NumberState.IDLE:
        rest(row)


def rest(row: Number) -> None:
    """It serves nobody and nobody is about to use it: it cools down as long as that was to last, or is idle."""
    to = NumberState.COOLING_DOWN if is_cooling(row) else NumberState.IDLE
    if to == NumberState.IDLE:
        row.cooling_until = None
    if row.state != to:
        move(row, to)


def is_cooling(row: Number) -> bool:
    """Whether its cool-down goes on, in whatever state it has been since that began."""
    return row.cooling_until is not None and row.cooling_until > utcnow()


# --- what is known of it outside -------------------------------------------------------------------------------------


def held(row: Number, carrier: str, owned: OwnedNumber) -> None:
    """What the carrier says of a number that its account holds: where, as what, at what price."""
    row.carrier, row.account, row.carrier_ref = carrier, owned.account or row.account, owned.ref
    row.country = owned.country or row.country or likeliest_country(row.number)
    row.number_type = row.number_type or (owned.number_type.value if owned.number_type else None)
    if owned.monthly_price is not None:
        row.monthly_price, row.currency = owned.monthly_price, owned.currency
    if not owned.by_vapi:  # else they are those of an import, and what was there before is not known
        row.saved_urls = row.saved_urls or owned.urls
    row.released_at = row.put_aside_until = None


def bought(row: Number, intent: PurchaseIntent, owned: OwnedNumber) -> None:
    """What a purchase has brought, at the price that was agreed to."""
    row.saved_urls = None
    held(row, intent.carrier, owned)
    row.monthly_price, row.upfront_price, row.currency = intent.monthly_price, intent.upfront_price, intent.currency
    row.country, row.key_id = row.country or intent.offer.get("country"), intent.key_id
    row.bought_at = utcnow()


def claim_bought(row: Number, assignment_id: str | None) -> None:
    """For the assignment that has bought it; for nobody where it was bought for stock."""
    row.claimed_by, row.claim_source = assignment_id, Source.PURCHASED.value if assignment_id else None
    if assignment_id is None:
        rest(row)


def adopted(row: Number, carrier: str, owned: OwnedNumber) -> None:
    """A person has taken it over from the carrier's account: it serves nobody, whatever had refused it before."""
    rest(row)
    row.put_aside_until = row.put_aside_reason = None
    held(row, carrier, owned)


def in_voice(row: Number, voice_id: str | None, voice_org: str | None, target: dict[str, Any] | None) -> None:
    """Where it is at the voice platform, and what we set to answer it there."""
    row.voice_id, row.voice_org, row.target = voice_id, voice_org if voice_id else None, target


def put_aside(row: Number, reason: str) -> None:
    """Leave it out for a growing time: something refused it, and the next one is taken instead."""
    row.put_aside_times += 1
    wait = min(FIRST_ASIDE * 2 ** min(row.put_aside_times - 1, 12), LONGEST_ASIDE)
    row.put_aside_until, row.put_aside_reason = utcnow() + wait, reason
    free(row)


def gone(row: Number, reason: str) -> None:
    """The account that held it does not hold it any more: it was given up by hand, or taken back. A record of it that
    was left in Vapi is not looked into each time."""
    put_aside(row, reason)
    if row.state != NumberState.RELEASED:
        move(row, NumberState.RELEASED)
    row.released_at = utcnow()


def foreign(row: Number) -> None:
    """It serves somebody else, and is not touched."""
    if row.state != NumberState.FOREIGN:
        move(row, NumberState.FOREIGN)
    free(row)


def put_in_service(row: Number) -> None:
    """It serves a restaurant from now on."""
    move(row, NumberState.IN_SERVICE)
    free(row)
    row.former_restaurant_id = row.kept_for = row.cooling_until = None
    row.put_aside_until = row.put_aside_reason = None
    row.put_aside_times = 0


def cool_down(row: Number, restaurant_id: str, hours: float) -> None:
    """Out of service, and kept from other restaurants for a while: its callers still expect the former one."""
    move(row, NumberState.COOLING_DOWN)
    row.cooling_until = utcnow() + timedelta(hours=hours)
    row.former_restaurant_id, row.kept_for = restaurant_id, None


def keep_for(row: Number, restaurant_id: str) -> None:
    """A person has said whose it is to be next: while it cools down, that one may have it as well as the former one,
    whose callers it still gets until then."""
    row.kept_for = restaurant_id


def leave(row: Number, *, given_back: bool) -> None:
    """A release is done: it is not ours any more, or still paid for and idle once it has cooled down."""
    in_voice(row, None, None, None)
    row.put_aside_until = row.put_aside_reason = None
    if given_back:
        move(row, NumberState.RELEASED)
        row.released_at = utcnow()
        row.protected, row.release_after = False, None
    else:
        move(row, NumberState.COOLING_DOWN)
        row.cooling_until = row.cooling_until or utcnow()
        row.saved_urls = None  # they stand there again


def describe(row: Number, said: NumberNotes) -> None:
    """What a person says of it."""
    if said.protected is not None:
        row.protected = said.protected
    if said.labels is not None:
        row.labels = said.labels
    if said.release_after is not None:
        row.release_after = said.release_after
    if said.never_release:
        row.release_after = None


async def end_cool_downs(session: AsyncSession) -> None:
    ended = await session.execute(
        update(Number)
        .where(Number.state == NumberState.COOLING_DOWN, Number.cooling_until <= utcnow())
        .values(state=NumberState.IDLE.value, cooling_until=None)
        .returning(Number.number)
    )
    for number in (idle := list(ended.scalars())):
        announce_state(session, number, NumberState.COOLING_DOWN, NumberState.IDLE)
    note(session, idle)


# --- reading ---------------------------------------------------------------------------------------------------------


async def due_for_release(session: AsyncSession) -> Sequence[Number]:
    """Those that are idle after the time that was set for their release, and that nothing stands in the way of."""
    query = select(Number).where(
        Number.release_after <= utcnow(),
        Number.state == NumberState.IDLE,
        Number.protected.is_(False),
        claimable(None),
    )
    return (await session.execute(query.order_by(Number.release_after).limit(CHUNK))).scalars().all()


async def in_state(session: AsyncSession, *states: NumberState) -> Sequence[Number]:
    query = select(Number).where(Number.state.in_(states)).order_by(Number.number)
    return (await session.execute(query)).scalars().all()


async def known(session: AsyncSession, wanted: Iterable[str]) -> dict[str, Number]:
    """Those of the numbers that we have a row of."""
    ordered, rows = list(wanted), dict[str, Number]()
    for start in range(0, len(ordered), CHUNK):
        query = select(Number).where(Number.number.in_(ordered[start : start + CHUNK]))
        rows |= {row.number: row for row in (await session.execute(query)).scalars()}
    return rows


async def any_known(session: AsyncSession) -> bool:
    return (await session.execute(select(Number.number).limit(1))).first() is not None
