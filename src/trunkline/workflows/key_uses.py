"""When each key was last used, and from where: written seldom, and never while somebody waits."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime

import structlog

from trunkline.db import keys
from trunkline.db.models import utcnow
from trunkline.db.session import Database
from trunkline.texts import one_line

log = structlog.get_logger()
SELDOM = 300.0  # seconds between two notes of one key
MOST = 10_000  # keys that are remembered
LONGEST = 64  # characters of an address


class KeyUses:
    """What is to be written of keys that were used."""

    def __init__(self) -> None:
        self._noted_at: dict[str, float] = {}
        self._unwritten: dict[str, tuple[datetime, str | None]] = {}
        self._some = asyncio.Event()

    def note(self, key_id: str, by: str | None) -> None:
        """The key was used from this address."""
        now = time.monotonic()
        if now - self._noted_at.get(key_id, -SELDOM) < SELDOM:
            return
        if len(self._noted_at) >= MOST:
            self._noted_at.clear()
        self._noted_at[key_id] = now
        self._unwritten[key_id] = utcnow(), one_line(by)[:LONGEST] if by else None
        self._some.set()

    async def write(self, database: Database) -> None:
        """For ever. What cannot be written is written after the key's next use."""
        while True:
            await self._some.wait()
            self._some.clear()
            uses, self._unwritten = self._unwritten, {}
            try:
                async with database.write() as session:
                    for key_id in sorted(uses):  # in one order, so that two processes never wait for each other
                        await keys.note_use(session, key_id, *uses[key_id])
            except Exception as error:
                for key_id in uses:
                    self._noted_at.pop(key_id, None)
                log.warning("the uses of keys could not be written", error=type(error).__name__)
