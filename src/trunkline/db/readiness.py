"""Whether the database answers, takes writes and has this version's schema, cheaply enough to be asked every second."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db.migrate import revisions
from trunkline.errors import NotReady

ON_SQLITE = text("SELECT version_num, FALSE FROM alembic_version")
ON_POSTGRESQL = text("SELECT version_num, current_setting('transaction_read_only') = 'on' FROM alembic_version")


async def refuse_unready(session: AsyncSession) -> None:
    """NotReady for another schema, and for a PostgreSQL that takes no writes; the session that saw that is given up, as
    the next one may be at another server."""
    postgresql = session.get_bind().dialect.name == "postgresql"
    version, read_only = (await session.execute(ON_POSTGRESQL if postgresql else ON_SQLITE)).one()
    if version != revisions()[-1]:
        raise NotReady("the database has another version's schema", hint="run: trunkline db upgrade")
    if read_only:
        await (await session.connection()).invalidate()
        raise NotReady("the database takes no writes now", hint="wait for the failover, or check DATABASE_URL")
