"""Runs that re-point numbers; their writes are fenced by their epoch as those of assignments are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db.models import Number, Repoint
from trunkline.domain.numbers import NumberState
from trunkline.errors import NotFound, Superseded


async def get(session: AsyncSession, repoint_id: str) -> Repoint:
    row = await session.get(Repoint, repoint_id, populate_existing=True)
    if row is None:
        raise NotFound(f"there is no run {repoint_id}", hint="POST /api/numbers/repoint starts one")
    return row


async def all_running(session: AsyncSession) -> Sequence[str]:
    return (await session.execute(select(Repoint.id).where(Repoint.status == "running"))).scalars().all()


async def in_service(session: AsyncSession) -> list[tuple[str, str | None]]:
    """(number, its id at the voice platform) of all that serve a restaurant."""
    query = select(Number.number, Number.voice_id).where(Number.state == NumberState.IN_SERVICE)
    return [(number, voice_id) for number, voice_id in await session.execute(query.order_by(Number.number))]


async def begin(session: AsyncSession, repoint_id: str) -> Repoint | None:
    """Start an execution, which shuts out any earlier one. None if the run has ended."""
    changed = await session.execute(
        update(Repoint).where(Repoint.id == repoint_id, Repoint.status == "running").values(epoch=Repoint.epoch + 1)
    )
    return await get(session, repoint_id) if changed.rowcount else None  # type: ignore[attr-defined]


async def fence(session: AsyncSession, repoint_id: str, epoch: int, **values: Any) -> None:
    """Write as this epoch; Superseded if a later one has begun or it has ended."""
    changed = await session.execute(
        update(Repoint)
        .where(Repoint.id == repoint_id, Repoint.epoch == epoch, Repoint.status == "running")
        .values(**({"epoch": epoch} | values))
    )
    if not changed.rowcount:  # type: ignore[attr-defined]
        raise Superseded(f"run {repoint_id} is run by another process now")
