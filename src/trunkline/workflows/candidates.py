"""The one decider: who may be taken for a wish, in which order, from which carrier, at which price."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.carriers.base import Carrier
from trunkline.db import intents, numbers
from trunkline.db.models import Number, utcnow
from trunkline.domain.choosing import Offer, OwnedNumber, exactly, in_order, is_ours_to_use, objection
from trunkline.domain.marks import count_others, other_installation, parse_mark
from trunkline.domain.money import PriceLimits
from trunkline.domain.numbers import E164, NumberState, countries_of, is_number_in_use
from trunkline.domain.outcomes import Source
from trunkline.domain.wishes import Wish
from trunkline.errors import OfferGone, Rejected
from trunkline.settings import Settings, Strategy
from trunkline.voice.base import VoiceNumber
from trunkline.workflows.inventory import Ask, Inventory
from trunkline.workflows.read_holds import held_offer
from trunkline.workflows.services import Services

RAISE_LIMITS = "raise MAX_MONTHLY_PRICE or MAX_UPFRONT_PRICE"


class Place(NamedTuple):
    """One place to look for a number: the voice platform's idle ones (no carrier), a carrier's account, its offers."""

    source: Source
    carrier: Carrier | None = None


@dataclass(frozen=True)
class Existing:
    """What the voice platform holds: `idle` may be claimed, in this order; `listed` is how many there are, `others` the
    installations whose marks were seen, with how many numbers each has."""

    idle: list[VoiceNumber]
    listed: int
    others: dict[str, int]

    def said(self) -> str:
        """For the step, where none is idle."""
        text = f"none of {self.listed} numbers in Vapi is idle"
        marked = [f"{count} carry the mark of another installation ({name})" for name, count in self.others.items()]
        return "; ".join([text, *marked])


def price_limits(settings: Settings) -> PriceLimits:
    return PriceLimits.of(settings.max_monthly_price, settings.max_upfront_price, settings.budget_rates)


class Candidates:
    """Numbers for one wish. The flow claims from this and a plan counts from it, so that neither can say something else
    than the other. `restaurant_id` is who wants one, None for a plan; `own_mark` is that of the run, which a number
    that it has just bought carries."""

    def __init__(
        self,
        services: Services,
        wish: Wish,
        inventory: Inventory,
        *,
        restaurant_id: str | None = None,
        own_mark: str | None = None,
    ) -> None:
        self._services, self.wish, self._inventory = services, wish, inventory
        self._restaurant_id, self._own_mark = restaurant_id, own_mark

    @property
    def country(self) -> str:
        """Of a purchase."""
        if self.wish.number is not None:
            return next(iter(countries_of(self.wish.number)), self._services.settings.default_country)
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
            both = (Source.OWNED, Source.PURCHASED)
            return existing + [Place(source, carrier) for carrier in able for source in both]
        bought = [Place(Source.PURCHASED, carrier) for carrier in able]
        return bought + existing + [Place(Source.OWNED, carrier) for carrier in able]

    async def existing(self, ask: Ask) -> Existing:
        """The voice platform's numbers that no restaurant holds and that serve nobody else."""
        listing = await self._inventory.voice_numbers(ask)
        shared = await self._services.voice.shared_assistant()
        async with self._services.database.read() as session:
            rows = await numbers.known(session, [v.number for v in listing if v.number])
            under_way = await self._under_way(session)
            fitting = {
                str(v.number): v
                for v in listing
                if self._suits_in_voice(v, shared, rows.get(v.number or "")) and v.name not in under_way
            }
            busy = await numbers.busy_among(session, fitting, self._restaurant_id, marked=True)
        idle = [v for number, v in fitting.items() if number not in busy and not self._inventory.was_used(number)]
        self._leave_out(busy)
        return Existing(idle, len(listing), self._others(listing))

    async def owned(self, ask: Ask, carrier: Carrier) -> tuple[list[OwnedNumber], int]:
        """The carrier account's numbers that are ours to use and that nobody uses, and how many the account owns."""
        listing = await self._inventory.owned(ask, carrier)
        usable = {o.number: o for o in listing if self._suits_owned(o)}
        async with self._services.database.read() as session:
            under_way = await self._under_way(session)
            marked = {n for n, o in usable.items() if parse_mark(o.mark_text)}
            busy = await numbers.busy_among(session, marked, self._restaurant_id, marked=True)
            busy |= await numbers.busy_among(session, set(usable) - marked, self._restaurant_id)
        free = [o for number, o in usable.items() if number not in busy and not self._inventory.was_used(number)]
        self._leave_out(busy)
        return [o for o in free if o.mark_text not in under_way], len(listing)

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

    def _suits_in_voice(self, voice: VoiceNumber, shared: str, row: Number | None) -> bool:
        """Whether the record may be taken for this wish: it can take calls, suits, and nobody else is served by it."""
        if not voice.ready or voice.number is None or not is_number_in_use(voice.number):
            return False
        if self.wish.number not in (None, voice.number):
            return False
        if other_installation(self._services.installation, voice.name):
            return False
        if not self._services.is_ours(voice, shared, row.target if row else None):
            return False
        criteria = self.wish.criteria
        pinned = criteria.carrier in (None, voice.carrier)
        return pinned and criteria.matches(voice.number, row.country if row else None)

    def _suits_owned(self, owned: OwnedNumber) -> bool:
        return (
            owned.voice
            and self.wish.number in (None, owned.number)
            and is_number_in_use(owned.number)
            and is_ours_to_use(owned, self._services.installation)
            and self.wish.criteria.matches(owned.number, owned.country, owned.number_type)
        )

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

    def _others(self, listing: Sequence[VoiceNumber]) -> dict[str, int]:
        return count_others(self._services.installation, [voice.name for voice in listing])

    async def _under_way(self, session: AsyncSession) -> set[str]:
        """Marks of purchases that somebody else is at: what carries one is about to be theirs. Read before the claims
        are: a purchase that has ended meanwhile has claimed its number in the same transaction."""
        return await intents.open_marks(session) - {self._own_mark or ""}

    def _leave_out(self, busy: Iterable[str]) -> None:
        for number in busy:
            self._inventory.used(number)
