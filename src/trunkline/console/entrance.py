"""Who may try to come in: wrong tries lock the door for a while, and a link opens it once."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import deque
from collections.abc import Callable

from trunkline.errors import Unauthorized
from trunkline.logs import REDACTOR

TRIES = 5
LOCKED_SECONDS = 15 * 60.0
LINK_SECONDS = 10 * 60.0
MOST_ADDRESSES = 10_000  # that are remembered; the one that was quiet for longest is forgotten first


class Entrance:
    """Of one process. After so many wrong tries from one address within a while, nothing from there is looked at until
    the oldest of them is that long ago."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: dict[str, deque[float]] = {}
        self._links: dict[str, float] = {}

    def refuse_locked(self, address: str) -> None:
        """Unauthorized while the door is locked for this address."""
        tries = self._recent(address)
        if len(tries) >= TRIES:
            minutes = max(1, round((tries[0] + LOCKED_SECONDS - self._clock()) / 60))
            raise Unauthorized(
                f"{TRIES} wrong tries: nothing is looked at from here for {minutes} minutes",
                hint="wait; or use the link that the server prints when it starts",
            )

    def count_wrong(self, address: str) -> None:
        tries = self._recent(address)
        tries.append(self._clock())
        self._wrong.pop(address, None)
        self._wrong[address] = tries
        if len(self._wrong) > MOST_ADDRESSES:
            del self._wrong[next(iter(self._wrong))]

    def forget(self, address: str) -> None:
        """Who is in has proved himself."""
        self._wrong.pop(address, None)

    def new_link(self) -> str:
        """What opens the door once, soon."""
        token = secrets.token_urlsafe(32)
        REDACTOR.know(token)
        self._links[_hash(token)] = self._clock() + LINK_SECONDS
        return token

    def use_link(self, token: str) -> None:
        """Unauthorized unless it has not been used yet and is not too old."""
        until = self._links.pop(_hash(token), None)
        if until is None or until < self._clock():
            raise Unauthorized("this link has been used, or is too old", hint="log in, or start the server again")

    def _recent(self, address: str) -> deque[float]:
        tries = self._wrong.get(address, deque())
        while tries and tries[0] <= self._clock() - LOCKED_SECONDS:
            tries.popleft()
        return tries


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
