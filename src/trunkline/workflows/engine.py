"""Durable execution: a run that was started ends, whatever happens to its process. The only file that knows DBOS."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
import sqlite3
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import sqlalchemy as sa
import structlog
from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetWorkflowID
from dbos._queue import queue_worker_thread
from sqlalchemy.engine import make_url

from trunkline.db import processes
from trunkline.db.addresses import driver_url
from trunkline.db.connections import ENGINE_POOL, HEART_POOL, WAIT_SECONDS
from trunkline.db.pools import PatientPool
from trunkline.db.postgresql import listen_to_postgresql
from trunkline.db.session import DATABASE_AWAY, Database
from trunkline.db.sqlite import prepare_sqlite
from trunkline.errors import Superseded
from trunkline.workflows.gate import waiting

log = structlog.get_logger()
Work = Callable[[str], Awaitable[None]]
THREADS = 8
ATTEMPTS = 8  # of a run that are asked for at once
QUEUE_SECONDS = 10.0
LOOK_SECONDS = 60.0  # between two looks for work of processes that nobody knows
SUBSECONDS_SINCE = (3, 42)  # SQLite
PENDING = "PENDING"
ENDED = {"SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"}


class Engine:
    """Starts runs by id, once each, and resumes those whose process died.

    A run's work is a coroutine function of the run's id. It looks at our own tables to see how far it is, so running
    it again continues it; it must fence its writes (see `db.runs`), because a process that was frozen may
    wake up after its work was taken over. With SQLite there is one process, which resumes its own work when it starts.
    With PostgreSQL each process beats, and any of them takes over the work of one that stopped beating. The heartbeat
    has a connection of its own: one that waits until the work has one to spare is that of a process that seems dead.
    """

    def __init__(self, url: str, database: Database, takeover_seconds: float) -> None:
        self._url = url
        self._database = database
        self._embedded = database.embedded
        self._ttl = takeover_seconds * 0.6
        self._beat_seconds = min(2.0, takeover_seconds / 10)
        self.process_id = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        self._workflows: dict[str, Any] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._ended: dict[str, asyncio.Event] = {}
        self._doubtful: set[str] = set()
        self._heart = None if self._embedded else Database(url, HEART_POOL)
        self._beating: asyncio.Task[None] | None = None
        self._taking: asyncio.Task[None] | None = None
        self._alive = {self.process_id}
        self._looked_at = 0.0
        self._queue = Looks()
        self.closing = False

    def register(self, kind: str, work: Work) -> None:
        """Before launch: `kind` names the work for ever, also in the records of unfinished runs."""

        async def workflow(run_id: str) -> None:
            await self._execute(run_id, partial(work, run_id))

        workflow.__qualname__ = kind
        self._workflows[kind] = DBOS.workflow(name=kind, max_recovery_attempts=1_000_000)(workflow)

    async def launch(self) -> None:
        """Begin to work, and resume what this process (SQLite) or dead ones (PostgreSQL) left unfinished."""
        if not self._embedded:
            await self._beat()  # before launch: nobody may see our work without our heartbeat
        config: DBOSConfig = {
            "name": "trunkline",
            "system_database_engine": _engine(self._url),
            "executor_id": self.process_id,
            "application_version": "1",
            "max_executor_threads": THREADS,
            "serializer": DBOSPortableJSONSerializer(),
            "use_listen_notify": False,  # nobody is notified
            "notification_listener_polling_interval_sec": 0.1,
            "log_level": "WARNING",
        }
        logging.getLogger("dbos").setLevel(logging.WARNING)
        dbos = DBOS(config=config)
        DBOS.launch()  # on the loop's own thread, so that recovered runs work on this loop too
        _end_unused(dbos)
        self._queue.begin(dbos)
        if self._embedded:
            await self._take_over(set())
        else:
            self._beating = asyncio.create_task(self._lease())

    async def start(self, kind: str, run_id: str, attempt: int = 0) -> None:
        """Start the run unless it was started before: one id and attempt runs once, however often it is started. A run
        that cannot be started now is started by whoever finds it unfinished (see `ensure`)."""
        if run_id in self._ended:
            return
        self._ended[run_id] = asyncio.Event()
        handle = None
        try:
            with SetWorkflowID(f"{run_id}.{attempt}"):
                handle = await DBOS.start_workflow_async(self._workflows[kind], run_id)
        except Exception as error:
            log.warning("run is started later", run=run_id, error=type(error).__name__)
        if not hasattr(handle, "task") and run_id not in self._tasks:
            self._ended.pop(run_id, asyncio.Event()).set()  # it was started before, elsewhere, or not at all

    async def ensure(self, kind: str, run_id: str) -> None:
        """See to it that a run which our tables call unfinished is in somebody's hands: the process may have died
        before it told the engine, an error of ours may have stopped it, or the database may have been away when the
        engine was to be told of its end. What the engine calls pending in this very process, and is not being worked
        on here, is in nobody's; one look may come while it is just being begun, so that the second one decides."""
        if run_id in self._ended:
            return
        attempts = await _attempts(run_id)
        unfinished = [attempt for attempt in attempts if attempt.status not in ENDED]
        ours = [a for a in unfinished if a.status == PENDING and a.executor_id == self.process_id]
        if len(unfinished) > len(ours) or (ours and run_id not in self._doubtful):
            self._doubtful.add(run_id)
            return
        self._doubtful.discard(run_id)
        await self.start(kind, run_id, len(attempts))

    async def work(self, run_id: str, work: Callable[[], Awaitable[None]]) -> None:
        """Work on the run as a part of the run that calls this, which is the one that the engine resumes; until it ends
        here, which it may also do unfinished."""
        if run_id in self._ended:
            with waiting():  # it may not have begun yet, and need our place for that
                await self._ended[run_id].wait()
        else:
            await self._execute(run_id, work)

    async def under_way(self, run_id: str) -> bool:
        """Whether some process works on it, or one that died did and it will be resumed."""
        return run_id in self._ended or not ENDED.issuperset(a.status for a in await _attempts(run_id))

    async def wait(self, run_id: str, seconds: float) -> None:
        """Until the run ends in this process, or the time is over, or it is not running here."""
        event = self._ended.get(run_id)
        if event is not None:
            await _until(event, seconds)

    async def forget_ended(self, before: datetime, piece: int) -> int:
        """Delete some of the engine's records of runs that ended before; how many. Ours tell all that is told."""
        old = await DBOS.list_workflows_async(
            status=sorted(ENDED), completed_before=before.isoformat(), limit=piece, load_input=False, load_output=False
        )
        if old:
            await DBOS.delete_workflows_async([workflow.workflow_id for workflow in old])
        return len(old)

    @property
    def leads(self) -> bool:
        """Whether this is the one of the living processes that does what one is to do. While they change it may be
        nobody, or two."""
        return self.process_id == min(self._alive, default=self.process_id)

    @property
    def living(self) -> sa.Select[Any] | None:
        """The ids of the living processes, as a part of a query; None where there is one only."""
        return None if self._embedded else processes.living(self._ttl)

    def part(self) -> tuple[int, int]:
        """(which of the living processes this is, how many there are); they may differ a moment about it."""
        alive = sorted(self._alive | {self.process_id})
        return alive.index(self.process_id), len(alive)

    @property
    def running(self) -> int:
        return len(self._tasks)

    async def close(self, seconds: float) -> None:
        """Let running work end for `seconds`, and begin no more; leave the rest to the next process, which finds it
        unfinished."""
        self.closing = True
        tasks = set(self._tasks.values())
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=5)
        for beside in (self._beating, self._taking):
            if beside is not None:
                beside.cancel()
        if self._heart is not None:
            await self._leave(self._heart)
        await asyncio.to_thread(self._queue.end)
        await asyncio.to_thread(lambda: DBOS.destroy(destroy_registry=True))
        # DBOS had made its own pool the loop's default, and has shut it down.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())

    async def _leave(self, heart: Database) -> None:
        """Nobody is to wait for our heartbeat any more. Where the database is away they do, and we end all the same."""
        try:
            async with heart.write() as session:
                await processes.leave(session, self.process_id)
        except DATABASE_AWAY as error:
            log.warning("the others are not told that this process ends", error=type(error).__name__)
        await heart.close()

    async def _execute(self, run_id: str, work: Callable[[], Awaitable[None]]) -> None:
        while run_id in self._tasks:  # begun here before, and resumed
            await self._ended[run_id].wait()
        if self.closing:
            return
        task = asyncio.current_task()
        assert task is not None
        self._tasks[run_id] = task
        event = self._ended.setdefault(run_id, asyncio.Event())
        try:
            with structlog.contextvars.bound_contextvars(run=run_id):
                await work()
        except Superseded:
            log.info("run goes on in another process", run=run_id)
        except DATABASE_AWAY as error:
            log.warning("run goes on when the database is back", run=run_id, error=type(error).__name__)
        except Exception:
            # Nothing may leave the workflow: the engine would call it failed for good and never resume it.
            log.exception("run stopped by an error of ours", run=run_id)
        finally:
            self._tasks.pop(run_id, None)
            self._ended.pop(run_id, None)
            event.set()

    async def _lease(self) -> None:
        """Nothing holds up the heartbeat: what is taken over is looked for beside it."""
        while True:
            try:
                silent = await self._beat()
                due = silent or time.monotonic() - self._looked_at > LOOK_SECONDS
                if due and not self.closing and (self._taking is None or self._taking.done()):
                    self._taking = asyncio.create_task(self._take_over_beside(silent))
            except Exception as error:
                log.warning("heartbeat failed", error=type(error).__name__)
            await asyncio.sleep(self._beat_seconds)

    async def _beat(self) -> set[str]:
        """Say that we live; the ids of those that did and do not say so any more, by the database's clock."""
        assert self._heart is not None
        async with self._heart.read() as session:
            self._alive, silent = await processes.beat(session, self.process_id, self._ttl)
        return silent

    async def _take_over_beside(self, silent: set[str]) -> None:
        try:
            await self._take_over(silent)
        except Exception as error:
            log.warning("nothing is taken over now", error=type(error).__name__)

    async def _take_over(self, silent: set[str]) -> None:
        """What dead processes left unfinished. Those that have left nothing more are forgotten. Who lives is asked
        after whose work there is: who has begun in between, however long that took, is not dead."""
        self._looked_at = time.monotonic()
        owners = await asyncio.to_thread(_owners)
        if not self._embedded:
            await self._beat()
        left = owners - self._alive
        if left:
            log.warning("taking over the work of dead processes", processes=sorted(left))
            await asyncio.to_thread(_recover, left)
            self._queue.look()
        if silent:
            self._database.ring()  # they may have left events to send, and debts
        if gone := silent - left:
            async with self._database.write() as session:
                await processes.forget(session, gone, self._ttl)


class Attempt(NamedTuple):
    """One start of a run that the engine knows, and which process has it."""

    status: str
    executor_id: str | None


async def _attempts(run_id: str) -> list[Attempt]:
    """Asked for by their ids, which are counted from 0 on: a prefix is looked for among all records."""
    found: list[Attempt] = []
    while True:
        asked = [f"{run_id}.{attempt}" for attempt in range(len(found), len(found) + ATTEMPTS)]
        known = await DBOS.list_workflows_async(workflow_ids=asked, load_input=False, load_output=False)
        found += [Attempt(workflow.status, workflow.executor_id) for workflow in known]
        if len(known) < ATTEMPTS:
            return found


async def _until(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return


def _owners() -> set[str]:
    """The processes that have unfinished runs, living or dead."""
    pending = DBOS.list_workflows(status=PENDING, load_input=False, load_output=False)
    return {workflow.executor_id for workflow in pending if workflow.executor_id}


def _recover(dead: set[str]) -> None:
    """Their unfinished runs go back to the queue. The engine guards the write by the dead process's id, so several
    survivors may do this at once."""
    DBOS._recover_pending_workflows(sorted(dead))


class Looks(threading.Event):
    """When DBOS's worker looks into the queue of what goes on after its process died: once there is something, instead
    of each second; and seldom by itself, for what another process put there and did not take. Setting it ends them."""

    def __init__(self) -> None:
        super().__init__()
        self._wanted = threading.Event()

    def begin(self, dbos: DBOS) -> None:
        work = partial(queue_worker_thread, self, dbos, dbos._registry.get_internal_queue())
        self._worker = threading.Thread(target=work, daemon=True)
        self._worker.start()
        self.look()

    def look(self) -> None:
        self._wanted.set()

    def end(self) -> None:
        self.set()
        self.look()
        self._worker.join()

    def wait(self, timeout: float | None = None) -> bool:
        """Between two looks, however long the worker would wait; whether it is to end."""
        self._wanted.wait(QUEUE_SECONDS)
        self._wanted.clear()
        return self.is_set()


def _end_unused(dbos: DBOS) -> None:
    """DBOS asks its database several times a second for what we have none of: other queues, schedules, delays,
    deadlines and messages."""
    dbos._sys_db._run_background_processes = False
    dbos._background_jobs_stop_event.set()
    for stop in dbos.background_thread_stop_events:
        stop.set()


def _engine_url(url: str) -> str:
    """The engine's own SQLite file beside ours (each commit takes a file's one write lock), or the same PostgreSQL."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        return parsed.set(database=f"{parsed.database}.engine").render_as_string(hide_password=False)
    return url


def _engine(url: str) -> sa.Engine:
    target = driver_url(_engine_url(url), asynchronous=False)
    if not url.startswith("sqlite"):
        pool = {"poolclass": PatientPool, "pool_size": ENGINE_POOL, "max_overflow": 0, "pool_timeout": WAIT_SECONDS}
        engine = sa.create_engine(target, pool_pre_ping=True, **pool)
        listen_to_postgresql(engine)
        return engine
    engine = sa.create_engine(target, pool_size=THREADS + 2, max_overflow=0)

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, record: Any) -> None:
        prepare_sqlite(connection, record)
        connection.isolation_level = "IMMEDIATE"  # as DBOS sets it on engines that it makes itself
        if sqlite3.sqlite_version_info < SUBSECONDS_SINCE:
            connection.create_function("unixepoch", 1, _seconds_now)

    return engine


def _seconds_now(_: str) -> float:
    """What `unixepoch('subsec')` is, which DBOS asks for from Python 3.12 on, whatever SQLite that Python has: an
    older one answers NULL."""
    return time.time()
