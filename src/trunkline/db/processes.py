"""The living processes of an installation, by the database's clock (PostgreSQL only)."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db.models import Process

FORGOTTEN_AFTER = timedelta(days=1)


async def beat(session: AsyncSession, process_id: str, ttl: float) -> set[str]:
    """Say that this process lives; the ids of all that said so within `ttl` seconds."""
    now = func.clock_timestamp()
    row = insert(Process).values(id=process_id, seen_at=now)
    await session.execute(row.on_conflict_do_update(index_elements=["id"], set_={"seen_at": now}))
    await session.execute(delete(Process).where(Process.seen_at < now - FORGOTTEN_AFTER))
    alive = select(Process.id).where(Process.seen_at > now - timedelta(seconds=ttl))
    return set((await session.execute(alive)).scalars())


async def forget(session: AsyncSession, process_id: str) -> None:
    """It ends in good order: nobody is to wait for its heartbeat."""
    await session.execute(delete(Process).where(Process.id == process_id))
