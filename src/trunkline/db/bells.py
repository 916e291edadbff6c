"""Wakes who would otherwise have to look again and again whether there is something to do."""

from __future__ import annotations

import asyncio
from contextlib import suppress


class Bell:
    """Rings when this process has committed something that is told as an event. What another process commits, or what
    becomes due, rings no bell: who waits looks by itself as well, seldom."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self._rung.set()

    async def wait(self, at_least: float, at_most: float) -> None:
        """Until it has rung since the last wait, between so many seconds and so many."""
        await asyncio.sleep(at_least)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._rung.wait(), max(at_most - at_least, 0))
        self._rung.clear()
