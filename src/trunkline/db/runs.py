"""How every durable run begins, is fenced, is read, and what its steps are: the same for all kinds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar, cast

from sqlalchemy import Table, bindparam, exists, func, literal, select, union_all, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db.event_rows import announce_end
from trunkline.db.models import (
    Apply,
    Assignment,
    Batch,
    Move,
    Release,
    Repoint,
    RunRow,
    Step,
    StockPurchase,
    UtcDateTime,
    utcnow,
)
from trunkline.domain.events import Subjects
from trunkline.domain.states import RunStatus, StepStatus
from trunkline.errors import NotFound, Superseded

R = TypeVar("R", bound=RunRow)
STEPS = cast(Table, Step.__table__)


class Runs(Generic[R]):
    """The runs of one kind. `epoch` counts the executions of a run: a write with an older epoch is from a process that
    was overtaken, and changes nothing. The statements are made once: making one costs more than running it."""

    def __init__(self, row: type[R], noun: str, hint: str | None = None) -> None:
        self.row, self.noun, self.hint = row, noun, hint
        table = cast(Table, row.__table__)
        running = (table.c.id == bindparam("this_run"), table.c.status == RunStatus.RUNNING.value)
        begun: dict[str, Any] = {"epoch": table.c.epoch + 1}
        if "started_at" in table.c:
            begun["started_at"] = func.coalesce(table.c.started_at, bindparam("now", type_=UtcDateTime))
        begin = update(row).where(*running).values(**begun).returning(row)
        self._begin = begin.execution_options(synchronize_session=False)
        fenced = update(table).where(*running, table.c.epoch == bindparam("this_epoch"))
        named = [table.c[name] for name in ("restaurant_id", "to_id", "number") if name in table.c]
        self._change = fenced.returning(table.c.id, *named)
        self._keep = fenced.values(epoch=table.c.epoch)
        self._current = select(table.c.epoch).where(*running)
        self._unfinished = select(table.c.id).where(table.c.status == RunStatus.RUNNING.value).order_by(table.c.id)
        self._has_start = "started_at" in table.c

    async def get(self, session: AsyncSession, run_id: str) -> R:
        found = await session.get(self.row, run_id, populate_existing=True)
        if found is None:
            raise NotFound(f"there is no {self.noun} {run_id}", hint=self.hint)
        return found

    async def add(self, session: AsyncSession, **columns: Any) -> R:
        """Write a new run, which somebody then has to start. IntegrityError where one like it runs."""
        row = self.row(**columns)
        session.add(row)
        await session.flush()
        return row

    async def begin(self, session: AsyncSession, run_id: str) -> R | None:
        """Start an execution: the epoch goes up, which shuts out any earlier one. None unless the run is running."""
        known: dict[str, Any] = {"this_run": run_id} | ({"now": utcnow()} if self._has_start else {})
        return (await session.execute(self._begin, known)).scalar_one_or_none()

    async def fence(self, session: AsyncSession, run_id: str, epoch: int) -> None:
        """Superseded if a later execution than this one has begun, or the run has ended; none does either until the
        transaction is over."""
        kept = await session.execute(self._keep, {"this_run": run_id, "this_epoch": epoch})
        if not kept.rowcount:  # type: ignore[attr-defined]
            raise self._superseded(run_id)

    async def change(self, session: AsyncSession, run_id: str, epoch: int, **values: Any) -> None:
        """Write to the running run as this epoch; Superseded as above."""
        which = {"this_run": run_id, "this_epoch": epoch}
        changed = (await session.execute(self._change, which | values)).mappings().first()
        if changed is None:
            raise self._superseded(run_id)
        if "status" in values:
            subjects = Subjects(changed.get("restaurant_id") or changed.get("to_id"), changed.get("number"), run_id)
            announce_end(session, self.row, subjects, values)

    async def check(self, session: AsyncSession, run_id: str, epoch: int) -> None:
        """The same as `fence`, of this moment alone and without a write."""
        if (await session.execute(self._current, {"this_run": run_id})).scalar_one_or_none() != epoch:
            raise self._superseded(run_id)

    def _superseded(self, run_id: str) -> Superseded:
        return Superseded(f"{self.noun} {run_id} is run by another process now, or has ended")

    async def unfinished(self, session: AsyncSession) -> Sequence[str]:
        """The ids of all that run."""
        return (await session.execute(self._unfinished)).scalars().all()


ASSIGNMENTS = Runs(Assignment, "assignment")
RELEASES = Runs(Release, "release")
MOVES = Runs(Move, "move")
REPOINTS = Runs(Repoint, "run", "POST /api/numbers/repoint starts one")
BATCHES = Runs(Batch, "batch", "GET /api/batches lists them")
STOCK_PURCHASES = Runs(StockPurchase, "purchase")
APPLIES = Runs(Apply, "run", "POST /api/reconcile/plans/{id}/apply starts one")


async def at_work(session: AsyncSession, kinds: Sequence[Runs[Any]]) -> list[Runs[Any]]:
    """Those of the kinds of which a run is unfinished, by one statement: mostly none is."""
    looks = [select(literal(nth)).where(exists(kind._unfinished)) for nth, kind in enumerate(kinds)]
    return [kinds[nth] for nth in (await session.execute(union_all(*looks))).scalars()]


@dataclass(eq=False)
class StepRow:
    """A step as its table has it. Not an object of a session: each run changes a dozen of them some times, and they are
    written by one statement."""

    run_id: str
    seq: int
    name: str
    carrier: str | None
    status: str
    attempt: int
    started_at: datetime
    ended_at: datetime | None = None
    detail: str | None = None


def _upsert(upsert: Any) -> Any:
    changed = {name: upsert.excluded[name] for name in ("status", "attempt", "ended_at", "detail")}
    return upsert.on_conflict_do_update(index_elements=["run_id", "seq"], set_=changed)


SAVE_STEPS = {"sqlite": _upsert(sqlite.insert(STEPS)), "postgresql": _upsert(postgresql.insert(STEPS))}


async def steps(session: AsyncSession, run_ids: Sequence[str]) -> dict[str, list[StepRow]]:
    """The steps of each run, in order."""
    query = select(STEPS).where(STEPS.c.run_id.in_(run_ids)).order_by(STEPS.c.run_id, STEPS.c.seq)
    by_run: dict[str, list[StepRow]] = {run_id: [] for run_id in run_ids}
    for columns in (await session.execute(query)).mappings():
        by_run[columns["run_id"]].append(StepRow(**columns))
    return by_run


async def step_marks(session: AsyncSession, run_ids: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """What is another one as soon as a step of the run is; of runs that have any."""
    counts = (func.count(), func.count(Step.ended_at), func.sum(Step.attempt))
    query = select(Step.run_id, *counts).where(Step.run_id.in_(run_ids)).group_by(Step.run_id)
    return {run_id: tuple(map(int, marks)) for run_id, *marks in await session.execute(query)}


async def releases_of(session: AsyncSession, number: str) -> Sequence[Release]:
    """All of one number, oldest first."""
    return (await session.execute(select(Release).where(Release.number == number).order_by(Release.id))).scalars().all()


async def moves_of(session: AsyncSession, number: str) -> Sequence[Move]:
    """All of one number, oldest first."""
    return (await session.execute(select(Move).where(Move.number == number).order_by(Move.id))).scalars().all()


async def reopen_release(session: AsyncSession, release_id: str) -> None:
    """An owed release runs again; nothing happens to one that runs or is done."""
    reopened = await session.execute(
        update(Release)
        .where(Release.id == release_id, Release.status == RunStatus.OWED.value)
        .values(status=RunStatus.RUNNING.value)
        .returning(Release.number)
    )
    if (number := reopened.scalar_one_or_none()) is not None:
        running = {"status": RunStatus.RUNNING.value}
        announce_end(session, Release, Subjects(number=number, run_id=release_id), running, RunStatus.OWED)


async def count_repointed(session: AsyncSession, run_id: str, came_out: str, note: str | None) -> None:
    """One number more of a repoint came out so (`moved`, `left_alone` or `failed`), in a write of its run."""
    change: dict[str, Any] = {came_out: getattr(Repoint, came_out) + 1} | ({"message": note} if note else {})
    await session.execute(update(Repoint).where(Repoint.id == run_id).values(**change))


def note_step(row: StepRow, detail: str) -> None:
    """Its one line for people. As all that is changed of a step: saved with the next write of its run."""
    row.detail = detail


def end_step(row: StepRow, status: str, detail: str | None) -> None:
    row.status, row.ended_at, row.detail = status, utcnow(), detail or row.detail


def reopen_step(row: StepRow) -> None:
    """What seemed to be its end was not."""
    row.status, row.ended_at = StepStatus.RUNNING.value, None


def count_attempt(row: StepRow) -> None:
    row.attempt += 1


async def save_steps(session: AsyncSession, rows: Sequence[StepRow]) -> None:
    """Insert the steps, or bring those that are there up to date, in one statement."""
    if not rows:
        return
    await session.execute(SAVE_STEPS[session.get_bind().dialect.name], [dict(vars(row)) for row in rows])


async def interrupt_steps(session: AsyncSession, run_id: str) -> None:
    """What an earlier execution left unfinished, and this one found already done."""
    await session.execute(
        update(Step)
        .where(Step.run_id == run_id, Step.status == "running")
        .values(status="interrupted", ended_at=utcnow())
    )
