"""The one decider: who may be taken for a wish, in which order, from which carrier, at which price."""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Generic, NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.carriers.base import Carrier
from trunkline.db import choosing, intents, numbers
from trunkline.db.choosing import Freed
from trunkline.db.models import utcnow
from trunkline.domain.choosing import Criteria, Offer, OwnedNumber, exactly, in_order, objection
from trunkline.domain.marks import parse_mark
from trunkline.domain.money import PriceLimits
from trunkline.domain.numbers import E164, NumberState, likeliest_country
from trunkline.domain.outcomes import Source
from trunkline.domain.wishes import Wish
from trunkline.errors import HeldElsewhere, Missing, OfferGone, Rejected
from trunkline.settings import Settings, Strategy
from trunkline.voice.base import VoiceNumber
from trunkline.workflows.inventory import Ask, Inventory
from trunkline.workflows.listings import Listing, T
from trunkline.workflows.read_holds import held_offer
from trunkline.workflows.read_lists import PIECE, may_be_taken, may_be_used, read_owned, read_voice
from trunkline.workflows.services import Services

ENOUGH = 50  # idle numbers to try; where there are thousands, one assignment does not look at them all
MOST_LOOKS = 10  # at what was set free since a list was read
RAISE_LIMITS = "raise MAX_MONTHLY_PRICE or MAX_UPFRONT_PRICE"


class Place(NamedTuple):
    """One place to look for a number: the voice platform's idle ones (no carrier), a carrier's account, its offers."""

    source: Source
    carrier: Carrier | None = None


@dataclass(frozen=True)
class Found(Generic[T]):
    """What the voice platform or a carrier holds: `idle` may be claimed, in this order, and was seen at `seen_at`;
    there may be `more` once those are tried. `listed` is how many there are, `others` the installations whose marks
    were seen, with how many numbers each has."""

    idle: list[T]
    listed: int
    seen_at: float
    others: dict[str, int] = field(default_factory=dict)
    more: bool = False

    def count(self) -> str:
        return f"{len(self.idle)}{' or more' if self.more else ''} idle"

    def said(self) -> str:
        """For the step, where none is idle."""
        text = f"none of {self.listed} numbers in Vapi is idle"
        marked = [f"{count} carry the mark of another installation ({name})" for name, count in self.others.items()]
        return "; ".join([text, *marked])


@dataclass(frozen=True)
class Kind(Generic[T]):
    """What one assignment wants to know of a number on a list: the text in which a mark may stand, and whether it suits
    what was asked (with the country that our tables have of it). `as_marked`: what only a mark makes claimable is not
    left out yet."""

    mark: Callable[[T], str | None]
    suits: Callable[[Criteria, T, str | None], bool]
    as_marked: bool


def suits_in_voice(criteria: Criteria, voice: VoiceNumber, country: str | None) -> bool:
    return criteria.carrier in (None, voice.carrier) and criteria.matches(str(voice.number), country)


def suits_owned(criteria: Criteria, owned: OwnedNumber, country: str | None) -> bool:
    return criteria.matches(owned.number, owned.country, owned.number_type)


VOICE = Kind[VoiceNumber](lambda voice: voice.name, suits_in_voice, as_marked=True)
OWNED = Kind[OwnedNumber](lambda owned: owned.mark_text, suits_owned, as_marked=False)


def price_limits(settings: Settings) -> PriceLimits:
    return PriceLimits.of(settings.max_monthly_price, settings.max_upfront_price, settings.budget_rates)


class Candidates:
    """Numbers for one wish. The flow claims from this and a plan counts from it, so that neither can say something else
    than the other. `restaurant_id` is who wants one, None for a plan; `own_mark` is that of the run, which a number
    that it has just bought carries. `whole`: of very many numbers all are told, not the first ones."""

    def __init__(
        self,
        services: Services,
        wish: Wish,
        inventory: Inventory,
        *,
        restaurant_id: str | None = None,
        own_mark: str | None = None,
        whole: bool = False,
    ) -> None:
        self._whole = whole
        self._services, self.wish, self._inventory = services, wish, inventory
        self._restaurant_id, self._own_mark = restaurant_id, own_mark

    @property
    def country(self) -> str:
        """Of a purchase."""
        if self.wish.number is not None:
            return likeliest_country(self.wish.number) or self._services.settings.default_country
        return self.wish.criteria.country_for(self._services.settings.default_country)

    def carriers(self) -> tuple[list[Carrier], list[str]]:
        """The configured carriers to try, in order, and why others are left out."""
        pinned, kind = self.wish.criteria.carrier, self.wish.criteria.number_type
        able, left_out = [], []
        for name, carrier in self._services.carriers.items():
            can = carrier.capabilities
            if pinned not in (None, name):
                continue
            if can.countries is not None and self.country not in can.countries:
                left_out.append(f"{name} has no numbers in {self.country}")
            elif can.types is not None and kind not in (None, *can.types):
                left_out.append(f"{name} has no {kind} numbers")
            else:
                able.append(carrier)
        return able, left_out

    def order(self) -> list[Place]:
        """Where to look, one place after the other."""
        able, _ = self.carriers()
        existing = [Place(Source.EXISTING)] if self.wish.reuse else []
        reuse_first = self._services.settings.number_strategy is Strategy.REUSE_FIRST or not self.wish.reuse
        if reuse_first or self.wish.number is not None:  # what we hold is not for sale
            sources = (Source.OWNED,) if self.wish.held else (Source.OWNED, Source.PURCHASED)
            return existing + [Place(source, carrier) for carrier in able for source in sources]
        bought = [Place(Source.PURCHASED, carrier) for carrier in able]
        return bought + existing + [Place(Source.OWNED, carrier) for carrier in able]

    async def existing(self, ask: Ask) -> Found[VoiceNumber]:
        """The voice platform's numbers that no restaurant holds and that serve nobody else; of very many, the first."""
        read = partial(self._services.listings.voice, partial(read_voice, self._services))
        listing = await self._inventory.voice_numbers(ask, read)
        idle, more = await self._idle_among(listing, VOICE)
        if not idle and (one := await self._freed_since(listing, VOICE, partial(self._look_in_voice, ask))):
            return Found([one], listing.total, time.monotonic(), listing.others, more=True)
        return Found(idle, listing.total, listing.asked_at, listing.others, more)

    async def owned(self, ask: Ask, carrier: Carrier) -> Found[OwnedNumber]:
        """The carrier account's numbers that are ours to use and that nobody uses; of very many, the first."""
        listing = await self.listed(ask, carrier)
        idle, more = await self._idle_among(listing, OWNED)
        if not idle and (one := await self._freed_since(listing, OWNED, partial(self._look_at, ask, carrier))):
            return Found([one], listing.total, time.monotonic(), more=True)
        return Found(idle, listing.total, listing.asked_at, more=more)

    async def listed(self, ask: Ask, carrier: Carrier) -> Listing[OwnedNumber]:
        """All that the carrier's account owns."""
        services = self._services
        read = partial(services.listings.owned, carrier, partial(read_owned, services, carrier))
        return await self._inventory.owned(ask, carrier, read)

    async def offers(self, ask: Ask, carrier: Carrier) -> list[Offer]:
        """What the carrier sells now and may be bought at its price, in the order in which it is tried. Rejected where
        nothing is within the limits, OfferGone where nothing is for sale."""
        if self.wish.number is not None:
            return await self._exact_offer(ask, carrier, self.wish.number)
        listing = await self._inventory.offers(ask, carrier, self.wish.criteria, self.country)
        limits = price_limits(self._services.settings)
        within = self._only(listing, lambda offer: objection(offer, limits) is None)
        while self._inventory.hands_out and listing and not within:  # one at a time: the next one may be within
            more = await self._inventory.offers(ask, carrier, self.wish.criteria, self.country)
            within = self._only(more, lambda offer: objection(offer, limits) is None)
            if not more:
                break
        if listing and not within:
            reason = (
                f"no number of {carrier.name} may be bought at its price: {objection(in_order(listing)[0], limits)}"
            )
            raise Rejected(reason, provider=carrier.name, hint=RAISE_LIMITS)
        if not within:
            asked = ", ".join(f"{k} {v}" for k, v in self.wish.criteria.plain().items() if k != "carrier")
            cooling = await self._cooling()
            raise OfferGone(
                f"{carrier.name} has no number for sale for {asked or self.country}{cooling}",
                provider=carrier.name,
                hint="ask for less: leave out contains, area_code or number_type, or name another country or carrier",
            )
        return in_order(within)

    async def _exact_offer(self, ask: Ask, carrier: Carrier, number: E164) -> list[Offer]:
        limits = price_limits(self._services.settings)
        if held := await held_offer(self._services, number, carrier.name):
            return [held[1]]
        for want in exactly(number):
            listing = await self._inventory.offers(ask, carrier, want, self.country)
            exact = self._only(listing, lambda offer: offer.number == number)
            if exact and (why := objection(exact[0], limits)):
                raise Rejected(f"{number}: {why}", provider=carrier.name, hint=RAISE_LIMITS)
            if exact:
                return exact
        detail = f"{carrier.name} does not sell {number}"
        raise OfferGone(detail, provider=carrier.name, hint="pick one that GET /api/numbers/search shows")

    def _only(self, listing: list[Offer], suits: Callable[[Offer], bool]) -> list[Offer]:
        """Those that suit; what becomes of the others is known."""
        self._inventory.tried([offer for offer in listing if not suits(offer)], left=False)
        return [offer for offer in listing if suits(offer)]

    async def _idle_among(self, listing: Listing[T], kind: Kind[T]) -> tuple[list[T], bool]:
        """Those that suit the wish and that nobody has or is about to have; whether there may be more than so many."""
        idle: list[T] = []
        numbers_left = iter(list(listing.open))
        async with self._services.database.read() as session:
            under_way: set[str] | None = None
            while part := list(islice((n for n in numbers_left if not self._inventory.was_used(n)), PIECE)):
                if under_way is None:
                    under_way = await self._under_way(session)
                fitting = await self._fitting(session, listing, part, kind)
                busy = await self._busy(session, fitting, kind)
                idle += [
                    one for number, one in fitting.items() if number not in busy and kind.mark(one) not in under_way
                ]
                self._leave_out(busy)
                if len(idle) >= ENOUGH and not self._whole:
                    return idle, True
        return idle, False

    async def _fitting(
        self, session: AsyncSession, listing: Listing[T], part: list[str], kind: Kind[T]
    ) -> dict[str, T]:
        told, fitting = await choosing.told_of(session, part), dict[str, T]()
        for number in part:
            one, row = listing.open.get(number), told.get(number)
            if one is None or (row and (row.in_use or row.left_us_since(listing.since))):
                continue
            if self.wish.number in (None, number) and kind.suits(self.wish.criteria, one, row.country if row else None):
                fitting[number] = one
        return fitting

    async def _busy(self, session: AsyncSession, fitting: dict[str, T], kind: Kind[T]) -> set[str]:
        marked = {number for number, one in fitting.items() if kind.as_marked or parse_mark(kind.mark(one))}
        busy = await numbers.busy_among(session, marked, self._restaurant_id, marked=True)
        return busy | await numbers.busy_among(session, set(fitting) - marked, self._restaurant_id)

    async def _freed_since(
        self, listing: Listing[T], kind: Kind[T], look: Callable[[Freed], Awaitable[T | None]]
    ) -> T | None:
        """The first that our tables have set free since the list was asked for, and that `look` shows to be free
        outside as well; what it does not show so is not looked at again."""
        if self._inventory.hands_out and listing.was_just_compared():
            return None  # of a batch's many items not each one asks the same
        async with self._services.database.read() as session:
            freed = await choosing.freed_since(session, listing.since, self._restaurant_id)
        listing.compared_at = time.monotonic() if not freed else -math.inf
        left = [f for f in freed if not (f.number in listing.open or f.number in listing.looked_at)]
        for one in [f for f in left if not self._inventory.was_used(f.number) and self._asks_for(f)][:MOST_LOOKS]:
            if (seen := await look(one)) is None:
                listing.looked_at.add(one.number)
                continue
            found = Listing(time.monotonic(), utcnow(), 1, {one.number: seen}, {})
            if idle := (await self._idle_among(found, kind))[0]:
                return idle[0]
        return None

    def _asks_for(self, freed: Freed) -> bool:
        return self.wish.number in (None, freed.number) and self.wish.criteria.matches(freed.number, freed.country)

    async def _look_in_voice(self, ask: Ask, freed: Freed) -> VoiceNumber | None:
        if freed.voice_id is None:
            return None
        voice_id, services = freed.voice_id, self._services
        try:
            voice: VoiceNumber = await ask(lambda: services.voice.get(voice_id))
        except Missing:
            return None
        shared = await services.voice.shared_assistant()
        return voice if may_be_taken(services, voice, shared, freed.target) else None

    async def _look_at(self, ask: Ask, carrier: Carrier, freed: Freed) -> OwnedNumber | None:
        if freed.carrier != carrier.name:
            return None
        try:
            owned: OwnedNumber | None = await ask(lambda: carrier.lookup(E164(freed.number)))
        except (Rejected, HeldElsewhere):
            return None
        return owned if owned is not None and may_be_used(self._services, owned) else None

    async def _cooling(self) -> str:
        """For the refusal: what of ours would suit, and may not be given to somebody else yet."""
        async with self._services.database.read() as session:
            rows = await numbers.in_state(session, NumberState.COOLING_DOWN)
        suiting = [row for row in rows if self.wish.criteria.matches(row.number, row.country)]
        if not suiting or not self.wish.criteria.plain():
            return ""
        first = min(suiting, key=lambda row: row.cooling_until or utcnow())
        until = f"{first.cooling_until:%Y-%m-%d %H:%M} UTC" if first.cooling_until else "soon"
        return f"; {first.number} is ours and is cooling down after its last restaurant until {until}"

    async def _under_way(self, session: AsyncSession) -> set[str]:
        """Marks of purchases that somebody else is at: what carries one is about to be theirs. Read before the claims
        are: a purchase that has ended meanwhile has claimed its number in the same transaction."""
        return await intents.open_marks(session) - {self._own_mark or ""}

    def _leave_out(self, busy: Iterable[str]) -> None:
        for number in busy:
            self._inventory.used(number)
