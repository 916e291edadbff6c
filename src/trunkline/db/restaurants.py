"""Restaurants: create, delete, read, list by cursor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import cast

from sqlalchemy import Table, bindparam, exists, func, literal, select, text, tuple_
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db.models import Mapping, Restaurant, utcnow
from trunkline.domain.ids import first_id
from trunkline.domain.notes import OUR_IDS, RestaurantChange, checked_external_id, checked_name, merged_metadata
from trunkline.domain.wishes import Wish
from trunkline.errors import Conflict, NotFound
from trunkline.texts import folded, one_line

CHUNK = 500
MOMENT_SECONDS = 2
MOST_NAMESAKES = 5  # named in a refusal
LOCK_NOT_AVAILABLE = "55P03"  # PostgreSQL's lock_not_available
HELD = (
    select(Restaurant)
    .where(Restaurant.id == bindparam("restaurant"))
    .with_for_update(key_share=True)
    .execution_options(populate_existing=True)
)
RESTAURANTS = cast(Table, Restaurant.__table__)
LEFT = (
    select(RESTAURANTS.c.id)
    .where(RESTAURANTS.c.id == bindparam("restaurant"), RESTAURANTS.c.deleted_at.is_(None))
    .with_for_update(key_share=True)
)


async def add(session: AsyncSession, restaurant: Restaurant) -> None:
    session.add(restaurant)
    await session.flush()


async def add_many(session: AsyncSession, wanted: Sequence[Restaurant]) -> None:
    session.add_all(wanted)
    await session.flush()


def forget_former_key(restaurant: Restaurant) -> str | None:
    """Its former key is none of its own any more; its hash, where it had one."""
    key_hash, restaurant.api_key_hash = restaurant.api_key_hash, None
    return key_hash


def keep_wish(restaurant: Restaurant, wish: Wish) -> None:
    """What it asked for last, for whoever finds it another number."""
    restaurant.wish = wish.lasting()


async def edit(session: AsyncSession, restaurant: Restaurant, change: RestaurantChange) -> None:
    """InvalidInput where its metadata would be too much, IntegrityError where another one has the external_id."""
    if change.name is not None:
        restaurant.name = checked_name(change.name)
    if change.external_id is not None:
        restaurant.external_id = checked_external_id(change.external_id) if change.external_id else None
    if change.metadata is not None or change.forget_metadata:
        old = None if change.forget_metadata else restaurant.notes
        restaurant.notes = merged_metadata(old, change.metadata or {})
    if change.wish is not None:
        restaurant.wish = dict(change.wish)
    await session.flush()


def delete(restaurant: Restaurant) -> None:
    """It is kept, with its calls and former mappings, and answers as unknown from now on."""
    restaurant.deleted_at = utcnow()


async def get(session: AsyncSession, restaurant_id: str, *, lock: bool = False) -> Restaurant:
    """NotFound for an unknown or deleted one. `lock` keeps it as it is until the transaction ends: whoever gives it
    something (a number, an assignment) or ends it does so."""
    if lock:
        restaurant = (await session.execute(HELD, {"restaurant": restaurant_id})).scalar_one_or_none()
    else:
        restaurant = await session.get(Restaurant, restaurant_id)
    if restaurant is None or restaurant.deleted_at is not None:
        raise NotFound(f"there is no restaurant {restaurant_id}", hint="GET /api/restaurants lists them")
    return restaurant


async def is_left(session: AsyncSession, restaurant_id: str) -> bool:
    """Whether it still is, and then stays so until the transaction ends."""
    return (await session.execute(LEFT, {"restaurant": restaurant_id})).first() is not None


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
    """One that was created, also if it was deleted since; NotFound for an unknown one."""
    restaurant = await session.get(Restaurant, restaurant_id)
    if restaurant is None:
        raise NotFound(f"there is no restaurant {restaurant_id}", hint="GET /api/restaurants lists them")
    return restaurant


async def lock(session: AsyncSession, *wanted: str) -> None:
    """Keep several as they are until the transaction ends, deleted ones too; in one order, so that two never wait for
    each other."""
    for one in sorted(set(wanted)):
        await session.get(Restaurant, one, with_for_update={"key_share": True}, populate_existing=True)


async def by_external_id(session: AsyncSession, external_id: str) -> Restaurant | None:
    """The living one that has it."""
    query = select(Restaurant).where(Restaurant.external_id == external_id, Restaurant.deleted_at.is_(None))
    return (await session.execute(query)).scalar_one_or_none()


async def by_external_ids(session: AsyncSession, wanted: Iterable[str | None]) -> dict[str, Restaurant]:
    """The living ones that have them."""
    ids, found = [one for one in wanted if one is not None], dict[str, Restaurant]()
    for start in range(0, len(ids), CHUNK):
        query = select(Restaurant).where(
            Restaurant.external_id.in_(ids[start : start + CHUNK]), Restaurant.deleted_at.is_(None)
        )
        found |= {row.external_id: row for row in (await session.execute(query)).scalars() if row.external_id}
    return found


async def by_names(session: AsyncSession, wanted: Iterable[str]) -> dict[str, list[Restaurant]]:
    """The living ones that are called so, each name with all of them."""
    names, found = sorted(set(wanted)), dict[str, list[Restaurant]]()
    for start in range(0, len(names), CHUNK):
        query = select(Restaurant).where(
            Restaurant.name.in_(names[start : start + CHUNK]), Restaurant.deleted_at.is_(None)
        )
        for row in (await session.execute(query)).scalars():
            found.setdefault(row.name, []).append(row)
    return found


async def id_of(session: AsyncSession, text: str) -> str:
    """The id of the living restaurant that is meant by its id, its external_id or its exact name, in this order; what
    looks like an id is one. Conflict where several have the name."""
    if text.startswith(OUR_IDS):
        return text
    unknown = NotFound(f"there is no restaurant {one_line(text)}", hint="GET /api/restaurants lists them")
    if text != one_line(text):
        raise unknown
    if (found := await by_external_id(session, text)) is not None:
        return found.id
    query = select(Restaurant.id).where(Restaurant.name == text, Restaurant.deleted_at.is_(None))
    ids = (await session.execute(query.order_by(Restaurant.id).limit(MOST_NAMESAKES))).scalars().all()
    if not ids:
        raise unknown
    if len(ids) > 1:
        raise Conflict(f"several restaurants are called {text}: {', '.join(ids)}", hint="name one of them by its id")
    return ids[0]


async def find(session: AsyncSession, restaurant_id: str | None) -> Restaurant | None:
    """None for an unknown or deleted one."""
    restaurant = await session.get(Restaurant, restaurant_id) if restaurant_id else None
    return restaurant if restaurant is not None and restaurant.deleted_at is None else None


async def by_former_key(session: AsyncSession, key_hash: str) -> Restaurant | None:
    found = await session.execute(
        select(Restaurant).where(Restaurant.api_key_hash == key_hash, Restaurant.deleted_at.is_(None))
    )
    return found.scalar_one_or_none()


async def with_former_keys(session: AsyncSession) -> int:
    """How many have a key that was derived from the operator's secret."""
    query = select(func.count()).select_from(Restaurant)
    query = query.where(Restaurant.api_key_hash.is_not(None), Restaurant.deleted_at.is_(None))
    return (await session.execute(query)).scalar_one()


async def page(
    session: AsyncSession,
    *,
    after: str | None = None,
    after_name: str | None = None,
    by_name: bool = False,
    limit: int = 50,
    has_number: bool | None = None,
    search: str | None = None,
    external_id: str | None = None,
    deleted: bool = False,
    created_after: datetime | None = None,
    created_before: datetime | None = None,
    only: str | None = None,
) -> Sequence[Restaurant]:
    """Oldest first, by id, which sorts by time, or `by_name`, in any case: then after the id `after` of those called
    `after_name`, folded. `search` is part of the name in any case. Those that are `deleted`, or those that are not; of
    them `only` this one, where one is named."""
    lives = Restaurant.deleted_at.is_not(None) if deleted else Restaurant.deleted_at.is_(None)
    order = (Restaurant.folded_name, Restaurant.id) if by_name else (Restaurant.id,)
    query = select(Restaurant).where(lives).order_by(*order).limit(limit)
    if only:
        query = query.where(Restaurant.id == only)
    if external_id:
        query = query.where(Restaurant.external_id == external_id)
    if after:
        place = tuple_(literal(after_name), literal(after)) if by_name else after
        query = query.where((tuple_(*order) if by_name else Restaurant.id) > place)
    if created_after is not None:
        query = query.where(Restaurant.id >= first_id("rst", created_after))
    if created_before is not None:
        query = query.where(Restaurant.id < first_id("rst", created_before))
    if has_number is not None:
        mapped = exists().where(Mapping.restaurant_id == Restaurant.id, Mapping.ended_at.is_(None))
        query = query.where(mapped if has_number else ~mapped)
    if search:
        query = query.where(Restaurant.folded_name.contains(folded(search), autoescape=True))
    return (await session.execute(query)).scalars().all()


def place_by_name(row: Restaurant) -> str:
    """What a cursor says of the last row of a page by name."""
    return f"name {row.id} {row.folded_name}"


async def counts(session: AsyncSession) -> tuple[int, int]:
    """(how many there are, how many of them have a number)."""
    there = select(func.count()).select_from(Restaurant).where(Restaurant.deleted_at.is_(None))
    mapped = select(func.count()).select_from(Mapping).where(Mapping.ended_at.is_(None))
    return (await session.execute(there)).scalar_one(), (await session.execute(mapped)).scalar_one()


async def name_of(session: AsyncSession, restaurant_id: str) -> str:
    return (await names(session, [restaurant_id])).get(restaurant_id, restaurant_id)


async def names(session: AsyncSession, restaurant_ids: Sequence[str]) -> dict[str, str]:
    """Their names by id, of deleted ones too."""
    query = select(Restaurant.id, Restaurant.name).where(Restaurant.id.in_(restaurant_ids))
    return {row.id: row.name for row in await session.execute(query)}
