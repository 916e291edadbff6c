"""Callers that a restaurant registered: on a shared number, their calls go to it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db.events import announce
from trunkline.db.models import Caller, Mapping, Restaurant
from trunkline.domain.callers import forms
from trunkline.domain.events import EventType, Subjects


async def of_restaurant(session: AsyncSession, restaurant_id: str) -> Sequence[str]:
    query = select(Caller.caller).where(Caller.restaurant_id == restaurant_id).order_by(Caller.caller)
    return (await session.execute(query)).scalars().all()


async def replace(session: AsyncSession, restaurant_id: str, callers: Collection[str]) -> None:
    """These and no others; of two at the same time the later one stands."""
    await session.execute(select(Restaurant.id).where(Restaurant.id == restaurant_id).with_for_update())
    rows = (await session.execute(select(Caller).where(Caller.restaurant_id == restaurant_id))).scalars().all()
    known = {row.caller: row for row in rows}
    for caller, row in known.items():
        if caller not in callers:
            await session.delete(row)
    session.add_all(Caller(restaurant_id=restaurant_id, caller=caller) for caller in set(callers) - set(known))
    if set(callers) != set(known):
        before, after = {"callers": len(known)}, {"callers": len(set(callers))}
        announce(session, EventType.RESTAURANT_CALLERS_CHANGED, Subjects(restaurant_id), before=before, after=after)
    await session.flush()


async def registered_elsewhere(
    session: AsyncSession, number: str, restaurant_id: str, callers: Collection[str]
) -> tuple[str, str] | None:
    """One of these callers and another restaurant of the same number that has registered it, in whatever form."""
    numbers = {form for caller in callers for form in forms(caller)}
    query = (
        select(Caller.caller, Restaurant.name)
        .join(Mapping, Mapping.restaurant_id == Caller.restaurant_id)
        .join(Restaurant, Restaurant.id == Caller.restaurant_id)
        .where(Mapping.number == number, Mapping.ended_at.is_(None))
        .where(Caller.restaurant_id != restaurant_id, Caller.caller.in_(numbers))
    )
    found = (await session.execute(query.order_by(Caller.caller).limit(1))).first()
    return (found[0], found[1]) if found else None
