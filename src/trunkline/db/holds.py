"""Holds of offers: at most one for a number, and none that has run out counts."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db.models import Hold, utcnow

KEPT = timedelta(days=1)  # rows of holds that have run out
LIVE = select(Hold).where(Hold.number == bindparam("number"), Hold.expires_at > bindparam("now"))


async def begun(session: AsyncSession, number: str) -> Hold | None:
    """The number's row, whether its hold was ever confirmed or has run out."""
    return await session.get(Hold, number, populate_existing=True)


async def live(session: AsyncSession, number: str) -> Hold | None:
    """The hold that counts now."""
    return (await session.execute(LIVE, {"number": number, "now": utcnow()})).scalar_one_or_none()


async def begin(session: AsyncSession, row: Hold) -> None:
    """In place of one that has run out; those of long ago go. IntegrityError where another has begun meanwhile."""
    await session.execute(delete(Hold).where((Hold.number == row.number) | (Hold.created_at < utcnow() - KEPT)))
    session.add(row)
    await session.flush()


async def confirm(session: AsyncSession, number: str, until: datetime, carrier_until: datetime) -> Hold | None:
    """It counts from now on, until then. None where it was ended meanwhile."""
    row = await begun(session, number)
    if row is not None:
        row.expires_at, row.carrier_until = until, carrier_until
    return row


async def expire(session: AsyncSession, number: str) -> Hold | None:
    """It counts no more; what the carrier keeps is still known."""
    row = await begun(session, number)
    if row is not None:
        row.expires_at = utcnow()
    return row


async def end(session: AsyncSession, number: str) -> None:
    """There is nothing of it at the carrier."""
    await session.execute(delete(Hold).where(Hold.number == number))
