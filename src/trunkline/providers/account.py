"""One account at a provider, shared by all its clients in the process: its pace, its pauses, its clock, its name."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from contextvars import Context
from email.utils import parsedate_to_datetime

from trunkline.domain.ids import moment
from trunkline.errors import RetryLater, Role
from trunkline.providers.pace import BURST_SECONDS, SINCE, URGENCY, Demand, Limits, OwnPace, Pace
from trunkline.settings import Settings


class Account:
    """One account at one provider: a carrier account, or an organisation at the voice platform.

    Whoever asks the account goes through `turn`; its turns and places are leased from `pace`, which the processes of an
    installation may share. `clock_skew` is by how many seconds our clock was ahead of the provider's at its last
    answer; `identity` is the provider's own name of the account, None until it is known; `open` is how many requests
    are under way.
    """

    def __init__(self, provider: str, limits: Limits, pace: Pace | None = None) -> None:
        self.provider = provider
        self.limits = limits
        self.identity: str | None = None
        self.clock_skew: float | None = None
        self._pace = pace or OwnPace()
        self._not_before = 0.0
        self._waiting: list[tuple[int, str, int, asyncio.Future[None]]] = []
        self._count = itertools.count()
        self._turns, self._next_turn = 0, 0.0
        self.open = self._places = 0
        self._leased_at = float("-inf")
        self._changed = asyncio.Event()
        self._usher: asyncio.Task[None] | None = None

    @classmethod
    def of(cls, provider: str, settings: Settings, pace: Pace | None = None) -> Account:
        return cls(provider, Limits.of(settings), pace)

    @asynccontextmanager
    async def turn(self, role: Role, operation: str) -> AsyncIterator[None]:
        """One request may be sent inside. Waits for a pause to end, for a place and for the pace; who is more urgent
        goes first, and then whose work was begun first.

        A pause longer than we wait for an answer is the caller's to sit out, who can free what it holds meanwhile:
        RetryLater, of this role and operation.
        """
        await self._rest(role, operation)
        await self._admitted()
        try:
            await self._rest(role, operation)  # a pause may have begun while we queued
            yield
        finally:
            self._left()

    def pause(self, seconds: float) -> None:
        """Nothing is sent for so long: the provider has asked for it."""
        self._not_before = max(self._not_before, time.monotonic() + seconds)
        self._leased_at = float("-inf")  # others are told
        self._changed.set()

    def answered(self, headers: Mapping[str, str]) -> None:
        """Learn from an answer what time it is at the provider, None where it does not say."""
        try:
            self.clock_skew = time.time() - parsedate_to_datetime(headers["date"]).timestamp()
        except (KeyError, ValueError):
            self.clock_skew = None

    async def _rest(self, role: Role, operation: str) -> None:
        while (wait := self._not_before - time.monotonic()) > 0:
            if wait > self.limits.timeout:
                detail = f"{self.provider} has asked us to pause"
                raise RetryLater(detail, retry_after=wait, provider=self.provider, role=role, operation=operation)
            await asyncio.sleep(wait)

    async def _admitted(self) -> None:
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        since = SINCE.get() or moment()
        heapq.heappush(self._waiting, (URGENCY.get(), since, next(self._count), place))
        self._changed.set()
        if self._usher is None or self._usher.done():
            self._usher = asyncio.create_task(self._admit(), context=Context())
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._left()
            raise

    def _left(self) -> None:
        self.open -= 1
        self._changed.set()

    async def _admit(self) -> None:
        """Give places and turns to those who wait; while there is something under way, keep the places."""
        try:
            await self._go_on_admitting()
        except Exception as error:
            if not self._waits():
                raise
            for *_, place in self._waiting:
                if not place.done():
                    place.set_exception(error)

    async def _go_on_admitting(self) -> None:
        while self._waits() or (self._pace.renew_seconds is not None and self._places > 0):
            if self._is_due():
                await self._lease()
            elif not (self._waits() and self.open < self._places):
                self._changed.clear()
                await self._change(self._pace.renew_seconds)
            elif (early := self._next_turn - time.monotonic()) > 0:
                await asyncio.sleep(min(early, self._pace.renew_seconds or early))
            else:
                self._pass(1)
                self.open += 1
                heapq.heappop(self._waiting)[-1].set_result(None)

    def _waits(self) -> bool:
        while self._waiting and self._waiting[0][-1].done():
            heapq.heappop(self._waiting)
        return bool(self._waiting)

    def _is_due(self) -> bool:
        """Whether to lease: turns where there are none, places where it is time to say that we still want them."""
        now, renew = time.monotonic(), self._pace.renew_seconds
        oldest = now - BURST_SECONDS - self.limits.spacing
        if self._turns and self._next_turn < oldest:  # nobody came for it
            self._pass(min(self._turns, math.ceil((oldest - self._next_turn) / self.limits.spacing)))
        if renew is not None and now - self._leased_at >= renew:
            return True
        return self._waits() and not self._turns and (self.open < self._places or self._leased_at == float("-inf"))

    def _pass(self, turns: int) -> None:
        """So many turns are over."""
        self._turns -= turns
        self._next_turn += turns * self.limits.spacing

    async def _lease(self) -> None:
        asked_at = time.monotonic()
        waiting = sum(not place.done() for *_, place in self._waiting)
        turns = self.limits.leased if waiting and not self._turns else 0
        pause = max(self._not_before - asked_at, 0.0)
        lease = await self._pace.lease(
            self.provider, self.limits, Demand(turns, min(self.open + waiting, self.limits.at_once), self.open, pause)
        )
        now = self._leased_at = time.monotonic()
        self._places = lease.places
        if lease.turns:
            self._turns, self._next_turn = lease.turns, now + lease.begins
        self._not_before = max(self._not_before, now + lease.pause)

    async def _change(self, seconds: float | None) -> None:
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            return


class Accounts:
    """The accounts that the settings name, one of each provider, made when they are first asked for."""

    def __init__(self, settings: Settings, pace: Pace | None = None) -> None:
        self._settings, self._pace = settings, pace
        self._known: dict[str, Account] = {}

    def of(self, provider: str) -> Account:
        if provider not in self._known:
            self._known[provider] = Account.of(provider, self._settings, self._pace)
        return self._known[provider]
