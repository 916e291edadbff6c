"""Asks the voice platform about calls whose end was never reported: its messages get lost."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from trunkline.db import calls
from trunkline.db.session import Database
from trunkline.errors import Missing, TrunklineError
from trunkline.routing.call_log import CallLog
from trunkline.voice.base import VoicePlatform

log = structlog.get_logger()
PAUSE = 15.0
AT_ONCE = 20


class Completion:
    """Works off the calls whose end is overdue. One that still goes on is asked about again later."""

    def __init__(self, database: Database, voice: VoicePlatform, call_log: CallLog, after: timedelta) -> None:
        self._database = database
        self._voice = voice
        self._call_log = call_log
        self._after = after

    async def run(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(PAUSE)
            try:
                while await self.complete() == AT_ONCE:
                    pass
            except Exception as error:
                log.warning("calls cannot be completed now", error=type(error).__name__)

    async def complete(self) -> int:
        """Ask about those that are overdue, some at a time; how many those were."""
        async with self._database.write() as session:
            due = await calls.take_unreported(session, AT_ONCE, self._after)
        for call_id in due:
            try:
                report = await self._voice.call(call_id)
            except Missing:
                async with self._database.write() as session:
                    await calls.give_up(session, call_id)
            except TrunklineError as error:
                log.info("a call cannot be completed yet", call=call_id, reason=error.detail)
            else:
                await self._call_log.add(report)
        return len(due)
