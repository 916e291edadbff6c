"""Which numbers a transaction gave another answer to: noted while it runs, published with it, told after its commit."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import Delete, Table, delete, event, func, insert, inspect, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from trunkline.db import events
from trunkline.db.event_rows import note_events
from trunkline.db.models import Caller, Mapping, Number, NumberChange, Restaurant, utcnow
from trunkline.domain.numbers import NumberState

CHANNEL = "trunkline_numbers"
NOTE = insert(cast(Table, NumberChange.__table__))
LARGEST_NOTE = 400  # numbers in one notification, which may have 8,000 bytes
KEPT = timedelta(days=1)
ANSWERED = {NumberState.IN_SERVICE.value, NumberState.COOLING_DOWN.value, NumberState.RELEASING.value}


class NotingSession(Session):
    """A session that notes what its flushes change. What is written by a statement instead (`update(Mapping)`) must be
    noted by whoever writes it."""


def note(session: AsyncSession | Session, numbers: Iterable[str]) -> None:
    """These numbers may be answered otherwise after the commit."""
    session.info.setdefault("numbers", set()).update(numbers)


@event.listens_for(NotingSession, "before_flush")
def note_rows(session: Session, context: Any, instances: Any) -> None:
    note_events(session)
    for row in (*session.new, *session.dirty, *session.deleted):
        if isinstance(row, Mapping) or (isinstance(row, Number) and _answered_otherwise(row)):
            note(session, [row.number])
        elif isinstance(row, Caller):
            session.info.setdefault("restaurants", set()).add(row.restaurant_id)
        elif isinstance(row, Restaurant) and row not in session.new and inspect(row).attrs.name.history.has_changes():
            session.info.setdefault("restaurants", set()).add(row.id)


def _answered_otherwise(row: Number) -> bool:
    attributes = inspect(row).attrs
    state = attributes.state.history
    voice = attributes.voice_id.history.has_changes()
    return bool(ANSWERED & {*state.added, *state.deleted}) or (voice and row.state in ANSWERED)


async def publish(session: AsyncSession, sender: str) -> set[str]:
    """Write what was noted to the feed and to the events, and on PostgreSQL notify the other processes, with the
    transaction that did it. The numbers concerned."""
    await session.flush()
    session.info["told"] = await events.write(session)
    numbers: set[str] = session.info.get("numbers", set())
    if renamed := session.info.get("restaurants"):
        query = select(Mapping.number).where(Mapping.restaurant_id.in_(renamed), Mapping.ended_at.is_(None))
        numbers |= set((await session.execute(query)).scalars())
    if numbers:
        now, ordered = utcnow(), sorted(numbers)
        await session.execute(NOTE, [{"number": number, "at": now} for number in ordered])
        if session.get_bind().dialect.name != "sqlite":
            for start in range(0, len(ordered), LARGEST_NOTE):
                payload = " ".join([sender, *ordered[start : start + LARGEST_NOTE]])
                await session.execute(select(func.pg_notify(CHANNEL, payload)))
    return numbers


async def newest(session: AsyncSession) -> int:
    """Where the feed ends now."""
    return (await session.execute(select(func.coalesce(func.max(NumberChange.id), 0)))).scalar_one()


async def after(session: AsyncSession, position: int) -> dict[int, str]:
    """The feed from a position on. Ids are given out before the commit, so an older one may still turn up later."""
    query = select(NumberChange.id, NumberChange.number).where(NumberChange.id > position).order_by(NumberChange.id)
    return {found: number for found, number in await session.execute(query)}


async def prune(session: AsyncSession) -> None:
    old: Delete = delete(NumberChange).where(NumberChange.at < utcnow() - KEPT)
    await session.execute(old)


def read_note(payload: str) -> tuple[str, Collection[str]]:
    """(sender, numbers) of a notification."""
    sender, *numbers = payload.split()
    return sender, numbers
