"""Stores what is reported of calls, many in one transaction, away from the calls that are being answered."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import NamedTuple

import structlog
from sqlalchemy.exc import SQLAlchemyError

from trunkline.db import calls
from trunkline.db.calls import Heard
from trunkline.db.session import DATABASE_AWAY, Database
from trunkline.domain.calls import CallReport
from trunkline.metrics import CALL_REPORTS, CALL_REPORTS_WAITING, CALLS_CONNECTED
from trunkline.routing.directory import Answer, Former, read_values
from trunkline.routing.resolve import Resolver

log = structlog.get_logger()
MOST_WAITING = 20_000
AT_ONCE = 200
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
AWAY = (*DATABASE_AWAY, OSError)


class Item(NamedTuple):
    """A report that waits; `found` is whose call it was when it came, None if memory did not know."""

    report: CallReport
    found: Answer | None
    stored: asyncio.Future[bool]


class CallLog:
    """A bounded queue and the one task that empties it. While the database is away, reports wait in memory."""

    def __init__(
        self, database: Database, resolver: Resolver, complete_after: timedelta, counts_calls: bool = False
    ) -> None:
        """`counts_calls` where they are not counted as they are answered, because that is done without us."""
        self._counts_calls = counts_calls
        self._database = database
        self._resolver = resolver
        self._complete_after = complete_after
        self._waiting: asyncio.Queue[Item] = asyncio.Queue(MOST_WAITING)

    def add(self, report: CallReport) -> asyncio.Future[bool]:
        """True once it is committed, False if it cannot be stored. QueueFull if too many wait already."""
        stored: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        found = self._resolver.at_once(report.number_ids, report.number, report.caller)
        self._waiting.put_nowait(Item(report, found, stored))
        CALL_REPORTS_WAITING.set(self._waiting.qsize())
        return stored

    async def run(self) -> None:
        """For ever."""
        while True:
            batch = [await self._waiting.get()]
            batch += [self._waiting.get_nowait() for _ in range(min(AT_ONCE - 1, self._waiting.qsize()))]
            await self._store(batch)
            for _ in batch:
                self._waiting.task_done()
            CALL_REPORTS_WAITING.set(self._waiting.qsize())

    async def drain(self, seconds: float) -> None:
        """Wait until all is stored, if the database lets it."""
        try:
            await asyncio.wait_for(self._waiting.join(), seconds)
        except TimeoutError:
            log.error("reports of calls are lost: the database did not take them", reports=self._waiting.qsize())

    async def _store(self, batch: list[Item]) -> None:
        """One transaction for all, tried until the database is there. Where it refuses one, each goes on its own; one
        is tried twice, as another process may have heard of the same call at the same time."""
        pause, refused = FIRST_PAUSE, 0
        while True:
            try:
                heard = [await self._heard(item) for item in batch]
                async with self._database.write() as session:
                    connected = await calls.store(session, heard, self._complete_after)
                CALLS_CONNECTED.count += connected if self._counts_calls else 0
                break
            except AWAY as error:
                log.warning("reports of calls wait for the database", reports=len(batch), error=type(error).__name__)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            except SQLAlchemyError as error:
                if len(batch) > 1:
                    for one in batch:
                        await self._store([one])
                    return
                refused += 1
                if refused == 2:
                    log.error("a report cannot be stored", call=batch[0].report.id, error=type(error).__name__)
                    break
        CALL_REPORTS.labels("stored" if refused < 2 else "refused").inc(len(batch))
        for item in batch:
            if not item.stored.done():
                item.stored.set_result(refused < 2)

    async def _heard(self, item: Item) -> Heard:
        found = item.found or await self._resolver.of_report(item.report)
        if isinstance(found, Former):
            return Heard(item.report, found.values.restaurant_id, former=True)
        return Heard(item.report, read_values(found).restaurant_id if found else None)
