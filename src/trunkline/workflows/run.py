"""One durable run, whatever its kind: how it is executed and waited for, its steps as rows, its fenced writes, its
bounded retries."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from typing import Any, Generic, Protocol, TypeVar

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline import traces
from trunkline.db import runs
from trunkline.db.models import RunRow, utcnow
from trunkline.db.runs import Runs, StepRow
from trunkline.domain.acting import Acting, acting_as
from trunkline.domain.states import RunStatus, StepStatus
from trunkline.errors import RetryLater, Superseded, TrunklineError
from trunkline.providers.http import before_sending
from trunkline.workflows.gate import asking, waiting
from trunkline.workflows.services import Services

log = structlog.get_logger()
T = TypeVar("T")
R = TypeVar("R", bound=RunRow)
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
LAST_TRY = 0.01
LOOK_SECONDS = 0.2  # between two looks at a run in another process
CURRENT_FOR = 1.0  # seconds; nobody takes over a run whose process was alive so short a time ago


def backoff(attempt: int, retry_after: float | None = None) -> float:
    """Seconds to wait after the given attempt (from 1): doubling with jitter, never less than the provider asks."""
    wait = min(FIRST_WAIT * 2.0 ** min(attempt - 1, 10), LONGEST_WAIT)
    return max(wait * random.uniform(0.8, 1.2), retry_after or 0.0)  # noqa: S311


class Work(Protocol[R]):
    """What a kind of durable run does. `kind` names it for ever, also in the engine's records; `runs` are its rows.
    `waits_in_line`: only so many are worked on at once (`Gate`), so it waits for no other run's end. A new kind is its
    columns, this, and a line where the kinds are listed."""

    kind: str
    runs: Runs[R]
    waits_in_line: bool

    async def work(self, services: Services, row: R) -> None:
        """From wherever an earlier execution left the run to its end. It looks at our tables and outside how far it
        is: it may be executed again at any point. Errors are its ends as well: none leaves it but Superseded, and what
        says that the database is away, after which somebody goes on."""


async def execute(services: Services, work: Work[R], run_id: str) -> None:
    """Work on the run once it is its turn, see `go_on`."""
    if not work.waits_in_line:
        await go_on(services, work, run_id)
        return
    async with services.gate.place(run_id) as admitted:
        if admitted:
            await go_on(services, work, run_id)


async def go_on(services: Services, work: Work[R], run_id: str) -> None:
    """Shut out earlier executions, and work, for whom began it. Nothing happens to a run that has ended."""
    async with services.database.write() as session:
        row = await work.runs.begin(session, run_id)
    if row is None:
        return
    with begun_by(work.kind, row):
        await work.work(services, row)


@contextmanager
def begun_by(kind: str, row: RunRow) -> Iterator[None]:
    """Inside, what is done is done for whom began the run, and a part of its trace."""
    who = Acting.stored(row.actor)
    with acting_as(who), traces.begun(kind, {"trunkline.run": row.id}, within=who.traceparent):
        trace_id = traces.trace_id() or who.trace_id
        with structlog.contextvars.bound_contextvars(**({"trace_id": trace_id} if trace_id else {})):
            yield


async def end_of(services: Services, kind: Runs[R], run_id: str, seconds: float) -> R:
    """The run once it has ended, or as it stands when the time is over. An end in this process is seen at once, one in
    another process by looking at the row."""
    deadline = time.monotonic() + seconds
    await services.engine.wait(run_id, seconds)
    while True:
        async with services.database.read() as session:
            row = await kind.get(session, run_id)
        left = deadline - time.monotonic()
        if row.status != RunStatus.RUNNING or left <= 0:
            return row
        await asyncio.sleep(min(LOOK_SECONDS, left))


Job = Callable[[], Awaitable[Any]]


async def side_by_side(places: int, jobs: Iterable[Job] | AsyncIterator[Job]) -> None:
    """Do the jobs in their order, at most so many at once. The first error stops the others and is raised."""
    waiting = jobs if isinstance(jobs, AsyncIterator) else _each(jobs)
    taking = asyncio.Lock()

    async def worker() -> None:
        while True:
            async with taking:
                job = await anext(waiting, None)
            if job is None:
                return
            await job()

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(places):
                group.create_task(worker())
    except ExceptionGroup as stopped:
        raise stopped.exceptions[0] from None


async def _each(jobs: Iterable[Job]) -> AsyncIterator[Job]:
    for job in jobs:
        yield job


class Run(Generic[R]):
    """A run being worked on. Its writes commit only while this execution is the current one. Steps are written when
    something outside is about to be asked, and with the effects that they have; a step that asks nobody is written
    together with the next one that does."""

    def __init__(self, services: Services, kind: Runs[R], row: R, rows: list[StepRow]) -> None:
        self.services = services
        self.settings = services.settings
        self.row = row
        self.id = row.id
        self._kind = kind
        self._left = [step for step in rows if step.status == StepStatus.RUNNING]
        self._next_seq = max((step.seq for step in rows), default=0) + 1
        self._unsaved: list[StepRow] = []
        self._announced: list[StepRow] = []
        self._written_at = -math.inf

    @classmethod
    async def of(cls, services: Services, kind: Runs[R], row: R) -> Run[R]:
        """The run of a row that was begun, with the steps of earlier executions."""
        async with services.database.read() as session:
            rows = (await runs.steps(session, [row.id]))[row.id] if row.epoch > 1 else []
        return cls(services, kind, row, rows)

    @property
    def resumed(self) -> bool:
        """Whether an earlier execution may have done part of the work already."""
        return self.row.epoch > 1

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """A transaction that also saves the steps so far, and commits only while this execution is the current one."""
        asked = time.monotonic()  # not after the commit, at which this process may have been frozen
        async with self.services.database.write() as session:
            await self._kind.fence(session, self.id, self.row.epoch)
            yield session
            await runs.save_steps(session, self._unsaved)
        self._unsaved.clear()
        self._written_at = asked

    async def end(self, session: AsyncSession, **columns: Any) -> None:
        """End the run in a transaction of the caller's; what earlier executions left unfinished ends with it."""
        if self._left:
            await runs.interrupt_steps(session, self.id)
        await self._kind.change(session, self.id, self.row.epoch, ended_at=utcnow(), **columns)

    async def still_current(self) -> None:
        """Superseded if another execution has begun, asked right before something outside is changed; a write that has
        just proved it is enough."""
        if time.monotonic() - self._written_at > CURRENT_FOR:
            async with self.services.database.read() as session:
                await self._kind.check(session, self.id, self.row.epoch)

    def checked(self) -> AbstractContextManager[None]:
        """Inside, what would change something outside is sent only while this execution is the current one."""
        return before_sending(self.still_current)

    @asynccontextmanager
    async def step(self, name: str, carrier: str | None = None) -> AsyncIterator[RunStep]:
        """One node of the chart. An error that leaves the block is the step's end as well."""
        row = self._row(name, carrier)
        step = RunStep(self, row)
        with traces.part(name, {"trunkline.carrier": carrier}):
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

    def announce(self, name: str, carrier: str | None = None) -> None:
        """What follows at once: it is shown by the write that ends the step before it."""
        self._announced.append(self._row(name, carrier))

    def _row(self, name: str, carrier: str | None) -> StepRow:
        """The row that was announced, or that an earlier execution left unfinished, tried again; else a new one."""
        if announced := _take(self._announced, name, carrier):
            return announced
        if row := _take(self._left, name, carrier):
            runs.count_attempt(row)
        else:
            seq, self._next_seq = self._next_seq, self._next_seq + 1
            row = StepRow(
                run_id=self.id, seq=seq, name=name, carrier=carrier, status="running", attempt=1, started_at=utcnow()
            )
        self._keep(row)
        return row

    def _keep(self, row: StepRow) -> None:
        if row not in self._unsaved:
            self._unsaved.append(row)


def _take(rows: list[StepRow], name: str, carrier: str | None) -> StepRow | None:
    """Remove the first row of this step from the list."""
    row = next((row for row in rows if (row.name, row.carrier) == (name, carrier)), None)
    if row is not None:
        rows.remove(row)
    return row


class RunStep:
    """A step under way. `detail` is its one line for people."""

    def __init__(self, run: Run[Any], row: StepRow) -> None:
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
        runs.note_step(self._row, text)
        self.run._keep(self._row)

    def end(self, status: str, detail: str | None = None) -> None:
        runs.end_step(self._row, status, detail)
        traces.tell({"trunkline.status": status, "trunkline.attempt": self._row.attempt})
        self.run._keep(self._row)
        log.info("step", step=self._row.name, status=status, attempt=self._row.attempt, detail=self._row.detail)

    def begin_again(self) -> None:
        """What seemed to be its end was not."""
        runs.reopen_step(self._row)

    async def show(self) -> None:
        """Write the step as it stands, and make sure that this execution is still the current one; a write that has
        just said both is enough."""
        if self.run._unsaved or time.monotonic() - self.run._written_at > CURRENT_FOR:
            async with self.run.write():
                pass

    async def ask(self, call: Callable[[], Awaitable[T]]) -> T:
        """Ask a provider; RetryLater is waited out and asked again, for a bounded time. What would change something
        there is sent only while this execution is the current one, asked when its turn has come."""
        await self.show()
        while True:
            try:
                with self.run.checked(), asking():
                    return await call()
            except RetryLater as error:
                await self.wait(error)

    async def look(self, find: Callable[[], Awaitable[T | None]], seconds: float) -> T | None:
        """Ask for something that a lagging listing may show late: until it is there, or for `seconds`."""
        end = time.monotonic() + seconds
        pause = 0.1
        while (seen := await self.ask(find)) is None and time.monotonic() + pause < end:
            with waiting():
                await asyncio.sleep(pause)
            pause = min(pause * 2, 2.0)
        return seen

    async def wait(self, error: TrunklineError) -> None:
        """Sleep before the next attempt and count it; the error itself is raised when the time is over."""
        wait, left = backoff(self._row.attempt, getattr(error, "retry_after", None)), self._deadline - time.monotonic()
        if left <= 0:
            raise error
        wait = min(wait, left + LAST_TRY)  # one more attempt at the end of the patience, however long we are to wait
        runs.count_attempt(self._row)
        self.detail = f"{error.detail}; next attempt in {wait:.1f} s"
        await self.show()
        with waiting():
            await asyncio.sleep(wait)

    async def pause(self, seconds: float) -> None:
        """Wait in this step, visibly."""
        await self.show()
        with waiting():
            await asyncio.sleep(seconds)

    @asynccontextmanager
    async def finish(self, detail: str) -> AsyncIterator[AsyncSession]:
        """End the step together with its effects, in one transaction."""
        self.end("done", detail)
        async with self.run.write() as session:
            yield session
