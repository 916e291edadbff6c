"""API keys: add, find by hash, list, rotate, revoke, and when each was last used."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db.event_rows import unnoted
from trunkline.db.models import Key, Restaurant, utcnow
from trunkline.domain.keys import GRACE, hash_key, new_key, shown_of
from trunkline.domain.scopes import OF_A_RESTAURANT, Scope, in_order
from trunkline.errors import NotFound


async def add(session: AsyncSession, scopes: frozenset[Scope], **columns: Any) -> tuple[Key, str]:
    """A new one, and the key itself, which nobody is told again."""
    row, api_key = _new(scopes, **columns)
    session.add(row)
    await session.flush()
    return row, api_key


async def add_own(session: AsyncSession, restaurant_ids: Sequence[str]) -> list[str]:
    """One for each of these new restaurants, in their order, which have been flushed: the key is part of that event."""
    made = [_new(OF_A_RESTAURANT, restaurant_id=restaurant_id, own=True) for restaurant_id in restaurant_ids]
    with unnoted(session):
        session.add_all(row for row, _ in made)
        await session.flush()
    return [api_key for _, api_key in made]


def _new(scopes: frozenset[Scope], **columns: Any) -> tuple[Key, str]:
    api_key = new_key()
    row = Key(prefix=shown_of(api_key), hash=hash_key(api_key), scopes=in_order(scopes), **columns)
    return row, api_key


async def own_of(session: AsyncSession, restaurant_id: str) -> Key | None:
    """The restaurant's own, unless it was revoked."""
    query = select(Key).where(Key.restaurant_id == restaurant_id, Key.own, Key.revoked_at.is_(None))
    return (await session.execute(query.with_for_update())).scalar_one_or_none()


async def get(session: AsyncSession, key_id: str, *, lock: bool = False) -> Key:
    """NotFound for an unknown one; a revoked one is there. `lock` keeps it as it is until the transaction ends."""
    row = await session.get(Key, key_id, with_for_update=lock or None, populate_existing=lock)
    if row is None:
        raise NotFound(f"there is no key {key_id}", hint="GET /api/keys lists them")
    return row


async def by_hash(session: AsyncSession, key_hash: str) -> Key | None:
    """Whose present or previous secret it is, whether or not it still counts; none of a restaurant that is deleted."""
    query = (
        select(Key)
        .outerjoin(Restaurant, Restaurant.id == Key.restaurant_id)
        .where(or_(Key.hash == key_hash, Key.previous_hash == key_hash), Restaurant.deleted_at.is_(None))
    )
    return (await session.execute(query)).scalars().first()


async def page(
    session: AsyncSession, *, after: str | None, limit: int, restaurant_id: str | None, revoked: bool
) -> Sequence[Key]:
    """Oldest first; those that are `revoked`, or those that are not."""
    gone = Key.revoked_at.is_not(None) if revoked else Key.revoked_at.is_(None)
    query = select(Key).where(gone).order_by(Key.id).limit(limit)
    if after:
        query = query.where(Key.id > after)
    if restaurant_id:
        query = query.where(Key.restaurant_id == restaurant_id)
    return (await session.execute(query)).scalars().all()


def follow_former(row: Key, former_hash: str) -> None:
    """The restaurant's former key counts for a while, as the one before this."""
    row.previous_hash, row.previous_until, row.rotated_at = former_hash, utcnow() + GRACE, utcnow()


def rotate(row: Key, *, grace: bool) -> str:
    """Its new secret. With `grace` the one until now counts for a while, and one before that not any more."""
    api_key, now = new_key(), utcnow()
    row.previous_hash, row.previous_until = (row.hash, now + GRACE) if grace else (None, None)
    row.prefix, row.hash, row.rotated_at = shown_of(api_key), hash_key(api_key), now
    return api_key


def revoke(row: Key) -> None:
    """It opens nothing from now on."""
    row.revoked_at = row.revoked_at or utcnow()


async def erase(session: AsyncSession, restaurant_id: str) -> None:
    """What people have written to a restaurant's keys, and from where they used them."""
    await session.execute(
        update(Key).where(Key.restaurant_id == restaurant_id).values(comment=None, last_used_from=None)
    )


async def note_use(session: AsyncSession, key_id: str, at: datetime, by: str | None) -> None:
    await session.execute(
        update(Key)
        .where(Key.id == key_id)
        .values(last_used_at=at, last_used_from=by)
        .execution_options(synchronize_session=False)
    )


async def names(session: AsyncSession, key_ids: Sequence[str]) -> dict[str, str]:
    """What people know them by: their comments, else how they begin."""
    query = select(Key.id, Key.comment, Key.prefix).where(Key.id.in_(key_ids))
    return {key_id: comment or prefix for key_id, comment, prefix in await session.execute(query)}
