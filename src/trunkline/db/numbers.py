"""Numbers: one row for ever each, moved only by the table of states, claimed by one assignment at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

from sqlalchemy import Table, and_, bindparam, exists, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db.changes import note
from trunkline.db.models import Assignment, Debt, Number, utcnow
from trunkline.domain.numbers import NumberState, check_move
from trunkline.errors import NotFound

CHUNK = 500
NUMBERS = cast(Table, Number.__table__)
ENSURE = {
    name: dialect.insert(NUMBERS).on_conflict_do_nothing(index_elements=["number"]).returning(NUMBERS.c.number)
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
}
CLAIMED_FOR = (
    select(Number)
    .join(Assignment, Number.claimed_by == Assignment.id)
    .where(Assignment.restaurant_id == bindparam("restaurant"), Number.state == NumberState.IDLE)
    .order_by(Number.bought_at.desc())
    .limit(1)
)


def claimable() -> Any:
    """An idle number, or one whose cool-down is over, that nobody claims and that is not about to be detached."""
    cooled = and_(Number.state == NumberState.COOLING_DOWN, Number.cooling_until <= utcnow())
    detaching = exists().where(Debt.subject == Number.number, Debt.kind == "detach_owed", Debt.settled_at.is_(None))
    return and_(or_(Number.state == NumberState.IDLE, cooled), Number.claimed_by.is_(None), ~detaching)


async def get(session: AsyncSession, number: str) -> Number:
    row = await session.get(Number, number, populate_existing=True)
    if row is None:
        raise NotFound(f"we do not know {number}", hint="GET /api/numbers lists the numbers that we hold or know")
    return row


async def ensure(session: AsyncSession, number: str, state: NumberState, **values: Any) -> bool:
    """Insert the row unless it exists; an existing one is left as it is. Whether it was inserted."""
    now = utcnow()
    row = {"number": number, "state": state.value, "created_at": now, "updated_at": now, **values}
    return (await session.execute(ENSURE[session.get_bind().dialect.name], row)).first() is not None


def move(row: Number, to: NumberState) -> None:
    """The one door through which a number changes its state; Conflict for a move that the table does not allow."""
    check_move(row.number, NumberState(row.state), to)
    row.state = to.value


async def claim(session: AsyncSession, number: str, assignment_id: str, source: str, **values: Any) -> bool:
    """Take an idle number for one assignment; False if it is not idle or someone was first. Two callers never both
    get True: the row itself is the lock."""
    await ensure(session, number, NumberState.IDLE, **values)
    changed = await session.execute(
        update(Number)
        .where(Number.number == number, claimable())
        .values(
            state=NumberState.IDLE.value,
            claimed_by=assignment_id,
            claim_source=source,
            cooling_until=None,
            **{k: v for k, v in values.items() if v is not None},
        )
    )
    taken = bool(changed.rowcount)  # type: ignore[attr-defined]
    if taken:
        note(session, [number])  # it may have been cooling down until now
    return taken


async def reserve(session: AsyncSession, number: str, assignment_id: str | None, **values: Any) -> bool:
    """Choose an offered number for a purchase; False if we hold it already or another purchase chose it first. Of two
    purchases for stock (no assignment) the open intent decides."""
    claim = {"claimed_by": assignment_id, "claim_source": "purchased", **values}
    if await ensure(session, number, NumberState.PURCHASING, **claim):
        return True
    free = Number.state.in_([NumberState.FOREIGN, NumberState.RELEASED])
    ours = and_(Number.state == NumberState.PURCHASING, Number.claimed_by == assignment_id)
    changed = await session.execute(
        update(Number)
        .where(Number.number == number, or_(free, ours))
        .values(state=NumberState.PURCHASING.value, **claim)
    )
    return bool(changed.rowcount)  # type: ignore[attr-defined]


async def claimed_for(session: AsyncSession, restaurant_id: str) -> Number | None:
    """The number that some assignment of this restaurant claimed and never put in service."""
    return (await session.execute(CLAIMED_FOR, {"restaurant": restaurant_id})).scalar_one_or_none()


async def busy_among(session: AsyncSession, candidates: Sequence[str]) -> set[str]:
    """Those of the candidates that no assignment may claim now; a number that we do not know yet is not among them."""
    busy: set[str] = set()
    for start in range(0, len(candidates), CHUNK):
        chunk = candidates[start : start + CHUNK]
        found = await session.execute(select(Number.number).where(Number.number.in_(chunk), ~claimable()))
        busy.update(found.scalars())
    return busy


async def in_service_at(session: AsyncSession, carrier: str) -> Number | None:
    """The newest number of this carrier that serves a restaurant."""
    query = select(Number).where(Number.carrier == carrier, Number.state == NumberState.IN_SERVICE)
    return (await session.execute(query.order_by(Number.updated_at.desc()).limit(1))).scalar_one_or_none()


async def busy_at(session: AsyncSession, carrier: str) -> bool:
    """Whether some assignment is about to put a number of this carrier in service."""
    query = select(Number.number).where(
        Number.carrier == carrier,
        Number.claimed_by.is_not(None),
        Number.state.in_([NumberState.IDLE, NumberState.PURCHASING]),
    )
    return (await session.execute(query.limit(1))).first() is not None


async def drop_claims(session: AsyncSession, assignment_id: str) -> None:
    """Free what the assignment claimed and did not buy; a bought number stays its restaurant's until it is settled."""
    await session.execute(
        update(Number)
        .where(Number.claimed_by == assignment_id, Number.claim_source != "purchased")
        .values(claimed_by=None, claim_source=None)
    )


def cool_down(row: Number, restaurant_id: str, hours: float) -> None:
    """Out of service, and kept from other restaurants for a while: its callers still expect the former one."""
    move(row, NumberState.COOLING_DOWN)
    row.cooling_until = utcnow() + timedelta(hours=hours)
    row.former_restaurant_id = restaurant_id


async def end_cool_downs(session: AsyncSession) -> None:
    ended = await session.execute(
        update(Number)
        .where(Number.state == NumberState.COOLING_DOWN, Number.cooling_until <= utcnow())
        .values(state=NumberState.IDLE.value, cooling_until=None)
        .returning(Number.number)
    )
    note(session, ended.scalars())


async def page(
    session: AsyncSession,
    *,
    after: str | None = None,
    limit: int = 50,
    state: str | None = None,
    carrier: str | None = None,
) -> Sequence[Number]:
    query = select(Number).order_by(Number.number).limit(limit)
    if after:
        query = query.where(Number.number > after)
    if state:
        query = query.where(Number.state == state)
    if carrier:
        query = query.where(Number.carrier == carrier)
    return (await session.execute(query)).scalars().all()


async def prices(session: AsyncSession, wanted: Sequence[str]) -> dict[str, tuple[Decimal | None, str | None]]:
    """(monthly price, currency) of each number."""
    query = select(Number.number, Number.monthly_price, Number.currency).where(Number.number.in_(wanted))
    return {number: (price, currency) for number, price, currency in await session.execute(query)}
