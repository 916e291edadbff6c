"""Keeps the directory as the database is: loaded in slices, told of changes, and caught up from the feed of changes."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import structlog
from sqlalchemy.exc import SQLAlchemyError

from trunkline.db import calls, changes, routes
from trunkline.db.session import Database
from trunkline.metrics import DIRECTORY_MISSES, DIRECTORY_NUMBERS
from trunkline.routing.directory import Answer, Directory, Values, answer_of, encode

log = structlog.get_logger()
SLICE = 1000
CHECK_SECONDS = 10.0
CHECK_SECONDS_UNTOLD = 1.0  # while PostgreSQL tells us of no change, which it cannot through a pooler
LATE_IDS = 1000  # as many changes may be committed after one that got its id later
RELOAD_AFTER = changes.KEPT.total_seconds() / 2
PRUNE_SECONDS = 3600.0
RECONNECT_SECONDS = 1.0
QUIET_SECONDS = 60.0
LOOK_UP_SECONDS = 1.0
AWAY = (SQLAlchemyError, psycopg.Error, OSError, TimeoutError)


@contextmanager
def uncollected() -> Iterator[None]:
    """While many rows pass by that are in no cycle: collections would look through them, a third of all the time."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def _address(known: psycopg.ConnectionInfo) -> str:
    """Of the server that was reached, or the folder of its socket."""
    return known.host if known.host.startswith("/") else f"{known.host}:{known.port}"


class Listening(psycopg.AsyncConnection[Any]):
    """A connection that is told of what happens: the driver would look ten times a second besides."""

    async def wait(self, gen: Any, interval: float = QUIET_SECONDS, timeout: float | None = None) -> Any:
        return await super().wait(gen, interval, timeout)


class Follower:
    """The one writer of a directory.

    A change is in it when the `Database.write()` that made it is left, and in other processes as soon as PostgreSQL has
    notified them. A notification that was lost, with its connection or otherwise, is made good from the feed within
    CHECK_SECONDS. Meanwhile, and while the database is away, the old answers stand.
    """

    def __init__(self, database: Database, directory: Directory) -> None:
        self._database = database
        self._directory = directory
        self._one_at_a_time = asyncio.Lock()  # what was read later is also taken over later
        self._pending: set[str] = set()
        self._position = 0
        self._seen: dict[int, str] = {}
        self._followed_at = 0.0
        self._told = database.embedded  # where nobody else changes anything

    async def load(self) -> None:
        """Read every number there is; changes made meanwhile are followed."""
        if self.refresh not in self._database.listeners:
            self._database.listeners.append(self.refresh)
        started, after = time.monotonic(), ""
        async with self._database.read() as session:
            newest = await changes.newest(session)
            seen = await changes.after(session, newest - LATE_IDS)
        with uncollected():
            while True:
                async with self._one_at_a_time, self._database.read() as session:
                    part = await routes.part(session, after, SLICE)
                    self._directory.update(part)
                if not part:
                    break
                after = part[-1].number
                await asyncio.sleep(0)  # an embedded database does not wait for anything
        self._seen, self._position, self._followed_at = seen, newest, started
        DIRECTORY_NUMBERS.set(len(self._directory))
        log.info("directory loaded", numbers=len(self._directory), ms=round((time.monotonic() - started) * 1000))

    async def refresh(self, numbers: Iterable[str]) -> None:
        """Read these numbers again; those that cannot be read now are read with the next check."""
        self._pending |= set(numbers)
        async with self._one_at_a_time:
            while due := sorted(self._pending)[:SLICE]:
                self._pending.difference_update(due)  # before it is read: who adds it again has changed it since
                try:
                    async with self._database.read() as session:
                        self._directory.update(await routes.named(session, due))
                except BaseException:
                    self._pending.update(due)
                    raise
        DIRECTORY_NUMBERS.set(len(self._directory))

    async def check(self) -> None:
        """Catch up with the feed; after an absence that is too long for it, read everything again."""
        if time.monotonic() - self._followed_at > RELOAD_AFTER:
            await self.load()
        started = time.monotonic()
        async with self._database.read() as session:
            found = await changes.after(session, self._position - LATE_IDS)
        await self.refresh(number for change, number in found.items() if change not in self._seen)
        self._seen, self._position = found, max(found, default=self._position)
        self._followed_at = started

    async def run(self) -> None:
        """For ever: check, and throw away what the feed need not keep."""
        pruned_at, away = time.monotonic(), False
        while True:
            await asyncio.sleep(CHECK_SECONDS if self._told else CHECK_SECONDS_UNTOLD)
            try:
                await self.check()
                if time.monotonic() - pruned_at > PRUNE_SECONDS:
                    async with self._database.write() as session:
                        await changes.prune(session)
                    pruned_at = time.monotonic()
                away = False
            except Exception as error:
                if not away:
                    log.warning(
                        "changes cannot be read now; calls are answered from memory", error=type(error).__name__
                    )
                away = True

    async def listen(self) -> None:
        """For ever, on PostgreSQL: follow the changes of other processes as they are told."""
        while True:
            try:
                parameters = self._database.connection_parameters()
                connection = await Listening.connect(**parameters, autocommit=True)
                async with connection:
                    await connection.execute(f"LISTEN {changes.CHANNEL}")
                    log.info("listens for changes of other processes", address=_address(connection.info))
                    self._told = True
                    await self.check()  # what was told while nobody listened
                    async for told in connection.notifies():
                        sender, numbers = changes.read_note(told.payload)
                        if sender != self._database.sender:
                            await self.refresh(numbers)
            except Exception as error:
                log.warning("changes are not told now; they are read each second", error=type(error).__name__)
            self._told = False
            await asyncio.sleep(RECONNECT_SECONDS)

    async def look_up_call(self, call_id: str, number: str | None) -> Answer | None:
        """Ask the database whom a call was given to that it has heard of; errors as in `look_up`."""
        whose = await self._database.look(lambda session: calls.whose(session, call_id), LOOK_UP_SECONDS)
        return encode(Values(whose[0], whose[1], whose[2] or number or "")) if whose else None

    async def look_up(self, voice_ids: Iterable[str | None], number: str | None, caller: str | None) -> Answer | None:
        """Ask the database about a call that memory does not know. TimeoutError or the driver's error if it is away."""
        known_ids = [voice_id for voice_id in voice_ids if voice_id is not None]
        try:
            route = await self._database.look(lambda session: routes.one(session, known_ids, number), LOOK_UP_SECONDS)
        except AWAY:
            DIRECTORY_MISSES.labels("database_away").inc()
            raise
        DIRECTORY_MISSES.labels("found" if route else "unknown").inc()
        if route is None:
            return None
        self._pending.add(route.number)
        return answer_of(route, caller)
