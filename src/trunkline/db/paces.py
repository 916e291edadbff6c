"""The pace of each provider's account as the processes of an installation share it (PostgreSQL only).

Turns are moments in time that are handed out one after the other: what a process took and did not use is over by
itself. Places are lent for a short while. A lease is one short transaction that locks the account's row.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import structlog
from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db.models import PacePlaces, PaceRow
from trunkline.db.session import Database
from trunkline.providers.pace import Demand, Lease, Limits, OwnPace, reserve, share

log = structlog.get_logger()
RENEW_SECONDS = 0.5
LENT = timedelta(seconds=5)
ANSWER_SECONDS = 3.0  # of the database: a provider's answer is not kept waiting for it any longer


class SharedPace:
    """The `Pace` of one of several processes. While the database is away, takes no writes or is at an older schema, it
    keeps to its own: what was begun can be ended, and a doctor can look."""

    renew_seconds = RENEW_SECONDS

    def __init__(self, database: Database, process: str) -> None:
        self._database, self._process = database, process
        self._alone = OwnPace()

    async def lease(self, provider: str, limits: Limits, demand: Demand) -> Lease:
        try:
            async with asyncio.timeout(ANSWER_SECONDS), self._database.write() as session:
                return await lease(session, self._process, provider, limits, demand)
        except (TimeoutError, SQLAlchemyError) as error:
            log.warning("the pace of an account is not shared now", provider=provider, error=type(error).__name__)
            return await self._alone.lease(provider, limits, demand)


async def lease(session: AsyncSession, process: str, provider: str, limits: Limits, demand: Demand) -> Lease:
    """Take turns and places of the account for the process, and tell the others of a pause."""
    row = insert(PaceRow).values(provider=provider)
    locked = row.on_conflict_do_update(index_elements=["provider"], set_={"provider": provider})
    asked = await session.execute(locked.returning(PaceRow.free_at, PaceRow.paused_until, func.clock_timestamp()))
    free_at, paused_until, now = asked.one()
    places = await _lend(session, process, provider, limits, demand, now)
    turns = demand.turns if places > demand.open else 0
    free = None if free_at is None else (free_at - now).total_seconds()
    begins, free = reserve(limits, free, 0.0, turns)
    ends = max(now + timedelta(seconds=demand.pause), paused_until or now)
    changed = update(PaceRow).where(PaceRow.provider == provider)
    await session.execute(changed.values(free_at=now + timedelta(seconds=free), paused_until=ends))
    return Lease(turns, begins, places, (ends - now).total_seconds())


async def _lend(
    session: AsyncSession, process: str, provider: str, limits: Limits, demand: Demand, now: datetime
) -> int:
    """The places that the process has from now on. It gives back what is more than its share as what it has under way
    ends; nobody gets a place before it was given back, or its process has not asked again for a while."""
    others = select(PacePlaces.process, PacePlaces.wanted, PacePlaces.held).where(
        PacePlaces.provider == provider, PacePlaces.process != process, PacePlaces.until > now
    )
    rows = list(await session.execute(others))
    wanted = {process: demand.places} | {row.process: row.wanted for row in rows}
    first = int(now.timestamp()) % len(wanted)  # where there are fewer places than processes, each has its second
    order = sorted(wanted)[first:] + sorted(wanted)[:first]
    fair = share(limits.at_once, [wanted[name] for name in order])[order.index(process)]
    held: int = max(min(fair, limits.at_once - sum(row.held for row in rows)), demand.open, 0)
    if not demand.places:
        mine = (PacePlaces.provider == provider) & (PacePlaces.process == process)
        await session.execute(delete(PacePlaces).where(mine | (PacePlaces.until < now - LENT)))
        return 0
    values = {"wanted": demand.places, "held": held, "until": now + LENT}
    kept = insert(PacePlaces).values(provider=provider, process=process, **values)
    await session.execute(kept.on_conflict_do_update(index_elements=["provider", "process"], set_=values))
    return held
