"""The living processes of an installation, by the database's clock (PostgreSQL only)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db.models import Process

NOW = func.clock_timestamp()
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Living(NamedTuple):
    """The ids of the processes that have said of late that they live, and of those that have not and may have left
    work."""

    alive: set[str]
    silent: set[str]


async def beat(session: AsyncSession, process_id: str, ttl: float) -> Living:
    """Say that this process lives, and who else has said so within `ttl` seconds: one statement, which
    is done when it is answered. The session has asked nothing before."""
    await session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
    living = Living({process_id}, set())
    for other, lives in await session.execute(_beat(process_id, ttl)):
        (living.alive if lives else living.silent).add(other)
    return living


@cache
def _beat(process_id: str, ttl: float) -> Select[str, bool]:
    """Made once: it is most of what an idle process asks."""
    row = insert(Process).values(id=process_id, seen_at=NOW)
    said = row.on_conflict_do_update(index_elements=["id"], set_={"seen_at": NOW}).returning(Process.id)
    return select(Process.id, _lives(ttl)).where(Process.id != process_id).add_cte(said.cte("said"))


def living(ttl: float) -> Select[Any]:
    """The ids of all that have said within `ttl` seconds that they live, as a part of another query."""
    return select(Process.id).where(_lives(ttl))


async def leave(session: AsyncSession, process_id: str) -> None:
    """It ends in good order: nobody is to wait for its heartbeat before its work is taken over."""
    await session.execute(update(Process).where(Process.id == process_id).values(seen_at=LONG_AGO))


async def forget(session: AsyncSession, silent: Collection[str], ttl: float) -> None:
    """They have left nothing; those that were frozen only, and beat again meanwhile, are not meant."""
    gone = delete(Process).where(Process.id.in_(silent), ~_lives(ttl))
    await session.execute(gone.execution_options(synchronize_session=False))


def _lives(ttl: float) -> ColumnElement[bool]:
    return Process.seen_at > NOW - timedelta(seconds=ttl)
