"""What may be spent, by whom, and whether a purchase is within it: the one rule of the flow, of plans and of quotes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

from trunkline.currencies import currency_code
from trunkline.domain.choosing import Offer
from trunkline.domain.money import BASE, Rates, converted
from trunkline.errors import BudgetExceeded, InvalidInput

ALL = "all"
LEVELS = (80, 100)  # per cent at which somebody is told
ANOTHER_BATCH = "start another batch with a higher max_purchases or max_monthly_price"


class BudgetOf(StrEnum):
    """Whose purchases and numbers a budget counts."""

    ALL = ALL
    RESTAURANT = "restaurant"
    KEY = "key"
    BATCH = "batch"


class Limit(StrEnum):
    """What a budget limits. Months are calendar months in UTC; of a batch, its whole life counts."""

    NUMBERS = "max_numbers"
    MONTHLY_PRICE = "max_monthly_price"
    PURCHASES = "max_purchases"
    SPENDING = "max_spending"


WORDS: dict[Limit, str] = {
    Limit.NUMBERS: "held at once",
    Limit.MONTHLY_PRICE: "a month for the numbers held at once",
    Limit.PURCHASES: "bought in a month",
    Limit.SPENDING: "spent on purchases in a month",
}
MONEY = (Limit.MONTHLY_PRICE, Limit.SPENDING)
MONTHLY = (Limit.PURCHASES, Limit.SPENDING)


@dataclass(frozen=True)
class SpendingLimits:
    """None: no limit. `max_numbers` may be held at once, and cost `max_monthly_price` a month together; in a month,
    `max_purchases` may be bought, for `max_spending` with their first month and what is due at once. A batch has the
    second and the third, of what it buys. Amounts are in `currency`."""

    max_numbers: int | None = None
    max_monthly_price: Decimal | None = None
    max_purchases: int | None = None
    max_spending: Decimal | None = None
    currency: str | None = None

    @classmethod
    def checked(cls, currency: str | None = None, **limits: Any) -> SpendingLimits:
        """InvalidInput names the field at fault: nothing is limited, or the currency is none. USD if none is given."""
        if not any(value is not None for value in limits.values()):
            raise InvalidInput(
                "a budget limits something", field=Limit.NUMBERS, hint=f"give one of {', '.join(Limit)}, or remove it"
            )
        priced = any(limits.get(limit) is not None for limit in MONEY)
        return cls(**limits, currency=checked_currency(currency) if priced or currency else None)

    @classmethod
    def of_batch(cls, request: Mapping[str, Any]) -> SpendingLimits:
        """As they are stored with a batch's request."""
        price = request.get("max_monthly_price")
        return cls(
            max_purchases=request.get("max_purchases"),
            max_monthly_price=Decimal(price) if price is not None else None,
            currency=request.get("max_currency"),
        )

    def plain_of_batch(self) -> dict[str, Any]:
        price = None if self.max_monthly_price is None else str(self.max_monthly_price)
        return {"max_purchases": self.max_purchases, "max_monthly_price": price, "max_currency": self.currency}

    def given(self) -> dict[Limit, int | Decimal]:
        """Those that are set."""
        values = {limit: getattr(self, limit) for limit in Limit}
        return {limit: value for limit, value in values.items() if value is not None}


def checked_currency(currency: str | None) -> str:
    """Its ISO code, USD where none is given; InvalidInput for one that is none."""
    code = currency_code(currency or BASE)
    if code is None:
        raise InvalidInput(f"{currency!r} is not a currency", field="currency", hint="write its ISO code, like USD")
    return code


def month_of(at: datetime) -> datetime:
    """When that month began."""
    return at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


@dataclass
class Used:
    """What counts against a budget: what is held, with what is being bought, and what was bought this month, with what
    is being bought; amounts by their currency. `unpriced` numbers, whose price nobody has told, are in no amount."""

    numbers: int = 0
    monthly: dict[str, Decimal] = field(default_factory=dict)
    purchases: int = 0
    spending: dict[str, Decimal] = field(default_factory=dict)
    unpriced: int = 0

    def hold(self, count: int, monthly: Decimal | None, currency: str | None, unpriced: int = 0) -> None:
        self.numbers += count
        self.unpriced += unpriced
        _add(self.monthly, monthly, currency)

    def buy(self, count: int, due: Decimal | None, currency: str | None) -> None:
        self.purchases += count
        _add(self.spending, due, currency)

    def add(self, offer: Offer) -> None:
        """As if it were being bought."""
        self.hold(1, offer.monthly_price, offer.currency, int(offer.monthly_price is None))
        self.buy(1, offer.due(), offer.currency)

    def of(self, limit: Limit, currency: str | None, rates: Rates) -> Decimal | None:
        """What counts against this limit; None where some of it is in a currency that no rate leads from."""
        if limit not in MONEY:
            return Decimal(self.numbers if limit is Limit.NUMBERS else self.purchases)
        amounts = self.monthly if limit is Limit.MONTHLY_PRICE else self.spending
        counted = [converted(amount, of, currency or BASE, rates) for of, amount in amounts.items()]
        return None if None in counted else sum((one for one in counted if one is not None), Decimal())

    def strange_to(self, currency: str, rates: Rates) -> list[str]:
        """The currencies that no rate leads from into this one."""
        known = {**self.monthly, **self.spending}
        return sorted(of for of in known if converted(Decimal(1), of, currency, rates) is None)


class Share(NamedTuple):
    """How much of a limit is taken; None where it cannot be counted."""

    limit: Limit
    most: Decimal
    used: Decimal | None

    @property
    def percent(self) -> Decimal | None:
        if self.used is None:
            return None
        return self.used * 100 / self.most if self.most else Decimal(100)

    @property
    def level(self) -> int | None:
        """The highest level that is reached."""
        reached = [level for level in LEVELS if self.percent is not None and self.percent >= level]
        return reached[-1] if reached else None


@dataclass
class Budget:
    """Limits of somebody's, and what counts against them. `subject` is `all`, or the id of a restaurant, a key, a
    batch."""

    of: BudgetOf
    subject: str
    limits: SpendingLimits
    used: Used

    def shares(self, rates: Rates) -> list[Share]:
        given, currency = self.limits.given(), self.limits.currency
        return [Share(one, Decimal(most), self.used.of(one, currency, rates)) for one, most in given.items()]

    def refuse(self, offer: Offer, rates: Rates) -> None:
        """BudgetExceeded unless the purchase is within every limit, together with what is used."""
        for share in self.shares(rates):
            needed = self._needed(share.limit, offer, rates)
            if needed is None or share.used is None:
                raise self._uncountable(share, offer, needed is None, rates)
            if share.used + needed > share.most:
                raise self._exceeded(share, needed, share.used)

    def _needed(self, limit: Limit, offer: Offer, rates: Rates) -> Decimal | None:
        if limit not in MONEY:
            return Decimal(1)
        amount = offer.monthly_price if limit is Limit.MONTHLY_PRICE else offer.due()
        return converted(amount, offer.currency, self.limits.currency or BASE, rates)

    def _exceeded(self, share: Share, needed: Decimal, used: Decimal) -> BudgetExceeded:
        left = max(share.most - used, Decimal())
        dear = f", and this one takes {self._amount(share.limit, needed)}" if share.limit in MONEY else ""
        hint = self._who_raises() + (
            "" if self.of is BudgetOf.BATCH or share.limit not in MONTHLY else ", or next month"
        )
        return BudgetExceeded(
            f"{self._allows(share)}: {self._amount(share.limit, left)} left{dear}",
            hint=hint,
            limit=share.limit,
            budget=self._named,
            exhausted=not left and self.of in (BudgetOf.ALL, BudgetOf.KEY),
        )

    def _uncountable(self, share: Share, offer: Offer, of_offer: bool, rates: Rates) -> BudgetExceeded:
        priced = offer.monthly_price is not None and offer.currency is not None
        what = (
            offer.price() if of_offer else f"what it counts in {', '.join(self.used.strange_to(self._currency, rates))}"
        )
        rule = "BUDGET_RATES says what a currency is worth" if priced else "without a money limit it may be bought"
        hint = f"{rule}; {self._who_raises()}"
        return BudgetExceeded(
            f"{self._allows(share)}: {what} cannot be counted in {self._currency}",
            hint=hint,
            limit=share.limit,
            budget=self._named,
        )

    @property
    def _named(self) -> str | None:
        return None if self.of is BudgetOf.BATCH else self.subject

    @property
    def _currency(self) -> str:
        return self.limits.currency or BASE

    def _allows(self, share: Share) -> str:
        owner = {
            BudgetOf.ALL: "the budget for all",
            BudgetOf.RESTAURANT: "the restaurant's budget",
            BudgetOf.KEY: "the key's budget",
            BudgetOf.BATCH: "the batch",
        }[self.of]
        words = WORDS[share.limit]
        if self.of is BudgetOf.BATCH:
            words = "bought" if share.limit is Limit.PURCHASES else "a month for what it buys"
        unit = "" if share.limit in MONEY else " number" if share.most == 1 else " numbers"
        return f"{owner} allows {self._amount(share.limit, share.most)}{unit} {words}"

    def _amount(self, limit: Limit, amount: Decimal) -> str:
        if limit not in MONEY:
            return f"{amount:f}"
        return f"{amount.quantize(Decimal('0.0001')).normalize():f} {self._currency}"

    def _who_raises(self) -> str:
        if self.of is BudgetOf.BATCH:
            return ANOTHER_BATCH
        return (
            f"who has the operator's secret or a key with keys:write can raise it: trunkline budgets set {self.subject}"
        )


def _add(amounts: dict[str, Decimal], amount: Decimal | None, currency: str | None) -> None:
    if amount is not None and currency is not None:
        amounts[currency] = amounts.get(currency, Decimal()) + amount
