"""How often one may ask: a key so many times a minute, and who sends wrong ones more and more seldom."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from trunkline.domain.keys import hash_key
from trunkline.errors import TooManyRequests, Unauthorized

V = TypeVar("V")
LONGEST_WAIT = 900.0
REMEMBERED = 3600.0  # seconds after the last wrong one
MINUTE = 60.0
MOST = 10_000  # addresses, credentials and keys that are remembered
MOST_DOUBLINGS = 30
NEIGHBOURS = 64  # bits of an IPv6 address that one household has in common


@dataclass(frozen=True)
class Wrong:
    """How many wrong ones came from an address, when the last one did, and until when nothing is looked at."""

    count: int
    at: float
    until: float


@dataclass
class Minute:
    """What a key asked for in it; its first request began it."""

    ends: float
    requests: int = 0


class Callers:
    """Of one process: where several serve, each counts for itself. Nobody is let wait with his connection open."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._minutes: dict[str, Minute] = {}
        self._wrong: dict[str, Wrong] = {}
        self._right: dict[str, None] = {}  # hashes of what opened something, oldest first

    def count(self, who: str, per_minute: int) -> None:
        """One request more of this key; TooManyRequests beyond so many in a minute (0: never)."""
        if not per_minute:
            return
        now, minute = self._clock(), self._minutes.get(who)
        if minute is None or minute.ends <= now:
            minute = Minute(now + MINUTE)
        _remember(self._minutes, who, minute)
        minute.requests += 1
        if minute.requests > per_minute:
            hint = "wait as long as Retry-After says; API_RATE_PER_MINUTE is the limit"
            detail = f"more than {per_minute} requests of this key in a minute"
            raise TooManyRequests(detail, hint=hint, retry_after=minute.ends - now)

    @contextmanager
    def trying(self, address: str | None, credential: str, allowed: int) -> Iterator[None]:
        """Around the look at what was sent: an Unauthorized counts against the address, and after so many that are
        `allowed` each costs a wait twice as long as the last. Until that is over TooManyRequests is raised, and nothing
        is looked at from there but what opened something before."""
        near, sent = _neighbourhood(address), hash_key(credential)
        wrong, now = self._wrong.get(near), self._clock()
        if wrong is not None and wrong.until > now and sent not in self._right:
            hint = "wait as long as Retry-After says, and send the right one"
            detail = f"{wrong.count} wrong keys came from this address"
            raise TooManyRequests(detail, hint=hint, retry_after=wrong.until - now)
        try:
            yield
        except Unauthorized:
            self._right.pop(sent, None)
            self._count_wrong(near, allowed)
            raise
        _remember(self._right, sent, None)

    def _count_wrong(self, near: str, allowed: int) -> None:
        now, before = self._clock(), self._wrong.get(near)
        count = 1 if before is None or before.at < now - REMEMBERED else before.count + 1
        doublings = min(count - allowed - 1, MOST_DOUBLINGS)
        wait = min(LONGEST_WAIT, 2.0**doublings) if doublings >= 0 else 0.0
        _remember(self._wrong, near, Wrong(count, now, now + wait))


def _remember(kept: dict[str, V], name: str, value: V) -> None:
    """As the newest; the oldest goes where they are too many."""
    kept.pop(name, None)
    kept[name] = value
    if len(kept) > MOST:
        del kept[next(iter(kept))]


def _neighbourhood(address: str | None) -> str:
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return address or ""
    return str(ipaddress.ip_network((found, NEIGHBOURS), strict=False)) if found.version == 6 else str(found)
