"""Mappings: whose number it is; at most one active per number and one current per restaurant, history kept.

Who writes or ends mappings of a number holds its row (`numbers.lock`): two never decide on what the other changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import cast

from sqlalchemy import Table, bindparam, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from trunkline.db import debts, numbers
from trunkline.db.changes import note
from trunkline.db.models import Mapping, Number, Restaurant, utcnow
from trunkline.domain.states import DebtKind

NUMBER_GONE = "number_gone"  # ends a mapping whose number its carrier does not hold any more
MAPPINGS = cast(Table, Mapping.__table__)
REST = (
    update(MAPPINGS)
    .where(
        MAPPINGS.c.number == bindparam("of"),
        MAPPINGS.c.ended_at.is_(None),
        MAPPINGS.c.active,  # of very many sharers that one row
        MAPPINGS.c.id != bindparam("but"),
    )
    .values(active=False)
)
SHARERS = select(func.count()).where(MAPPINGS.c.number == bindparam("of"), MAPPINGS.c.ended_at.is_(None))
NEWEST = (
    select(Mapping)
    .where(Mapping.number == bindparam("of"), Mapping.ended_at.is_(None))
    .order_by(Mapping.id.desc())
    .limit(1)
)
CURRENT = select(Mapping).where(Mapping.restaurant_id == bindparam("restaurant"), Mapping.ended_at.is_(None))


async def current(session: AsyncSession, restaurant_id: str) -> Mapping | None:
    return (await session.execute(CURRENT, {"restaurant": restaurant_id})).scalar_one_or_none()


async def held(session: AsyncSession, restaurant_id: str) -> Mapping | None:
    """The restaurant's mapping, and its number kept from everybody else; as it is then."""
    mapping = await current(session, restaurant_id)
    if mapping is None:
        return None
    await numbers.lock(session, mapping.number)
    await session.refresh(mapping)
    return mapping if mapping.ended_at is None else None


async def currents(session: AsyncSession, restaurant_ids: Sequence[str]) -> dict[str, Mapping]:
    """Current mappings by restaurant."""
    query = select(Mapping).where(Mapping.restaurant_id.in_(restaurant_ids), Mapping.ended_at.is_(None))
    return {m.restaurant_id: m for m in (await session.execute(query)).scalars()}


async def of_number(session: AsyncSession, number: str) -> Sequence[Mapping]:
    """Current mappings of a number, the active one first, then the newest."""
    query = select(Mapping).where(Mapping.number == number, Mapping.ended_at.is_(None))
    return (await session.execute(query.order_by(Mapping.active.desc(), Mapping.id.desc()))).scalars().all()


async def count_of_number(session: AsyncSession, number: str) -> int:
    """How many restaurants have it now: a trial account's one number may have very many."""
    return (await session.execute(SHARERS, {"of": number})).scalar_one()


async def sharers(session: AsyncSession, numbers: Sequence[str]) -> dict[str, list[tuple[str, str, bool]]]:
    """For each number, the (restaurant id, name, active) of everyone mapped to it now."""
    query = (
        select(Mapping.number, Restaurant.id, Restaurant.name, Mapping.active)
        .join(Restaurant, Restaurant.id == Mapping.restaurant_id)
        .where(Mapping.number.in_(numbers), Mapping.ended_at.is_(None))
        .order_by(Mapping.id)
    )
    by_number: dict[str, list[tuple[str, str, bool]]] = {}
    for number, restaurant_id, name, active in await session.execute(query):
        by_number.setdefault(number, []).append((restaurant_id, name, active))
    return by_number


async def history(session: AsyncSession, number: str) -> Sequence[Mapping]:
    query = select(Mapping).where(Mapping.number == number).order_by(Mapping.id)
    return (await session.execute(query)).scalars().all()


async def at(session: AsyncSession, number: str, moment: datetime) -> Sequence[Mapping]:
    """Those that the number had then, and the last that had ended before."""
    query = select(Mapping).where(Mapping.number == number, Mapping.created_at <= moment).order_by(Mapping.id)
    before = (await session.execute(query)).scalars().all()
    current = [mapping for mapping in before if mapping.ended_at is None or mapping.ended_at > moment]
    return current or before[-1:]


async def lost(session: AsyncSession) -> Sequence[tuple[str, str, str | None]]:
    """(restaurant, number, its carrier) of those that have had none since theirs was gone."""
    later = aliased(Mapping)
    since = exists().where(later.restaurant_id == Mapping.restaurant_id, later.id > Mapping.id)
    query = (
        select(Mapping.restaurant_id, Mapping.number, Number.carrier)
        .join(Number, Number.number == Mapping.number)
        .join(Restaurant, Restaurant.id == Mapping.restaurant_id)
        .where(Mapping.end_reason == NUMBER_GONE, Restaurant.deleted_at.is_(None), ~since)
        .order_by(Mapping.restaurant_id)
    )
    return [(restaurant_id, number, carrier) for restaurant_id, number, carrier in await session.execute(query)]


async def begin(
    session: AsyncSession,
    row: Number,
    restaurant_id: str,
    *,
    source: str,
    assignment_id: str | None,
    active: bool = True,
) -> Mapping:
    """The restaurant has the number, which the caller holds, from now on; `active`: it gets the calls."""
    if active:
        await _rest(session, row.number)
    mapping = Mapping(
        number=row.number,
        restaurant_id=restaurant_id,
        assignment_id=assignment_id,
        active=active,
        source=source,
        created_at=utcnow(),
    )
    session.add(mapping)
    await session.flush()
    return mapping


async def end(session: AsyncSession, mapping: Mapping, reason: str, cooldown_hours: float) -> str | None:
    """End one mapping of a number that the caller holds. If it was the active one of a shared number, the newest other
    takes the calls. Returns the number if it serves nobody now: it cools down, and is owed its detachment, before which
    no assignment can claim it."""
    was_active = mapping.active
    close(mapping, reason)
    await session.flush()
    newest = (await session.execute(NEWEST, {"of": mapping.number})).scalar_one_or_none()
    if newest is not None:
        if was_active:
            newest.active = True
            await session.flush()
        return None
    row = await numbers.get(session, mapping.number)
    numbers.cool_down(row, mapping.restaurant_id, cooldown_hours)
    await debts.owe(
        session, DebtKind.DETACH_OWED, row.number, provider="vapi", restaurant_id=mapping.restaurant_id, wait=0
    )
    return row.number


async def end_all(session: AsyncSession, row: Number, reason: str, cooldown_hours: float) -> None:
    """End whatever mappings there are of a number that the caller holds, and sees to its detachment: it cools down for
    whoever got its calls."""
    if served := await of_number(session, row.number):
        for mapping in served:
            close(mapping, reason)
        await session.flush()
        numbers.cool_down(row, served[0].restaurant_id, cooldown_hours)


async def hand_over(session: AsyncSession, mapping: Mapping, restaurant_id: str, reason: str) -> Mapping:
    """The number, which the caller holds and nobody shares, serves another restaurant from now on. It goes on in use,
    so it neither cools down nor is detached. The restaurant has no other mapping (any more)."""
    row = await numbers.get(session, mapping.number)
    close(mapping, reason)
    await session.flush()
    return await begin(session, row, restaurant_id, source=mapping.source, assignment_id=None)


async def exchange(session: AsyncSession, one: Mapping, other: Mapping, reason: str) -> None:
    """Each restaurant has the other's number from now on; the caller holds both."""
    close(other, reason)
    other_row = await numbers.get(session, other.number)
    await hand_over(session, one, other.restaurant_id, reason)
    await begin(session, other_row, one.restaurant_id, source=other.source, assignment_id=None)


def close(mapping: Mapping, reason: str) -> None:
    """It is history from now on."""
    mapping.ended_at, mapping.end_reason, mapping.active = utcnow(), reason, False


async def activate(session: AsyncSession, mapping: Mapping) -> None:
    """Make this mapping the one that gets the number's calls; the caller holds the number."""
    await _rest(session, mapping.number, mapping.id)
    mapping.active = True
    await session.flush()


async def _rest(session: AsyncSession, number: str, but: str = "") -> None:
    """None of its mappings, but this one, gets the number's calls."""
    await session.execute(REST, {"of": number, "but": but})
    note(session, [number])
