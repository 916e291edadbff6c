"""Providers' lists as assignments share them: read by one for all, kept for a moment, without what cannot be taken."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from trunkline.carriers.base import Carrier
from trunkline.domain.choosing import OwnedNumber
from trunkline.memo import Memo
from trunkline.voice.base import VoiceNumber

KEPT_SECONDS = 60.0
MOMENT = 2.0  # seconds
T = TypeVar("T")


@dataclass
class Listing(Generic[T]):
    """A list that was read to its end: how many it had (`total`), and which of them may be free for somebody (`open`):
    nobody else is served there, and no restaurant of ours had it when the list was asked for, at `asked_at` by the
    monotonic clock and `since` by the calendar's. `others` are the installations whose marks were seen, with how many
    numbers each has; `numbers` are all that it had, None where they are too many to be kept; `looked_at` those that our
    tables have set free since and that outside are not, and at `compared_at` they had set none free."""

    asked_at: float
    since: datetime
    total: int
    open: dict[str, T]
    others: dict[str, int]
    numbers: frozenset[str] | None = None
    looked_at: set[str] = field(default_factory=set)
    compared_at: float = -math.inf

    def has_just_lacked(self, number: str) -> bool:
        """Whether it was asked for within a moment, and did not have the number."""
        fresh = time.monotonic() - self.asked_at < MOMENT
        return fresh and self.numbers is not None and number not in self.numbers

    def was_just_compared(self) -> bool:
        return time.monotonic() - self.compared_at < MOMENT


Read = Callable[[], Coroutine[Any, Any, Listing[T]]]


def lasts(listing: Listing[Any]) -> float:
    return KEPT_SECONDS if listing.numbers is None else 0.0


class Listings:
    """The voice platform's list and each carrier's. Of several askers at once one reads, and a long list is kept for a
    while: a number from it is looked at again before it is taken, and what our own tables have set free since counts
    as well, so that an old list costs a try, or hides for a minute what a person has changed outside."""

    def __init__(self) -> None:
        self._voice: Memo[Listing[VoiceNumber]] = Memo(lasts)
        self._owned: Memo[Listing[OwnedNumber]] = Memo(lasts)
        self._last: dict[str, Listing[Any]] = {}

    async def voice(self, read: Read[VoiceNumber]) -> Listing[VoiceNumber]:
        return self._noted("voice", await self._voice.get("voice", read))

    async def owned(self, carrier: Carrier, read: Read[OwnedNumber]) -> Listing[OwnedNumber]:
        return self._noted(carrier.name, await self._owned.get(carrier.name, read))

    def drop(self, number: str) -> None:
        """It was seen not to be what a list says."""
        for listing in self._last.values():
            listing.open.pop(number, None)

    def forget(self) -> None:
        """Whoever asks next gets what is there now."""
        self._voice.forget()
        self._owned.forget()

    def _noted(self, whose: str, listing: Listing[T]) -> Listing[T]:
        self._last[whose] = listing
        return listing
