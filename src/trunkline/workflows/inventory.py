"""What the voice platform and the carriers hold and offer, as one assignment sees it."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextvars import Context
from dataclasses import replace
from itertools import groupby
from typing import Any, Protocol
from zlib import crc32

from trunkline.carriers.base import Carrier
from trunkline.domain.choosing import Criteria, Offer, OwnedNumber, in_order, rank
from trunkline.errors import ProviderError, TrialLimit
from trunkline.providers.pace import Urgency, urgent
from trunkline.voice.base import VoiceNumber
from trunkline.workflows.listings import Listing, Read, T

OFFERS = 10
MOST_BESIDE = 90  # others for whom there is to be an offer: a page of every carrier has a hundred
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

    def limited(self, carrier: str, error: TrialLimit) -> None:
        """The carrier's account may hold no further number."""

    def limit_of(self, carrier: str) -> ProviderError | None:
        """The same, where it was told to another one a moment ago."""


class LiveInventory:
    """Asks every time: what a single assignment uses. `beside` tells how many others may be asking for the same: there
    is to be an offer for each of them."""

    hands_out = False

    def __init__(self, offers: int = OFFERS, beside: Callable[[], int] = lambda: 0) -> None:
        self._offers, self._beside = offers, beside
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
        wanted = self._offers + min(self._beside(), MOST_BESIDE)
        offers: list[Offer] = await ask(lambda: carrier.search(want, country, wanted))
        return offers

    def tried(self, offers: Iterable[Offer], *, left: bool) -> None:
        """Nothing is kept of them."""

    def limited(self, carrier: str, error: TrialLimit) -> None:
        """Nobody else asks here."""

    def limit_of(self, carrier: str) -> ProviderError | None:
        return None


UNDECIDED_SECONDS = 10.0  # longest wait for another item's purchase
POOL = 200
MOST_OFFERS = 1000  # that a carrier shows at once
AHEAD = 60  # offers left, at which others are searched for: nobody waits for a search
POOL_SECONDS = 60.0  # after which an offer may have another price, or none
FAILURE_SECONDS = 30.0
LIMIT_SECONDS = 10.0  # a batch may share for as long after its account was upgraded


class BatchInventory:
    """Each list is read once for all items of a batch, and offers are handed out one to an item: the claims in the
    database stay the judge, this only saves requests. What could not be read is not asked again by every item in turn,
    nor an account that may hold no further number: the error stands for a while. `part` tells which of how many
    processes this is that work on the batch: of offers that are equally good each has its own."""

    hands_out = True

    def __init__(self, live: LiveInventory, part: Callable[[], tuple[int, int]] = lambda: (0, 1)) -> None:
        self._live = live
        self._part = part
        self._voice: Listing[VoiceNumber] | None = None
        self._owned: dict[str, Listing[OwnedNumber]] = {}
        self._offers: dict[tuple[str, Criteria, str], deque[Offer]] = {}
        self._searched_at: dict[tuple[str, Criteria, str], float] = {}
        self._searching: dict[tuple[str, Criteria, str], asyncio.Task[None]] = {}
        self._beside: list[asyncio.Task[None]] = []
        self._may_be_more: set[tuple[str, Criteria, str]] = set()
        self._handed_out: set[str] = set()
        self._undecided: dict[str, asyncio.Event] = {}
        self._failed: dict[str, tuple[float, ProviderError]] = {}
        self._reading: defaultdict[Any, asyncio.Lock] = defaultdict(asyncio.Lock)  # of each list, and of each search

    async def voice_numbers(self, ask: Ask, read: Read[VoiceNumber]) -> Listing[VoiceNumber]:
        async with self._reading["voice"]:
            if self._voice is None:
                self._voice = _own(await self._read("voice", lambda: self._live.voice_numbers(ask, read)))
        return self._voice

    async def owned(self, ask: Ask, carrier: Carrier, read: Read[OwnedNumber]) -> Listing[OwnedNumber]:
        async with self._reading[carrier.name]:
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

    def limited(self, carrier: str, error: TrialLimit) -> None:
        what = f"{carrier} limit"
        if self._failed.get(what, (0.0, None))[1] is not error:  # said once, however many hear it, and how late
            self._failed[what] = (time.monotonic() + LIMIT_SECONDS, error)

    def limit_of(self, carrier: str) -> ProviderError | None:
        return self._failure(f"{carrier} limit")

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
        asked = (carrier.name, want, country)
        async with self._reading[asked]:
            pool = self._offers.setdefault(asked, deque())
            if time.monotonic() - self._searched_at.get(asked, 0.0) > POOL_SECONDS:
                self._empty(pool)
            if not pool and (ahead := self._searching.get(asked)):
                await asyncio.wait([ahead])
            if not pool:
                offers = await self._read(
                    f"{carrier.name} offers", lambda: ask(lambda: carrier.search(want, country, self._wanted))
                )
                self._fill(asked, offers)
                if not pool:
                    return [], [self._undecided[o.number] for o in offers if o.number in self._undecided]
            found = pool.popleft()
            if found.number is not None:
                self._undecided[found.number] = asyncio.Event()
            if len(pool) <= AHEAD and asked in self._may_be_more and asked not in self._searching:
                self.search_ahead(carrier, want, country)
            return [found], []

    def search_ahead(self, carrier: Carrier, want: Criteria, country: str) -> None:
        """Begin to search, in nobody's name: what surrounds the item that needs it concerns that one alone."""
        search = self._search(carrier, want, country)
        self._searching[carrier.name, want, country] = asyncio.create_task(search, context=Context())

    async def _search(self, carrier: Carrier, want: Criteria, country: str) -> None:
        """What it brings stands in the place of what is left, which may be old. Where it fails, whoever finds no offer
        any more asks for himself."""
        asked = (carrier.name, want, country)
        try:
            with urgent(Urgency.BATCH):
                offers = await carrier.search(want, country, self._wanted)
        except ProviderError:
            self._may_be_more.discard(asked)
        else:
            self._empty(self._offers.setdefault(asked, deque()))
            self._fill(asked, offers)
        finally:
            del self._searching[asked]

    def _empty(self, pool: deque[Offer]) -> None:
        """What nobody was given is for sale as before."""
        self._handed_out.difference_update(o.number for o in pool if o.number is not None)
        pool.clear()

    @property
    def _wanted(self) -> int:
        """Of so many offers our part is as many as we want."""
        return min(POOL * self._part()[1], MOST_OFFERS)

    def _fill(self, asked: tuple[str, Criteria, str], offers: list[Offer]) -> None:
        """Those of our part that no item was given; others where none of ours is left or is being bought. There may be
        more where these are as many as were asked for."""
        self._searched_at[asked], pool = time.monotonic(), self._offers[asked]
        offers = in_order(offers)
        own = own_part(offers, *self._part())
        bought = any(offer.number in self._undecided for offer in own)
        pool.extend(self._fresh(own) or ([] if bought else self._fresh(offers)))
        self._handed_out.update(o.number for o in pool if o.number is not None)
        if len(offers) >= self._wanted and len(pool) > AHEAD:
            self._may_be_more.add(asked)
        else:
            self._may_be_more.discard(asked)

    def _fresh(self, offers: Iterable[Offer]) -> list[Offer]:
        return [offer for offer in offers if offer.number is None or offer.number not in self._handed_out]

    async def close(self) -> None:
        """Nobody asks for now."""
        tasks = [*self._searching.values(), *self._beside]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._searching.clear()  # also those that had not begun

    @property
    def looks_ahead(self) -> bool:
        return bool(self._beside)

    def goes_on_beside(self, task: asyncio.Task[None]) -> None:
        """It ends with the batch at the latest."""
        self._beside.append(task)

    def _failure(self, what: str) -> ProviderError | None:
        until, error = self._failed.get(what, (0.0, None))
        return error if time.monotonic() < until else None

    async def _read(self, what: str, read: Callable[[], Awaitable[T]]) -> T:
        if (error := self._failure(what)) is not None:
            raise error
        try:
            return await read()
        except ProviderError as failure:
            self._failed[what] = (time.monotonic() + FAILURE_SECONDS, failure)
            raise


def own_part(offers: Sequence[Offer], nth: int, of: int) -> list[Offer]:
    """Of the offers, which are in their order, this one's part of so many: what others would want at the same time is
    left out, unless nothing else costs as little."""
    found: list[Offer] = []
    for _, equal in groupby(offers, key=rank):
        alike = list(equal)
        own = [offer for offer in alike if crc32((offer.number or "").encode()) % of == nth]
        found += own or alike
    return found


def _own(listing: Listing[T]) -> Listing[T]:
    """The same list, from which numbers can be taken without others missing them."""
    return replace(listing, open=dict(listing.open))
