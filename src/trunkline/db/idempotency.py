"""Answers kept by idempotency key, for requests that come again."""

from __future__ import annotations

from typing import Any

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db.models import IdempotencyKey


async def get(session: AsyncSession, key: str) -> IdempotencyKey | None:
    return await session.get(IdempotencyKey, key)


def add(session: AsyncSession, once: IdempotencyKey, assignment_id: str | None) -> None:
    """Keep the key together with what it has started."""
    once.assignment_id = assignment_id
    session.add(once)


async def answer(session: AsyncSession, key: str) -> dict[str, Any] | None:
    row = await session.get(IdempotencyKey, key, populate_existing=True)
    return row.answer if row else None


async def keep(session: AsyncSession, key: str, answer: dict[str, Any]) -> None:
    """Keep the first answer that a key gets; a later one changes nothing."""
    await session.execute(
        update(IdempotencyKey).where(IdempotencyKey.key == key, IdempotencyKey.answer.is_(None)).values(answer=answer)
    )
