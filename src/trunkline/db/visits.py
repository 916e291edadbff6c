"""Visits: who is logged in to the console, by hashes alone."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import and_, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db.models import Visit, utcnow

GRACE = timedelta(minutes=1)  # in which the token before still counts: other requests of the page are under way


async def begin(session: AsyncSession, token_hash: str, credential_hash: str, ends_at: datetime) -> None:
    """Write it; those that are over go."""
    await session.execute(delete(Visit).where(Visit.ends_at <= utcnow()))
    session.add(Visit(token_hash=token_hash, credential_hash=credential_hash, ends_at=ends_at))
    await session.flush()


async def of_token(session: AsyncSession, token_hash: str) -> Visit | None:
    """The visit that has this token, or had it a moment ago, and is not over."""
    now = utcnow()
    former = and_(Visit.former_hash == token_hash, Visit.renewed_at > now - GRACE)
    query = select(Visit).where(or_(Visit.token_hash == token_hash, former), Visit.ends_at > now)
    return (await session.execute(query)).scalars().first()


async def renew(session: AsyncSession, token_hash: str, new_hash: str) -> bool:
    """Another token from now on; False where another request was quicker."""
    done = await session.execute(
        update(Visit)
        .where(Visit.token_hash == token_hash)
        .values(token_hash=new_hash, former_hash=token_hash, renewed_at=utcnow())
    )
    return bool(done.rowcount)  # type: ignore[attr-defined]


async def end(session: AsyncSession, token_hash: str) -> None:
    await session.execute(delete(Visit).where(or_(Visit.token_hash == token_hash, Visit.former_hash == token_hash)))
