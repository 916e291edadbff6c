"""What was begun and answered by idempotency key, for requests that come again."""

from __future__ import annotations

from typing import Any

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db.models import IdempotencyKey


async def get(session: AsyncSession, key: str) -> IdempotencyKey | None:
    return await session.get(IdempotencyKey, key, populate_existing=True)


def add(session: AsyncSession, key: str, fingerprint: str, run_id: str | None, restaurant_id: str | None) -> None:
    """Keep the key together with what it has begun; IntegrityError, at the end of the transaction, for one that is
    kept already."""
    session.add(IdempotencyKey(key=key, fingerprint=fingerprint, run_id=run_id, restaurant_id=restaurant_id))


async def answer(session: AsyncSession, key: str) -> dict[str, Any] | None:
    """The answer that is kept."""
    row = await get(session, key)
    return row.answer if row else None


async def keep(session: AsyncSession, key: str, answer: dict[str, Any]) -> dict[str, Any]:
    """Keep the first answer that a key gets; that one."""
    await session.execute(
        update(IdempotencyKey).where(IdempotencyKey.key == key, IdempotencyKey.answer.is_(None)).values(answer=answer)
    )
    row = await get(session, key)
    return row.answer or answer if row else answer
