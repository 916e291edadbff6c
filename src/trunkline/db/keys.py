"""API keys: add, find by hash, list, rotate, revoke, and when each was last used."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db.models import Key, Restaurant, utcnow
from trunkline.domain.keys import GRACE, hash_key, new_key, shown_of
from trunkline.domain.scopes import Scope, in_order
from trunkline.errors import NotFound


async def add(
    session: AsyncSession,
    scopes: frozenset[Scope],
    *,
    restaurant_id: str | None = None,
    expires_at: datetime | None = None,
    comment: str | None = None,
) -> tuple[Key, str]:
    """A new one, and the key itself, which nobody is told again."""
    api_key = new_key()
    row = Key(
        prefix=shown_of(api_key),
        hash=hash_key(api_key),
        scopes=in_order(scopes),
        restaurant_id=restaurant_id,
        expires_at=expires_at,
        comment=comment,
    )
    session.add(row)
    await session.flush()
    return row, api_key


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


def rotate(row: Key, *, grace: bool) -> str:
    """Its new secret. With `grace` the one until now counts for a while, and one before that not any more."""
    api_key, now = new_key(), utcnow()
    row.previous_hash, row.previous_until = (row.hash, now + GRACE) if grace else (None, None)
    row.prefix, row.hash, row.rotated_at = shown_of(api_key), hash_key(api_key), now
    return api_key


def revoke(row: Key) -> None:
    """It opens nothing from now on."""
    row.revoked_at = row.revoked_at or utcnow()


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
