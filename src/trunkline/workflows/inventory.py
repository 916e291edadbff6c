"""What the voice platform and the carriers hold and offer, as one assignment sees it."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import Any, Protocol

from trunkline.carriers.base import Carrier
from trunkline.domain.choosing import Criteria, Offer, OwnedNumber, in_order
from trunkline.errors import ProviderError
from trunkline.voice.base import VoiceNumber
from trunkline.workflows.listings import Listing, Read, T

OFFERS = 10
Ask = Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]]


class Inventory(Protocol):
    """The flow asks this instead of the providers themselves, so that a batch can read each list once. `ask` is how
    the step at hand asks a provider (visible, retried), `read` what to ask; an inventory that knows the answer does not
    use them."""

    hands_out: bool  # offers are given one at a time, each to one asker only

    async def voice_numbers(self, ask: Ask, read: Read[VoiceNumber]) -> Listing[VoiceNumber]: ...

    async def owned(self, ask: Ask, carrier: Carrier, read: Read[OwnedNumber]) -> Listing[OwnedNumber]: ...

    def used(self, number: str) -> None:
        """This number is not free (any more), or was tried: it is not offered again."""

    def was_used(self, number: str) -> bool: ...

    def has_seen_unheld(self, carrier: str, number: str) -> bool:
        """Whether the carrier's account was listed within a moment, and did not hold the number."""

    async def offers(self, ask: Ask, carrier: Carrier, want: Criteria, country: str) -> list[Offer]: ...

    def tried(self, offers: Iterable[Offer], *, left: bool) -> None:
        """What came of offers that were given out: `left` where they are for sale as before, for whoever asks next."""


class LiveInventory:
    """Asks every time: what a single assignment uses."""

    hands_out = False

    def __init__(self, offers: int = OFFERS) -> None:
        self._offers = offers
        self._held: dict[str, Listing[OwnedNumber]] = {}
        self._used: set[str] = set()

    async def voice_numbers(self, ask: Ask, read: Read[VoiceNumber]) -> Listing[VoiceNumber]:
        listing: Listing[VoiceNumber] = await ask(read)
        return listing

    def used(self, number: str) -> None:
        self._used.add(number)

    def was_used(self, number: str) -> bool:
        return number in self._used

    async def owned(self, ask: Ask, carrier: Carrier, read: Read[OwnedNumber]) -> Listing[OwnedNumber]:
        listing: Listing[OwnedNumber] = await ask(read)
        self._held[carrier.name] = listing
        return listing

    def has_seen_unheld(self, carrier: str, number: str) -> bool:
        listing = self._held.get(carrier)
        return listing is not None and listing.has_just_lacked(number)

    async def offers(self, ask: Ask, carrier: Carrier, want: Criteria, country: str) -> list[Offer]:
        offers: list[Offer] = await ask(lambda: carrier.search(want, country, self._offers))
        return offers

    def tried(self, offers: Iterable[Offer], *, left: bool) -> None:
        """Nothing is kept of them."""


UNDECIDED_SECONDS = 10.0  # longest wait for another item's purchase
POOL = 200
POOL_SECONDS = 60.0  # after which an offer may have another price, or none
FAILURE_SECONDS = 30.0


class BatchInventory:
    """Each list is read once for all items of a batch, and offers are handed out one to an item: the claims in the
    database stay the judge, this only saves requests. What could not be read is not asked again by every item in turn:
    the error stands for a while."""

    hands_out = True

    def __init__(self, live: LiveInventory) -> None:
        self._live = live
        self._voice: Listing[VoiceNumber] | None = None
        self._owned: dict[str, Listing[OwnedNumber]] = {}
        self._offers: dict[tuple[str, Criteria, str], deque[Offer]] = {}
        self._searched_at: dict[tuple[str, Criteria, str], float] = {}
        self._handed_out: set[str] = set()
        self._undecided: dict[str, asyncio.Event] = {}
        self._failed: dict[str, tuple[float, ProviderError]] = {}
        self._reading = asyncio.Lock()

    async def voice_numbers(self, ask: Ask, read: Read[VoiceNumber]) -> Listing[VoiceNumber]:
        async with self._reading:
            if self._voice is None:
                self._voice = _own(await self._read("voice", lambda: self._live.voice_numbers(ask, read)))
        return self._voice

    async def owned(self, ask: Ask, carrier: Carrier, read: Read[OwnedNumber]) -> Listing[OwnedNumber]:
        async with self._reading:
            if carrier.name not in self._owned:
                listing = await self._read(carrier.name, lambda: self._live.owned(ask, carrier, read))
                self._owned[carrier.name] = _own(listing)
        return self._owned[carrier.name]

    def has_seen_unheld(self, carrier: str, number: str) -> bool:
        return self._live.has_seen_unheld(carrier, number)

    def was_used(self, number: str) -> bool:
        return self._live.was_used(number)

    def used(self, number: str) -> None:
        self._live.used(number)
        for listing in (self._voice, *self._owned.values()):
            if listing is not None:
                listing.open.pop(number, None)

    async def offers(self, ask: Ask, carrier: Carrier, want: Criteria, country: str) -> list[Offer]:
        """The cheapest offer that no other item was given; the pool is filled again when it is empty. Where all that is
        for sale was given to others, what comes of it there is waited for: some may be left."""
        while True:
            found, undecided = await self._next(ask, carrier, want, country)
            if found or not undecided:
                return found
            try:
                await asyncio.wait_for(undecided[0].wait(), UNDECIDED_SECONDS)
            except TimeoutError:
                return []

    def tried(self, offers: Iterable[Offer], *, left: bool) -> None:
        for number in (offer.number for offer in offers if offer.number is not None):
            if left:
                self._handed_out.discard(number)
            if event := self._undecided.pop(number, None):
                event.set()

    async def _next(
        self, ask: Ask, carrier: Carrier, want: Criteria, country: str
    ) -> tuple[list[Offer], list[asyncio.Event]]:
        """The next one from the pool; and where there is none, the decisions about what is for sale."""
        async with self._reading:
            asked = (carrier.name, want, country)
            pool = self._offers.setdefault(asked, deque())
            if time.monotonic() - self._searched_at.get(asked, 0.0) > POOL_SECONDS:
                self._handed_out.difference_update(o.number for o in pool if o.number is not None)
                pool.clear()
            if not pool:
                self._searched_at[asked] = time.monotonic()
                offers = await self._read(
                    f"{carrier.name} offers", lambda: ask(lambda: carrier.search(want, country, POOL))
                )
                pool.extend(in_order([o for o in offers if o.number is None or o.number not in self._handed_out]))
                self._handed_out.update(o.number for o in pool if o.number is not None)
                if not pool:
                    return [], [self._undecided[o.number] for o in offers if o.number in self._undecided]
            found = pool.popleft()
            if found.number is not None:
                self._undecided[found.number] = asyncio.Event()
            return [found], []

    async def _read(self, what: str, read: Callable[[], Awaitable[T]]) -> T:
        at, error = self._failed.get(what, (0.0, None))
        if error is not None and time.monotonic() - at < FAILURE_SECONDS:
            raise error
        try:
            return await read()
        except ProviderError as failure:
            self._failed[what] = (time.monotonic(), failure)
            raise


def _own(listing: Listing[T]) -> Listing[T]:
    """The same list, from which numbers can be taken without others missing them."""
    return replace(listing, open=dict(listing.open))
