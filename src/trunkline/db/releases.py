"""Releases of numbers; their writes are fenced by their epoch as those of assignments are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db.models import Release
from trunkline.errors import NotFound, Superseded


async def get(session: AsyncSession, release_id: str) -> Release:
    row = await session.get(Release, release_id, populate_existing=True)
    if row is None:
        raise NotFound(f"there is no release {release_id}")
    return row


async def all_running(session: AsyncSession) -> Sequence[str]:
    return (await session.execute(select(Release.id).where(Release.status == "running"))).scalars().all()


async def of_number(session: AsyncSession, number: str) -> Sequence[Release]:
    return (await session.execute(select(Release).where(Release.number == number).order_by(Release.id))).scalars().all()


async def begin(session: AsyncSession, release_id: str) -> Release | None:
    """Start an execution, which shuts out any earlier one. None if the release has ended."""
    changed = await session.execute(
        update(Release).where(Release.id == release_id, Release.status == "running").values(epoch=Release.epoch + 1)
    )
    return await get(session, release_id) if changed.rowcount else None  # type: ignore[attr-defined]


async def fence(session: AsyncSession, release_id: str, epoch: int, **values: Any) -> None:
    """Write as this epoch; Superseded if a later one has begun or it has ended."""
    changed = await session.execute(
        update(Release)
        .where(Release.id == release_id, Release.epoch == epoch, Release.status == "running")
        .values(**({"epoch": epoch} | values))
    )
    if not changed.rowcount:  # type: ignore[attr-defined]
        raise Superseded(f"release {release_id} is run by another process now")


async def reopen(session: AsyncSession, release_id: str) -> Release | None:
    """An owed release runs again; None if it is running or done."""
    changed = await session.execute(
        update(Release).where(Release.id == release_id, Release.status == "owed").values(status="running")
    )
    return await get(session, release_id) if changed.rowcount else None  # type: ignore[attr-defined]
