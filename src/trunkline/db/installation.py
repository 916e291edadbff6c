"""The installation: its name, made once, that our owner marks carry, and its salt."""

from __future__ import annotations

import secrets

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db.models import Installation, utcnow


async def name(session: AsyncSession) -> str:
    """The name; two processes that start at once agree on one."""
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    row = {"id": 1, "name": secrets.token_hex(4), "key_salt": secrets.token_hex(32), "created_at": utcnow()}
    await session.execute(insert(Installation).values(**row).on_conflict_do_nothing(index_elements=["id"]))
    return (await session.get_one(Installation, 1)).name


async def known(session: AsyncSession) -> str | None:
    """The name, None where it has not been made."""
    row = await session.get(Installation, 1)
    return row.name if row else None


async def rename(session: AsyncSession, name: str) -> None:
    """Marks of this name are ours from now on, and those of the former one are not."""
    (await session.get_one(Installation, 1)).name = name


async def key_salt(session: AsyncSession) -> str:
    """What goes into seals and hashes besides the operator's secret; only the database has it."""
    return (await session.get_one(Installation, 1)).key_salt
