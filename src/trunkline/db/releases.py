"""Releases of numbers: those of one number, and an owed one that is tried again."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db.models import Release


async def of_number(session: AsyncSession, number: str) -> Sequence[Release]:
    return (await session.execute(select(Release).where(Release.number == number).order_by(Release.id))).scalars().all()


async def add(session: AsyncSession, number: str, give_back: bool) -> Release:
    """IntegrityError if one runs for this number."""
    release = Release(number=number, give_back=give_back)
    session.add(release)
    await session.flush()
    return release


async def reopen(session: AsyncSession, release_id: str) -> None:
    """An owed release runs again; nothing happens to one that runs or is done."""
    await session.execute(
        update(Release).where(Release.id == release_id, Release.status == "owed").values(status="running")
    )
