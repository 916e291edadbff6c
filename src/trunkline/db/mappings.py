"""Mappings: whose number it is; at most one active per number and one current per restaurant, history kept."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db.changes import note
from trunkline.db.models import Mapping, Restaurant, utcnow

CURRENT = select(Mapping).where(Mapping.restaurant_id == bindparam("restaurant"), Mapping.ended_at.is_(None))


async def current(session: AsyncSession, restaurant_id: str) -> Mapping | None:
    return (await session.execute(CURRENT, {"restaurant": restaurant_id})).scalar_one_or_none()


async def currents(session: AsyncSession, restaurant_ids: Sequence[str]) -> dict[str, Mapping]:
    """Current mappings by restaurant."""
    query = select(Mapping).where(Mapping.restaurant_id.in_(restaurant_ids), Mapping.ended_at.is_(None))
    return {m.restaurant_id: m for m in (await session.execute(query)).scalars()}


async def of_number(session: AsyncSession, number: str) -> Sequence[Mapping]:
    """Current mappings of a number, the active one first, then the newest."""
    query = select(Mapping).where(Mapping.number == number, Mapping.ended_at.is_(None))
    return (await session.execute(query.order_by(Mapping.active.desc(), Mapping.id.desc()))).scalars().all()


async def sharers(session: AsyncSession, numbers: Sequence[str]) -> dict[str, list[tuple[str, str, bool]]]:
    """For each number, the (restaurant id, name, active) of everyone mapped to it now."""
    query = (
        select(Mapping.number, Restaurant.id, Restaurant.name, Mapping.active)
        .join(Restaurant, Restaurant.id == Mapping.restaurant_id)
        .where(Mapping.number.in_(numbers), Mapping.ended_at.is_(None))
        .order_by(Mapping.id)
    )
    found: dict[str, list[tuple[str, str, bool]]] = {}
    for number, restaurant_id, name, active in await session.execute(query):
        found.setdefault(number, []).append((restaurant_id, name, active))
    return found


async def history(session: AsyncSession, number: str) -> Sequence[Mapping]:
    query = select(Mapping).where(Mapping.number == number).order_by(Mapping.id)
    return (await session.execute(query)).scalars().all()


async def end(session: AsyncSession, mapping: Mapping, reason: str) -> bool:
    """End one mapping; if it was the active one of a shared number, the newest other takes the calls. Returns whether
    the number serves nobody now."""
    mapping.ended_at, mapping.end_reason = utcnow(), reason
    was_active, mapping.active = mapping.active, False
    await session.flush()
    others = await of_number(session, mapping.number)
    if others and was_active:
        others[0].active = True
        await session.flush()
    return not others


async def activate(session: AsyncSession, mapping: Mapping) -> None:
    """Make this mapping the one that gets the number's calls."""
    await session.execute(
        update(Mapping).where(Mapping.number == mapping.number, Mapping.ended_at.is_(None)).values(active=False)
    )
    note(session, [mapping.number])
    mapping.active = True
    await session.flush()
