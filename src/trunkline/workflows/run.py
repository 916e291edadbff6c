"""One execution of a durable run: its steps as rows, its fenced writes, its bounded retries."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db import assignments
from trunkline.db.models import Step, utcnow
from trunkline.errors import RetryLater, Superseded, TrunklineError
from trunkline.workflows.services import Services

log = structlog.get_logger()
T = TypeVar("T")
Effect = Callable[[AsyncSession], Awaitable[None]]
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
CURRENT_FOR = 1.0  # seconds; nobody takes over a run whose process was alive so short a time ago


def backoff(attempt: int, retry_after: float | None = None) -> float:
    """Seconds to wait after the given attempt (from 1): doubling with jitter, never less than the provider asks."""
    wait = min(FIRST_WAIT * 2.0 ** min(attempt - 1, 10), LONGEST_WAIT)
    return max(wait * random.uniform(0.8, 1.2), retry_after or 0.0)  # noqa: S311


class Run:
    """A run being worked on: an assignment or a release. `fence(session)` raises Superseded unless this execution is
    the current one. Steps are written when something outside is about to be asked, and with the effects that they
    have; a step that asks nobody is written together with the next one that does."""

    def __init__(self, services: Services, run_id: str, rows: list[Step], fence: Effect) -> None:
        self.services = services
        self.settings = services.settings
        self.id = run_id
        self._fence = fence
        self._left = [row for row in rows if row.status == "running"]
        self._next_seq = max((row.seq for row in rows), default=0) + 1
        self._unsaved: list[Step] = []
        self._announced: list[Step] = []
        self._written_at = -math.inf

    @property
    def unfinished(self) -> bool:
        """Whether an earlier execution left steps under way that this one has not taken up."""
        return bool(self._left)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """A transaction that also saves the steps so far, and commits only while this execution is the current one."""
        asked = time.monotonic()  # not after the commit, at which this process may have been frozen
        async with self.services.database.write() as session:
            await self._fence(session)
            yield session
            await assignments.save_steps(session, self._unsaved)
        self._unsaved.clear()
        self._written_at = asked

    @asynccontextmanager
    async def step(self, name: str, carrier: str | None = None) -> AsyncIterator[RunStep]:
        """One node of the chart. An error that leaves the block is the step's end as well."""
        row = self._row(name, carrier)
        step = RunStep(self, row)
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

    def _row(self, name: str, carrier: str | None) -> Step:
        """The row that was announced, or that an earlier execution left unfinished, tried again; else a new one."""
        for row in self._announced:
            if (row.name, row.carrier) == (name, carrier):
                self._announced.remove(row)
                return row
        for row in self._left:
            if (row.name, row.carrier) == (name, carrier):
                self._left.remove(row)
                row.attempt += 1
                self._keep(row)
                return row
        seq, self._next_seq = self._next_seq, self._next_seq + 1
        row = Step(
            run_id=self.id, seq=seq, name=name, carrier=carrier, status="running", attempt=1, started_at=utcnow()
        )
        self._keep(row)
        return row

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
        self.run._keep(self._row)

    def end(self, status: str, detail: str | None = None) -> None:
        self._row.status, self._row.ended_at = status, utcnow()
        self._row.detail = detail or self._row.detail
        self.run._keep(self._row)
        log.info("step", step=self._row.name, status=status, attempt=self._row.attempt, detail=self._row.detail)

    async def show(self) -> None:
        """Write the step as it stands, and make sure that this execution is still the current one; a write that has
        just said both is enough."""
        if self.run._unsaved or time.monotonic() - self.run._written_at > CURRENT_FOR:
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
        self._row.attempt += 1
        self.detail = f"{error.detail}; next attempt in {wait:.1f} s"
        await self.show()
        await asyncio.sleep(wait)

    @asynccontextmanager
    async def finish(self, detail: str) -> AsyncIterator[AsyncSession]:
        """End the step together with its effects, in one transaction."""
        self.end("done", detail)
        async with self.run.write() as session:
            yield session
