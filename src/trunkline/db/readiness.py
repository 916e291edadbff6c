"""Whether the database answers and has this version's schema, cheaply enough to be asked every second."""

from __future__ import annotations

from functools import cache

from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db.migrate import alembic_config


@cache
def needed() -> str | None:
    """The revision of the schema that this version was written for."""
    return ScriptDirectory.from_config(alembic_config()).get_current_head()


async def is_current(session: AsyncSession) -> bool:
    return (await session.execute(text("SELECT version_num FROM alembic_version"))).scalar() == needed()
