"""Answers that are kept for a while: of several askers at once only one asks, and the others wait for its answer."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Coroutine, Hashable
from contextvars import Context
from typing import Any, Generic, TypeVar

V = TypeVar("V")


class Memo(Generic[V]):
    """Kept by key, each for the seconds that `lasts` gives its value. A failure is shared by those who were waiting
    for it and then forgotten."""

    def __init__(self, lasts: Callable[[V], float] = lambda value: math.inf) -> None:
        self._lasts = lasts
        self._asked: dict[Hashable, tuple[asyncio.Task[V], float]] = {}

    async def get(self, key: Hashable, ask: Callable[[], Coroutine[Any, Any, V]]) -> V:
        now = time.monotonic()
        task, until = self._asked.get(key, (None, 0.0))
        if task is None or until <= now:
            self._asked = {other: kept for other, kept in self._asked.items() if kept[1] > now}
            # An answer for all is asked for in nobody's name: what surrounds the first asker concerns it alone.
            task = asyncio.create_task(ask(), context=Context())
            self._asked[key] = (task, math.inf)
            task.add_done_callback(lambda done: self._settle(key, done))
        # One asker that is cancelled must not take the answer away from the others.
        return await asyncio.shield(task)

    def forget(self) -> None:
        """Ask anew for everything."""
        self._asked.clear()

    def _settle(self, key: Hashable, done: asyncio.Task[V]) -> None:
        failed = done.cancelled() or done.exception() is not None
        if self._asked.get(key, (None, 0.0))[0] is not done:
            return
        if failed:
            del self._asked[key]
        else:
            self._asked[key] = (done, time.monotonic() + self._lasts(done.result()))
