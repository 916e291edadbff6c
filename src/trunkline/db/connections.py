"""How many connections to PostgreSQL a process takes, and how many there are."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db.processes import living

POOL, ENGINE_POOL = 4, 3
HEART_POOL = 1  # of the heartbeat, which waits for nothing that works
BESIDE = 2  # one that is told of changes, and one for looks at the schema
MOST = POOL + HEART_POOL + ENGINE_POOL + BESIDE
WAIT_SECONDS = 60.0  # for a connection of a pool
MEND = "raise max_connections or the limit of the role, run fewer processes, or put PgBouncer in front"
ALLOWED = text("""
    SELECT least(
        current_setting('max_connections')::int - CASE WHEN r.rolsuper THEN 0 ELSE
            current_setting('superuser_reserved_connections')::int
            + coalesce(current_setting('reserved_connections', true), '0')::int END,
        nullif(r.rolconnlimit, -1), nullif(d.datconnlimit, -1))
    FROM pg_roles r, pg_database d WHERE r.rolname = current_user AND d.datname = current_database()
""")


class Room(NamedTuple):
    """The connections that PostgreSQL lets our user have in all, and the processes of the installation that live."""

    allowed: int
    processes: int


async def look(session: AsyncSession, living_seconds: float) -> Room:
    """Of who is connected directly: a pooler has connections of its own."""
    lives = await session.scalar(select(func.count()).select_from(living(living_seconds).subquery()))
    return Room(int((await session.execute(ALLOWED)).scalar_one()), lives or 0)
