"""Restaurants: create, delete, read, list by cursor."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import exists, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db.models import Mapping, Restaurant, utcnow
from trunkline.domain.wishes import Wish
from trunkline.errors import Conflict, NotFound

MOMENT_SECONDS = 2
LOCK_NOT_AVAILABLE = "55P03"  # PostgreSQL's lock_not_available


async def add(session: AsyncSession, restaurant: Restaurant) -> None:
    session.add(restaurant)
    await session.flush()


def keep_key(restaurant: Restaurant, key_hash: str) -> None:
    """Its key is another one from now on."""
    restaurant.api_key_hash = key_hash


def keep_wish(restaurant: Restaurant, wish: Wish) -> None:
    """What it asked for last, for whoever finds it another number."""
    restaurant.wish = wish.plain()


def delete(restaurant: Restaurant) -> None:
    """It is kept, with its calls and former mappings, and answers as unknown from now on."""
    restaurant.deleted_at = utcnow()


async def get(session: AsyncSession, restaurant_id: str, *, lock: bool = False) -> Restaurant:
    """NotFound for an unknown or deleted one. `lock` keeps it as it is until the transaction ends: whoever gives it
    something (a number, an assignment) or ends it does so."""
    restaurant = await session.get(
        Restaurant, restaurant_id, with_for_update={"key_share": True} if lock else None, populate_existing=lock
    )
    if restaurant is None or restaurant.deleted_at is not None:
        raise NotFound(f"there is no restaurant {restaurant_id}", hint="GET /api/restaurants lists them")
    return restaurant


async def get_soon(session: AsyncSession, restaurant_id: str) -> Restaurant:
    """The same, kept, for somebody who waits for the answer: Conflict where another request changes the restaurant for
    longer than a moment."""
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(text(f"SET LOCAL lock_timeout = '{MOMENT_SECONDS}s'"))
    try:
        return await get(session, restaurant_id, lock=True)
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) != LOCK_NOT_AVAILABLE:
            raise
        detail = f"another request is changing restaurant {restaurant_id}"
        raise Conflict(detail, hint="try again in a moment") from None


async def kept(session: AsyncSession, restaurant_id: str) -> Restaurant:
    """One that was created, also if it was deleted since."""
    return await session.get_one(Restaurant, restaurant_id)


async def find(session: AsyncSession, restaurant_id: str | None) -> Restaurant | None:
    """None for an unknown or deleted one."""
    restaurant = await session.get(Restaurant, restaurant_id) if restaurant_id else None
    return restaurant if restaurant is not None and restaurant.deleted_at is None else None


async def by_key_hash(session: AsyncSession, key_hash: str) -> Restaurant | None:
    found = await session.execute(
        select(Restaurant).where(Restaurant.api_key_hash == key_hash, Restaurant.deleted_at.is_(None))
    )
    return found.scalar_one_or_none()


async def key_hashes(session: AsyncSession) -> Sequence[tuple[str, str]]:
    """(id, hash of its key) of every restaurant."""
    query = select(Restaurant.id, Restaurant.api_key_hash).where(Restaurant.deleted_at.is_(None))
    return [(row.id, row.api_key_hash) for row in await session.execute(query)]


async def page(
    session: AsyncSession,
    *,
    after: str | None = None,
    limit: int = 50,
    has_number: bool | None = None,
    search: str | None = None,
) -> Sequence[Restaurant]:
    """Oldest first, by id, which sorts by time; `search` is part of the name in any case."""
    query = select(Restaurant).where(Restaurant.deleted_at.is_(None)).order_by(Restaurant.id).limit(limit)
    if after:
        query = query.where(Restaurant.id > after)
    if has_number is not None:
        mapped = exists().where(Mapping.restaurant_id == Restaurant.id, Mapping.ended_at.is_(None))
        query = query.where(mapped if has_number else ~mapped)
    if search:
        query = query.where(Restaurant.name.icontains(search, autoescape=True))
    return (await session.execute(query)).scalars().all()


async def names(session: AsyncSession, restaurant_ids: Sequence[str]) -> dict[str, str]:
    """Their names by id, of deleted ones too."""
    query = select(Restaurant.id, Restaurant.name).where(Restaurant.id.in_(restaurant_ids))
    return {row.id: row.name for row in await session.execute(query)}
