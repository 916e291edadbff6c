"""How fast an account may be asked: turns in time and places at once, for one process or for several together."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from trunkline.settings import Settings

BURST_SECONDS = 1.0  # who has been silent for so long may send all at once what one may send in that time
LEASE_SECONDS = 0.25  # how much of an account's pace one process takes for itself in one go


class Urgency(IntEnum):
    """Whose requests go first where an account's pace does not do for all."""

    LIVE = 0  # a person or a restaurant waits
    BATCH = 1
    UNASKED = 2  # comparing and mending, for which nobody waits


URGENCY: ContextVar[Urgency] = ContextVar("urgency", default=Urgency.LIVE)


SINCE: ContextVar[str | None] = ContextVar("since", default=None)


@contextmanager
def asked_since(moment: str) -> Iterator[None]:
    """Of requests that are equally urgent those go first for what was begun first: `moment` is the time in its id. What
    is asked for nothing like it was begun when it is asked."""
    token = SINCE.set(moment)
    try:
        yield
    finally:
        SINCE.reset(token)


@contextmanager
def urgent(urgency: Urgency) -> Iterator[None]:
    """What is asked inside goes so early."""
    token = URGENCY.set(urgency)
    try:
        yield
    finally:
        URGENCY.reset(token)


@dataclass(frozen=True)
class Limits:
    """Pacing of one account: requests per second, requests at once, and seconds to wait for an answer."""

    per_second: float = 20.0
    at_once: int = 10
    timeout: float = 20.0

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        return cls(
            settings.provider_requests_per_second, settings.provider_concurrency, settings.provider_timeout_seconds
        )

    @property
    def spacing(self) -> float:
        """Seconds between two turns."""
        return 1.0 / self.per_second

    @property
    def leased(self) -> int:
        """Turns that one process takes in one go."""
        return max(1, int(self.per_second * LEASE_SECONDS))


@dataclass(frozen=True)
class Demand:
    """What a process wants of an account: `turns` soon, and `places` for what is under way (`open`) and what waits;
    `pause` is for how many seconds more the provider has asked it to send nothing."""

    turns: int
    places: int
    open: int
    pause: float = 0.0


@dataclass(frozen=True)
class Lease:
    """What it gets: `turns`, the first in `begins` seconds (below 0: it might have been taken already) and each next
    one after the limits' spacing; `places` in all; nothing is sent for `pause` seconds."""

    turns: int
    begins: float
    places: int
    pause: float = 0.0


class Pace(Protocol):
    """Who leases turns and places of accounts. `renew_seconds` is after how long a process that has something under
    way asks again, None where its places are its own for good."""

    @property
    def renew_seconds(self) -> float | None: ...

    async def lease(self, provider: str, limits: Limits, demand: Demand) -> Lease: ...


class OwnPace:
    """Of accounts that nobody else asks: all places, and the whole pace."""

    renew_seconds = None

    def __init__(self) -> None:
        self._next: dict[str, float] = {}

    async def lease(self, provider: str, limits: Limits, demand: Demand) -> Lease:
        now = time.monotonic()
        turns = demand.turns if limits.at_once > demand.open else 0
        begins, self._next[provider] = reserve(limits, self._next.get(provider), now, turns)
        return Lease(turns, begins - now, limits.at_once)


def reserve(limits: Limits, free: float | None, now: float, turns: int) -> tuple[float, float]:
    """When the first of so many turns is, and when the next one is that is free afterwards; `free` is when it was
    before, None where nobody has taken any. All in seconds by the same clock."""
    burst = BURST_SECONDS - limits.spacing
    first = now - burst if free is None else max(free, now - burst)
    return first, first + turns * limits.spacing


def share(at_once: int, wanted: Sequence[int]) -> list[int]:
    """Places for each, as even as what they want allows: nobody has more than another who wants more than he has. At
    least one for whoever wants any, as long as there are places."""
    shares, left = [0] * len(wanted), at_once
    open_ = [n for n, want in enumerate(wanted) if want > 0]
    while open_ and left > 0:
        each = max(left // len(open_), 1)
        for n in open_:
            more = min(each, wanted[n] - shares[n], left)
            shares[n] += more
            left -= more
        open_ = [n for n in open_ if shares[n] < wanted[n]]
    return shares
