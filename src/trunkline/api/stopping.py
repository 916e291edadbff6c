"""The end of the server, from the moment at which it is asked to stop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Stopping:
    """Within `seconds` everything is over: streams end at once, who waits for an assignment is answered as it stands
    while there is time to, and what runs gets the rest of the time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until: float | None = None
        self._asked = asyncio.Event()
        self._late = asyncio.Event()

    def begin(self) -> None:
        """On the server's loop; a second call does nothing."""
        if self._until is None:
            self._until = time.monotonic() + self._seconds
            self._asked.set()
            asyncio.get_running_loop().call_later(self._seconds * 0.6, self._late.set)

    @property
    def begun(self) -> bool:
        return self._asked.is_set()

    @property
    def left(self) -> float:
        """Seconds until everything is to be over; all of them before the beginning of the end."""
        return self._seconds if self._until is None else max(0.0, self._until - time.monotonic())

    async def asked(self) -> None:
        """Until the server is asked to stop."""
        await self._asked.wait()

    async def sleep(self, seconds: float) -> None:
        """Until then, or until the server is asked to stop."""
        await asyncio.wait([waiting := asyncio.ensure_future(self._asked.wait())], timeout=seconds)
        waiting.cancel()

    async def unless_late(self, work: Coroutine[Any, Any, T], otherwise: Coroutine[Any, Any, T]) -> T:
        """What `work` comes to; `otherwise` where it is not over when the server has to answer. The other one does not
        run to its end."""
        waiting = asyncio.ensure_future(work)
        late = asyncio.ensure_future(self._late.wait())
        try:
            await asyncio.wait([waiting, late], return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                otherwise.close()
                return waiting.result()
            return await otherwise
        finally:
            waiting.cancel()
            late.cancel()
