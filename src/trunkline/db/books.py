"""What our own tables say of all numbers at one moment, as it is compared with what carriers and Vapi say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db import mappings, numbers
from trunkline.db.models import Assignment, Debt, Move, Number, PurchaseIntent, Release
from trunkline.db.models import Mapping as MappingRow
from trunkline.domain.marks import parse_mark
from trunkline.domain.numbers import NumberState
from trunkline.domain.states import IntentStatus, RunStatus

HELD = (NumberState.IN_SERVICE, NumberState.IDLE, NumberState.COOLING_DOWN)


@dataclass(frozen=True)
class Books:
    """`rows` are the numbers that we hold, and what else we know of those that were asked for; `serves` is the active
    restaurant of each. Who is `busy` is about to change by itself: a run, a claim, a debt or a purchase is at work on
    it, or it has changed since `began_at`; so is what carries the mark of a run in `runs_at_work`. `lost` are the
    restaurants that have none since their number was gone, with that number and its carrier."""

    rows: Mapping[str, Number]
    serves: Mapping[str, str]
    busy: frozenset[str]
    runs_at_work: frozenset[str]
    lost: Sequence[tuple[str, str, str | None]]

    @property
    def held(self) -> list[Number]:
        return [row for row in self.rows.values() if row.state in HELD]


async def read(session: AsyncSession, seen: Iterable[str], began_at: datetime) -> Books:
    """Read after the lists, which were begun at `began_at`: what has changed since may be newer than they are."""
    rows = {row.number: row for row in await numbers.in_state(session, *HELD)}
    rows |= await numbers.known(session, [number for number in seen if number not in rows])
    served = select(MappingRow.number, MappingRow.restaurant_id).where(
        MappingRow.active.is_(True), MappingRow.ended_at.is_(None)
    )
    serves = {number: restaurant for number, restaurant in await session.execute(served)}
    moving = {row.number for row in rows.values() if row.claimed_by is not None or row.updated_at >= began_at}
    return Books(
        rows,
        serves,
        frozenset(moving | await _at_work_on(session)),
        await _runs_at_work(session),
        await mappings.lost(session),
    )


async def _at_work_on(session: AsyncSession) -> set[str]:
    running = RunStatus.RUNNING
    queries: list[Select[Any]] = [
        select(Debt.subject).where(Debt.settled_at.is_(None)),
        select(Release.number).where(Release.status.in_([running, RunStatus.OWED])),
        select(Move.number).where(Move.status == running),
        select(PurchaseIntent.number).where(
            PurchaseIntent.number.is_not(None), PurchaseIntent.status == IntentStatus.OPEN
        ),
    ]
    found: set[str] = set()
    for query in queries:
        found.update((await session.execute(query)).scalars())
    return found


async def _runs_at_work(session: AsyncSession) -> frozenset[str]:
    """By their ids: those that run, and those whose purchase is looked for again by itself."""
    assigning = select(Assignment.id).where(Assignment.status == "running")
    looked_for = select(PurchaseIntent.mark).where(
        (PurchaseIntent.status == IntentStatus.OPEN) | PurchaseIntent.look_at.is_not(None)
    )
    marks = (parse_mark(text) for text in (await session.execute(looked_for)).scalars())
    bought_by = {mark.assignment_id for mark in marks if mark is not None}
    return frozenset({*(await session.execute(assigning)).scalars(), *bought_by})
