"""What happened of late, hour by hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased

from trunkline.db.models import Assignment, Call, Mapping, Number, Restaurant, utcnow
from trunkline.domain.ids import first_id
from trunkline.domain.numbers import NumberState
from trunkline.domain.outcomes import Reason, Status

HOUR, HOURS = timedelta(hours=1), 24


@dataclass(frozen=True)
class Hours:
    """Of the last 24 hours, oldest first: how much there was in each, and how much of it went wrong."""

    all: list[int]
    bad: list[int]


async def assignments(session: AsyncSession) -> Hours:
    """By when they were asked for, as their ids tell; those that ended without a number went wrong."""
    wrong = Assignment.status.in_([Status.UNASSIGNED, Status.FAILED])
    return await _counted(session, Assignment.id, [first_id("asg", begin) for begin in _begins()], wrong)


async def calls(session: AsyncSession) -> Hours:
    """By when they were first heard of; those that reached nobody went wrong."""
    return await _counted(session, Call.first_seen_at, _begins(), Call.restaurant_id.is_(None))


async def waiting_for_a_person(session: AsyncSession, limit: int) -> Sequence[tuple[Assignment, str]]:
    """(assignment, restaurant's name) of those that ended because a person has to act, newest first, where the
    restaurant still has no number and nothing was tried since."""
    any_of = aliased(Assignment)
    later = select(func.max(any_of.nth)).where(any_of.restaurant_id == Restaurant.id).scalar_subquery()
    has = select(Mapping.id).where(Mapping.restaurant_id == Restaurant.id, Mapping.ended_at.is_(None)).exists()
    query = (
        select(Assignment, Restaurant.name)
        .join(Restaurant, Restaurant.id == Assignment.restaurant_id)
        .where(
            Assignment.reason == Reason.CARRIER_ACTION_REQUIRED,
            Restaurant.deleted_at.is_(None),
            Assignment.nth == later,
            ~has,
        )
        .order_by(Assignment.id.desc())
        .limit(limit)
    )
    return [(assignment, name) for assignment, name in await session.execute(query)]


async def put_aside(session: AsyncSession, limit: int) -> Sequence[Number]:
    """Numbers that are idle and left out for now, because something refused them."""
    query = select(Number).where(Number.state == NumberState.IDLE, Number.put_aside_until > utcnow())
    return (await session.execute(query.order_by(Number.number).limit(limit))).scalars().all()


def _begins() -> list[datetime]:
    """Of each of the hours, and of the one after them."""
    end = utcnow().replace(minute=0, second=0, microsecond=0) + HOUR
    return [end - HOUR * n for n in range(HOURS, -1, -1)]


async def _counted(
    session: AsyncSession, place: InstrumentedAttribute[Any], begins: Sequence[Any], wrong: ColumnElement[bool]
) -> Hours:
    """In one statement; each hour by itself, so that an index alone tells: there may be a call each second."""
    within = [and_(place >= begin, place < end) for begin, end in pairwise(begins)]
    parts = [select(func.count(place)).where(hour) for hour in within]
    parts += [select(func.count(place)).where(hour, wrong) for hour in within]
    row = (await session.execute(select(*(part.scalar_subquery() for part in parts)))).one()
    return Hours(list(map(int, row[:HOURS])), list(map(int, row[HOURS:])))
