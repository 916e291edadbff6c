"""How many runs a process works on at once, and who goes first: who came first ends first, however many come."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from contextvars import ContextVar

from trunkline.providers.pace import URGENCY, asked_since

RUNS_PER_PLACE = 4  # of an account: a run waits for one provider while others wait for the other one
LONG_SECONDS = 5.0  # who waits for an answer longer than this gives up its place meanwhile


class Gate:
    """So many `places` for runs that work. Whoever is more urgent begins first, and of these who came first.

    A run that waits long for something gives up its place meanwhile and goes on without waiting for another one: so
    nobody waits for a run that has not begun, and what one of them waits for holds up no other.
    """

    def __init__(self, places: int) -> None:
        self.places = places
        self._free = places  # below 0 where some have gone on beside those who had begun meanwhile
        self._waiting: list[tuple[int, str, int, asyncio.Future[bool]]] = []
        self._count = itertools.count()
        self._closed = False

    @property
    def at_work(self) -> int:
        """How many runs have a place."""
        return self.places - self._free

    @asynccontextmanager
    async def place(self, run_id: str) -> AsyncIterator[bool]:
        """A place for the run inside, once it is its turn by the time in its id; False where nothing begins here any
        more."""
        since = run_id.rpartition("_")[2]
        if not await self._admitted(since):
            yield False
            return
        place = _Place(self)
        token = _PLACE.set(place)
        try:
            with asked_since(since):
                yield True
        finally:
            _PLACE.reset(token)
            place.leave()

    def close(self) -> None:
        """Nobody begins any more; who waits is told."""
        self._closed = True
        for *_, turn in self._waiting:
            if not turn.done():
                turn.set_result(False)

    async def _admitted(self, since: str) -> bool:
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (URGENCY.get(), since, next(self._count), turn))
        self._let_in()
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.result():
                self._give_back()
            raise

    def _let_in(self) -> None:
        while self._waiting and (self._free > 0 or self._closed):
            turn = heapq.heappop(self._waiting)[-1]
            if not turn.done():
                self._free -= not self._closed
                turn.set_result(not self._closed)

    def _give_back(self) -> None:
        self._free += 1
        self._let_in()

    def _take(self) -> None:
        self._free -= 1


class _Place:
    """What one run has of a gate."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._held = True

    def leave(self) -> None:
        if self._held:
            self._held = False
            self._gate._give_back()

    def come_back(self) -> None:
        if not self._held:
            self._held = True
            self._gate._take()


_PLACE: ContextVar[_Place | None] = ContextVar("place", default=None)


def asking() -> AbstractContextManager[None]:
    """Inside, the run waits for an answer, or for its turn: if that takes long, another one has its place meanwhile."""
    return waiting(LONG_SECONDS)


@contextmanager
def waiting(patience: float = 0.0) -> Iterator[None]:
    """Inside, the run waits: after `patience` seconds of it another one has its place. Nothing happens to who has
    none."""
    place = _PLACE.get()
    if place is None:
        yield
        return
    timer = asyncio.get_running_loop().call_later(patience, place.leave)
    try:
        yield
    finally:
        timer.cancel()
        place.come_back()
