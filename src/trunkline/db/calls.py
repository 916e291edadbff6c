"""Calls: one row each, brought together from whatever was reported of it, in any order and however often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import and_, bindparam, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db.models import Call, Restaurant, utcnow
from trunkline.domain.calls import CallReport
from trunkline.errors import NotFound

ORDER = {"scheduled": 1, "queued": 2, "ringing": 3, "in-progress": 5, "forwarding": 6, "ended": 7}
IN_BETWEEN = 4  # a word that we do not know
WHOSE = (
    select(Restaurant.id, Restaurant.name, Call.called)
    .join(Restaurant, Restaurant.id == Call.restaurant_id)
    .where(Call.id == bindparam("call"), Call.former.is_(False), Restaurant.deleted_at.is_(None))
)


class Heard(NamedTuple):
    """A report, and whose call it is: a restaurant's, or that of the one that `former`ly had the number."""

    report: CallReport
    restaurant_id: str | None
    former: bool = False


async def store(session: AsyncSession, heard: Sequence[Heard], complete_after: timedelta) -> int:
    """Bring each report into its call's row. A call belongs to whom it belonged when it was first heard of. How many
    calls are now known to have been answered for a restaurant, and were not before."""
    connected = 0
    ids = sorted({h.report.id for h in heard})
    query = select(Call).where(Call.id.in_(ids)).order_by(Call.id).with_for_update()
    rows = {row.id: row for row in (await session.execute(query)).scalars()}
    for item in heard:
        row = rows.get(item.report.id)
        if row is None:
            row = rows[item.report.id] = Call(id=item.report.id, reported=False, former=False, first_seen_at=utcnow())
            row.next_check_at = row.first_seen_at + complete_after
            session.add(row)
        if row.restaurant_id is None and item.restaurant_id is not None:
            row.restaurant_id, row.former = item.restaurant_id, item.former
        before = is_connected(row)
        merge(row, item.report)
        connected += is_connected(row) and not before
    return connected


async def whose(session: AsyncSession, call_id: str) -> tuple[str, str, str | None] | None:
    """(id, name, the number that was called) of the restaurant that a call was given to when it was first heard of;
    None for a call that we do not know, or that was given to nobody."""
    found = (await session.execute(WHOSE, {"call": call_id})).one_or_none()
    return found._tuple() if found else None


async def last_of_numbers(session: AsyncSession, numbers: Sequence[str]) -> dict[str, datetime]:
    """When each of our numbers was last called."""
    query = select(Call.called, func.max(Call.first_seen_at)).where(Call.called.in_(numbers)).group_by(Call.called)
    return {number: last for number, last in await session.execute(query) if number}


async def newest(session: AsyncSession) -> datetime | None:
    """When the newest was first heard of."""
    return (await session.execute(select(func.max(Call.first_seen_at)))).scalar_one()


async def since(session: AsyncSession, moment: datetime) -> tuple[int, datetime | None]:
    """How many were first heard of after it, and when the newest of them was."""
    query = select(func.count(), func.max(Call.first_seen_at)).where(Call.first_seen_at > moment)
    count, last = (await session.execute(query)).one()
    return int(count), last


def is_connected(row: Call) -> bool:
    """Whether it was answered for a restaurant: it has begun. The last report of a call that nobody answered may say
    that it began and ended at the same moment."""
    ours = row.restaurant_id is not None and not row.former
    return ours and row.started_at is not None and not (row.reported and row.ended_at == row.started_at)


def merge(row: Call, report: CallReport) -> None:
    """What a final report says stands; of others the earliest beginning, the latest end and the furthest status."""
    row.caller, row.called = row.caller or report.caller, row.called or report.called
    row.status = max(row.status, report.status, key=_progress)
    if report.final:
        row.started_at = report.started_at or row.started_at
        row.ended_at = report.ended_at or row.ended_at
        row.ended_reason = report.ended_reason or row.ended_reason
        row.duration_seconds = row.duration_seconds if report.duration_seconds is None else report.duration_seconds
        row.cost = row.cost if report.cost is None else report.cost
        row.reported, row.next_check_at = True, None
        return
    if not row.reported or row.started_at is None:
        row.started_at = min(filter(None, (row.started_at, report.started_at)), default=None)
    if not row.reported or row.ended_at is None:
        row.ended_at = max(filter(None, (row.ended_at, report.ended_at)), default=None)
    row.ended_reason = row.ended_reason or report.ended_reason


def _progress(status: str | None) -> tuple[int, str]:
    return (0, "") if status is None else (ORDER.get(status, IN_BETWEEN), status)


async def take_unreported(session: AsyncSession, limit: int, again_after: timedelta) -> list[str]:
    """Calls whose end should have been reported by now, put off at once so that no other process asks for them too."""
    query = select(Call).where(Call.next_check_at <= utcnow()).order_by(Call.next_check_at).limit(limit)
    rows = (await session.execute(query.with_for_update(skip_locked=True))).scalars().all()
    for row in rows:
        row.next_check_at = utcnow() + again_after
    return [row.id for row in rows]


async def give_up(session: AsyncSession, call_id: str) -> None:
    """The voice platform knows nothing of it: nobody is asked again."""
    row = await session.get(Call, call_id)
    if row is not None:
        row.next_check_at = None


@dataclass(frozen=True)
class CallFilter:
    """What is None narrows nothing. `unrouted`: those that reached no restaurant, or those that did."""

    restaurant_id: str | None = None
    called: str | None = None
    caller: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    unrouted: bool | None = None


async def page(
    session: AsyncSession,
    wanted: CallFilter,
    *,
    before: tuple[datetime, str] | None = None,
    limit: int = 50,
) -> Sequence[Call]:
    """Newest first, by when they were first heard of."""
    query = select(Call).order_by(Call.first_seen_at.desc(), Call.id.desc()).limit(limit)
    if before:
        moment, call_id = before
        same = and_(Call.first_seen_at == moment, Call.id < call_id)
        query = query.where(Call.first_seen_at <= moment, or_(Call.first_seen_at < moment, same))
    if wanted.restaurant_id:
        query = query.where(Call.restaurant_id == wanted.restaurant_id)
    if wanted.called:
        query = query.where(Call.called == wanted.called)
    if wanted.caller:
        query = query.where(Call.caller == wanted.caller)
    if wanted.since is not None:
        query = query.where(Call.first_seen_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(Call.first_seen_at < wanted.until)
    if wanted.unrouted is not None:
        query = query.where(Call.restaurant_id.is_(None) if wanted.unrouted else Call.restaurant_id.is_not(None))
    return (await session.execute(query)).scalars().all()


async def get(session: AsyncSession, call_id: str) -> Call:
    row = await session.get(Call, call_id)
    if row is None:
        raise NotFound(f"there is no call {call_id}", hint="GET /api/calls lists them")
    return row
