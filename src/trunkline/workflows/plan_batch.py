"""What a batch would do, found by walking the places that the flow walks, and counting instead of claiming."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from trunkline.carriers.base import Carrier
from trunkline.db import choosing
from trunkline.domain.acting import acting
from trunkline.domain.budgets import Budget, BudgetOf, SpendingLimits, Used
from trunkline.domain.choosing import Offer
from trunkline.domain.outcomes import Source
from trunkline.domain.wishes import Wish
from trunkline.errors import ActionRequired, BudgetExceeded, ProviderError, Rejected, RetryLater
from trunkline.settings import TrialSharing
from trunkline.workflows import accounts
from trunkline.workflows.budgets import Ledger, Spender, read_ledger
from trunkline.workflows.candidates import Candidates, Place
from trunkline.workflows.inventory import MOST_OFFERS, LiveInventory
from trunkline.workflows.listings import Listing, Read
from trunkline.workflows.services import Services


@dataclass
class Purchases:
    """What would be bought at one carrier in one currency: so many numbers, for so much a month and at once together;
    `monthly_price` is None where the carrier does not state every price."""

    carrier: str
    currency: str | None
    numbers: int = 0
    monthly_price: Decimal | None = Decimal()
    upfront_price: Decimal = Decimal()

    def add(self, offer: Offer) -> None:
        self.numbers += 1
        known = None not in (self.monthly_price, offer.monthly_price)
        self.monthly_price = self.monthly_price + offer.monthly_price if known else None  # type: ignore[operator]
        self.upfront_price += offer.upfront_price or Decimal()


@dataclass
class Plan:
    """`reused` numbers cost nothing new; `bought` ones what `purchases` say; `shared` restaurants would share a trial
    account's number, `short` ones would have none, for the reasons in `notes`: `beyond_budget` of them because no
    budget allows the purchase. `asked` counts the restaurants by what they asked for."""

    restaurants: int
    reused: int = 0
    bought: int = 0
    shared: int = 0
    short: int = 0
    beyond_budget: int = 0
    purchases: list[Purchases] = field(default_factory=list)
    asked: dict[Wish, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def carrier(self) -> str | None:
        """Where most is bought."""
        return max(self.purchases, key=lambda p: p.numbers).carrier if self.purchases else None

    @property
    def currency(self) -> str | None:
        """Of everything that would be bought; None where there is more than one."""
        known = {p.currency for p in self.purchases}
        return known.pop() if len(known) == 1 else None

    @property
    def monthly_price(self) -> Decimal | None:
        """Of everything that would be bought, where that is in one currency and known."""
        known = [p.monthly_price for p in self.purchases if p.monthly_price is not None]
        whole = self.currency is not None and len(known) == len(self.purchases)
        return sum(known, Decimal()) if whole else None

    def bought_at(self, carrier: str, offer: Offer) -> None:
        self.bought += 1
        same = (p for p in self.purchases if (p.carrier, p.currency) == (carrier, offer.currency))
        if (purchases := next(same, None)) is None:
            self.purchases.append(purchases := Purchases(carrier, offer.currency))
        purchases.add(offer)


PLANNED = "planned"  # in a ledger, the batch that is only thought of


async def plan_for(
    services: Services, wanted: Sequence[tuple[str | None, Wish]], limits: SpendingLimits | None = None
) -> Plan:
    """One restaurant after the other (None: one that is to be created), each with its wish, within the budgets and the
    batch's `limits`. A ProviderError where a list that the flow would need cannot be read."""
    key_id, rates = acting().key_id, services.settings.budget_rates
    spenders = [Spender(restaurant_id, PLANNED, key_id) for restaurant_id, _ in wanted]
    async with services.database.read() as session:
        ledger = await read_ledger(session, rates, set(spenders))
    if limits is not None:
        ledger.budgets[PLANNED] = Budget(BudgetOf.BATCH, PLANNED, limits, Used())
    services.listings.forget()  # what is shown before a yes is what is there now
    planner = _Planner(services, len(wanted), ledger)
    for spender, (_, wish) in zip(spenders, wanted, strict=True):
        await planner.serve(spender, wish)
    return planner.plan


class _Planner:
    """Walks `Candidates.order()` for each restaurant as the flow does; what one has taken is not there for the next."""

    def __init__(self, services: Services, wanted: int, ledger: Ledger) -> None:
        self._services = services
        self._ledger = ledger
        self._live = _Once()
        self._taken: set[str] = set()
        self._waiting: dict[tuple[Wish, Place], deque[Any]] = {}
        self._room: dict[str, int | None] = {}
        self._trial: set[str] = set()
        self._served: set[str] = set()  # carriers of which something is taken
        self._refused: dict[str, ProviderError] = {}
        self.plan = Plan(wanted)

    async def serve(self, spender: Spender, wish: Wish) -> None:
        self.plan.asked[wish] = self.plan.asked.get(wish, 0) + 1
        candidates = Candidates(self._services, wish, self._live, whole=True)
        at_limit, beyond = None, False
        for place in candidates.order():
            if place.carrier is not None and place.carrier.name in self._refused:
                continue
            try:
                if place.source is Source.PURCHASED and await self._is_full(place.carrier):
                    at_limit = at_limit or await self._trial_at_limit(candidates, place)
                    continue
                if await self._take(candidates, place, spender):
                    return
            except BudgetExceeded as error:
                beyond = True
                self._note(f"{error.detail}; {error.hint}")
            except (Rejected, ActionRequired) as error:
                self._pass_over(place, wish, error)
            except RetryLater as error:
                if place.source is not Source.PURCHASED:
                    raise  # the flow buys nothing while a list cannot be read
                self._pass_over(place, wish, error)
        if at_limit is not None and await self._can_share(at_limit):
            self.plan.shared += 1
        else:
            self.plan.short += 1
            self.plan.beyond_budget += beyond

    def _pass_over(self, place: Place, wish: Wish, error: ProviderError) -> None:
        assert place.carrier is not None
        self._waiting[wish, place] = deque()
        if error.account_wide:
            self._refused[place.carrier.name] = error
        self._note(f"{place.carrier.name}: {error.detail}")

    def _note(self, note: str) -> None:
        if note not in self.plan.notes:
            self.plan.notes.append(note)

    async def _left(self, candidates: Candidates, place: Place) -> deque[Any]:
        """What there is for this wish; the first ones may be taken by now."""
        if (candidates.wish, place) not in self._waiting:
            self._waiting[candidates.wish, place] = deque(await self._look(candidates, place))
        return self._waiting[candidates.wish, place]

    async def _take(self, candidates: Candidates, place: Place, spender: Spender) -> bool:
        waiting = await self._left(candidates, place)
        while waiting:
            candidate = waiting.popleft()
            if candidate.number in self._taken:
                continue
            if place.source is not Source.PURCHASED:
                self._taken.add(candidate.number)
                self._served.add(place.carrier.name if place.carrier else candidate.carrier)
                self.plan.reused += 1
                return True
            return self._buy(place, waiting, candidate, spender)
        return False

    def _buy(self, place: Place, waiting: deque[Any], offer: Offer, spender: Spender) -> bool:
        assert place.carrier is not None
        try:
            self._ledger.refuse(spender, offer)
        except BudgetExceeded:
            waiting.appendleft(offer)
            raise
        self._ledger.add(spender, offer)
        if offer.number is None:
            waiting.append(offer)  # there is another one like it
        else:
            self._taken.add(offer.number)
        if (room := self._room.get(place.carrier.name)) is not None:
            self._room[place.carrier.name] = room - 1
        self._served.add(place.carrier.name)
        self.plan.bought_at(place.carrier.name, offer)
        return True

    async def _look(self, candidates: Candidates, place: Place) -> Iterable[Any]:
        if place.source is Source.EXISTING:
            return (await candidates.existing(self._live.ask)).idle
        assert place.carrier is not None
        await accounts.refuse_changed(self._services, place.carrier.name)
        if place.source is Source.OWNED:
            return (await candidates.owned(self._live.ask, place.carrier)).idle
        async with self._services.database.read() as session:
            await accounts.refuse_blocked(session, place.carrier.name)
        offers = await candidates.offers(self._live.ask, place.carrier)
        if len(offers) >= MOST_OFFERS:  # a carrier shows no more at once; the rest is taken to cost what these cost
            offers.append(replace(offers[-1], number=None))
        return offers

    async def _is_full(self, carrier: Carrier | None) -> bool:
        """Whether the account may hold no further number: a trial's one, or as many as the carrier gives."""
        assert carrier is not None
        if carrier.name not in self._room:
            self._room[carrier.name] = await self._places(carrier)
        room = self._room[carrier.name]
        return room is not None and room <= 0

    async def _places(self, carrier: Carrier) -> int | None:
        state = await carrier.account()
        most = carrier.capabilities.most
        if state is not None and state.kind == "trial":
            self._trial.add(carrier.name)
            most = 1
        if most is None:
            return None
        held = await Candidates(self._services, Wish(), self._live).listed(self._live.ask, carrier)
        return most - held.total

    async def _trial_at_limit(self, candidates: Candidates, place: Place) -> str | None:
        """The carrier, if it would refuse a purchase for its trial's limit: it refuses only what it has for sale."""
        assert place.carrier is not None
        if place.carrier.name not in self._trial:
            return None
        left = [offer for offer in await self._left(candidates, place) if offer.number not in self._taken]
        return place.carrier.name if left else None

    async def _can_share(self, carrier: str) -> bool:
        if self._services.settings.trial_sharing is TrialSharing.OFF:
            return False
        async with self._services.database.read() as session:
            return carrier in self._served or await choosing.in_service_at(session, carrier) is not None


class _Once(LiveInventory):
    """Each list is read once, as many offers as there may be."""

    def __init__(self) -> None:
        super().__init__(offers=MOST_OFFERS)
        self._known: dict[str, Listing[Any]] = {}

    async def ask(self, call: Callable[[], Awaitable[Any]]) -> Any:
        return await call()

    async def voice_numbers(self, ask: Any, read: Read[Any]) -> Listing[Any]:
        return await self._kept("voice", lambda: super(_Once, self).voice_numbers(ask, read))

    async def owned(self, ask: Any, carrier: Carrier, read: Read[Any]) -> Listing[Any]:
        return await self._kept(carrier.name, lambda: super(_Once, self).owned(ask, carrier, read))

    async def _kept(self, key: str, read: Callable[[], Awaitable[Listing[Any]]]) -> Listing[Any]:
        if key not in self._known:
            self._known[key] = await read()
        return self._known[key]
