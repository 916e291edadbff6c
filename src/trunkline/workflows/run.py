"""One execution of an assignment: its steps as rows, its fenced writes, its bounded retries."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db import assignments, debts, intents, numbers
from trunkline.db.debts import DebtKind
from trunkline.db.models import Assignment, Number, PurchaseIntent, Step, utcnow
from trunkline.domain.choosing import Criteria
from trunkline.domain.marks import OwnerMark
from trunkline.domain.outcomes import Outcome
from trunkline.errors import RetryLater, Superseded, TrunklineError
from trunkline.metrics import ASSIGNMENTS
from trunkline.workflows.inventory import Inventory
from trunkline.workflows.services import Services

log = structlog.get_logger()
T = TypeVar("T")
Effect = Callable[[AsyncSession], Awaitable[None]]
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0


def backoff(attempt: int, retry_after: float | None = None) -> float:
    """Seconds to wait after the given attempt (from 1): doubling with jitter, never less than the provider asks."""
    wait = min(FIRST_WAIT * 2.0 ** min(attempt - 1, 10), LONGEST_WAIT)
    return max(wait * random.uniform(0.8, 1.2), retry_after or 0.0)  # noqa: S311


class Run:
    """The assignment being worked on. Steps are written when something outside is about to be asked, and with the
    effects that they have; a step that asks nobody is written together with the next one that does."""

    def __init__(self, services: Services, inventory: Inventory, assignment: Assignment, rows: list[Step]) -> None:
        self.services = services
        self.settings = services.settings
        self.inventory = inventory
        self.assignment = assignment
        self.id = assignment.id
        self.restaurant_id = assignment.restaurant_id
        self.mark = OwnerMark(services.installation, assignment.id)
        self.criteria = Criteria.checked(**assignment.criteria)
        self.country = self.criteria.country or self.settings.default_country
        self.open_intent: PurchaseIntent | None = None
        self.claimed: Number | None = None
        self.imported: dict[str, str] = {}  # number -> its id at the voice platform, seen in this execution
        self._left = [row for row in rows if row.status == "running"]
        self._next_seq = max((row.seq for row in rows), default=0) + 1
        self._unsaved: list[Step] = []

    @staticmethod
    async def begin(services: Services, inventory: Inventory, assignment_id: str) -> Run | None:
        """Shut out earlier executions, and read how far they (or an earlier assignment of the restaurant) came: a
        purchase whose outcome is open, a number that is claimed. None if the assignment has ended."""
        async with services.database.write() as session:
            assignment = await assignments.begin(session, assignment_id)
            if assignment is None:
                return None
            rows = (await assignments.steps(session, [assignment_id]))[assignment_id] if assignment.epoch > 1 else []
            run = Run(services, inventory, assignment, rows)
            run.open_intent = await intents.open_for(session, assignment.restaurant_id)
            if run.open_intent is None:
                run.claimed = await numbers.claimed_for(session, assignment.restaurant_id)
            if run.claimed is not None:
                run.claimed.claimed_by = assignment_id
        return run

    @property
    def resumed(self) -> bool:
        """Whether an earlier execution may have done part of the work already."""
        return self.assignment.epoch > 1

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """A transaction that also saves the steps so far, and commits only while this execution is the current one."""
        async with self.services.database.write() as session:
            await assignments.fence(session, self.id, self.assignment.epoch)
            yield session
            await assignments.save_steps(session, self._unsaved)
        self._unsaved.clear()

    async def end(self, outcome: Outcome) -> None:
        """The end without a number in service: what was only claimed is free again, what was paid for is owed."""
        async with self.write() as session:
            await self.record_voice_ids(session)
            await numbers.drop_claims(session, self.id)
            if intent := await intents.open_for(session, self.restaurant_id):
                await self._owe(session, DebtKind.INTENT_UNKNOWN, intent.id, outcome)
            if row := await numbers.claimed_for(session, self.restaurant_id):
                kind = DebtKind.IMPORTED_NOT_MAPPED if row.voice_id else DebtKind.BOUGHT_NOT_IMPORTED
                await self._owe(session, kind, row.number, outcome)
            await self.close(session, outcome)
        self.count(outcome)

    async def close(self, session: AsyncSession, outcome: Outcome) -> None:
        """Write the outcome, in the caller's transaction."""
        await session.flush()
        await assignments.interrupt_steps(session, self.id)
        await assignments.fence(
            session,
            self.id,
            self.assignment.epoch,
            status=outcome.status.value,
            source=outcome.source.value if outcome.source else None,
            number=outcome.number,
            reason=outcome.reason.value if outcome.reason else None,
            message=outcome.message,
            hint=outcome.hint,
            ended_at=utcnow(),
        )

    async def record_voice_ids(self, session: AsyncSession) -> None:
        for number, voice_id in self.imported.items():
            (await numbers.get(session, number)).voice_id = voice_id
        await session.flush()

    @staticmethod
    def count(outcome: Outcome) -> None:
        ASSIGNMENTS.labels(outcome.status.value, outcome.source or "", outcome.reason or "").inc()
        log.info("assignment ended", status=outcome.status.value, number=outcome.number, reason=outcome.reason)

    async def _owe(self, session: AsyncSession, kind: DebtKind, subject: str, outcome: Outcome) -> None:
        await debts.owe(
            session, kind, subject, restaurant_id=self.restaurant_id, run_id=self.id, reason=outcome.message
        )

    @asynccontextmanager
    async def step(self, name: str, carrier: str | None = None) -> AsyncIterator[RunStep]:
        """One node of the chart. An error that leaves the block is the step's end as well."""
        row = self._row(name, carrier)
        step = RunStep(self, row)
        self._keep(row)
        try:
            yield step
        except (Superseded, asyncio.CancelledError):
            raise
        except TrunklineError as error:
            step.end("failed", error.detail)
            raise
        else:
            if row.status == "running":
                step.end("done")

    def _row(self, name: str, carrier: str | None) -> Step:
        """The row that an earlier execution left unfinished, tried again; else a new one."""
        for row in self._left:
            if (row.name, row.carrier) == (name, carrier):
                self._left.remove(row)
                row.attempt += 1
                return row
        seq, self._next_seq = self._next_seq, self._next_seq + 1
        return Step(
            run_id=self.id, seq=seq, name=name, carrier=carrier, status="running", attempt=1, started_at=utcnow()
        )

    def _keep(self, row: Step) -> None:
        if row not in self._unsaved:
            self._unsaved.append(row)


class RunStep:
    """A step under way. `detail` is its one line for people."""

    def __init__(self, run: Run, row: Step) -> None:
        self.run = run
        self._row = row
        self._deadline = time.monotonic() + run.settings.retry_for_seconds

    @property
    def repeated(self) -> bool:
        """Whether this step was begun before, here or by an earlier execution."""
        return self._row.attempt > 1

    @property
    def detail(self) -> str | None:
        return self._row.detail

    @detail.setter
    def detail(self, text: str) -> None:
        self._row.detail = text

    def end(self, status: str, detail: str | None = None) -> None:
        self._row.status, self._row.ended_at = status, utcnow()
        self._row.detail = detail or self._row.detail
        self.run._keep(self._row)
        log.info("step", step=self._row.name, status=status, attempt=self._row.attempt, detail=self._row.detail)

    async def show(self) -> None:
        """Write the step as it stands, and make sure that this execution is still the current one."""
        self.run._keep(self._row)
        async with self.run.write():
            pass

    async def ask(self, call: Callable[[], Awaitable[T]]) -> T:
        """Ask a provider; RetryLater is waited out and asked again, for a bounded time."""
        await self.show()
        while True:
            try:
                return await call()
            except RetryLater as error:
                await self.wait(error)

    async def look(self, find: Callable[[], Awaitable[T | None]], seconds: float) -> T | None:
        """Ask for something that a lagging listing may show late: until it is there, or for `seconds`."""
        end = time.monotonic() + seconds
        pause = 0.1
        while (found := await self.ask(find)) is None and time.monotonic() + pause < end:
            await asyncio.sleep(pause)
            pause = min(pause * 2, 2.0)
        return found

    async def wait(self, error: TrunklineError) -> None:
        """Sleep before the next attempt and count it; the error itself is raised when the time is over."""
        wait = backoff(self._row.attempt, getattr(error, "retry_after", None))
        if time.monotonic() + wait > self._deadline:
            raise error
        self.detail = f"{error.detail}; next attempt in {wait:.1f} s"
        self._row.attempt += 1
        await self.show()
        await asyncio.sleep(wait)

    @asynccontextmanager
    async def finish(self, detail: str) -> AsyncIterator[AsyncSession]:
        """End the step together with its effects, in one transaction."""
        self.end("done", detail)
        async with self.run.write() as session:
            yield session
