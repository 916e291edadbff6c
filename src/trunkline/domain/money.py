"""Amounts of money with their currency: in words, in another currency, and within the limits of a purchase."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

CENT = Decimal("0.01")
BASE = "USD"
Rates = Mapping[str, Decimal]  # what one of each currency is worth in the base, by BUDGET_RATES


@dataclass(frozen=True)
class Money:
    amount: Decimal
    currency: str

    @classmethod
    def of(cls, text: str) -> Money:
        """From a setting in its form: "1.50 USD"."""
        amount, _, currency = text.partition(" ")
        return cls(Decimal(amount), currency)

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"


@dataclass(frozen=True)
class PriceLimits:
    """What one number may cost: `monthly`, and `at_once` when it is bought, each in one currency; None for no limit.

    Where nothing is said of what is due at once, it may be as much as one month's price and no more. `agreed`: these
    are no settings, but what somebody has said yes to for one purchase.
    """

    monthly: Money | None = None
    at_once: Money | None = None
    rates: Rates = field(default_factory=dict, hash=False)
    agreed: bool = False

    @classmethod
    def of(
        cls, max_monthly_price: str | None, max_upfront_price: str | None, rates: Rates | None = None
    ) -> PriceLimits:
        """By the settings of these names."""
        monthly, at_once = (None if text is None else Money.of(text) for text in (max_monthly_price, max_upfront_price))
        return cls(monthly, at_once, rates or {})

    def objection(self, monthly: Decimal | None, currency: str | None, at_once: Decimal | None) -> str | None:
        """Why a number of this price is not bought, with the setting to change; None where it may be. A price that is
        not stated, or that no rate brings into the currency of its limit, is within no limit."""
        price = money(monthly, currency, at_once)
        if self.monthly is not None and not self._within(monthly, currency, self.monthly):
            return f"{price} is not within {self._named('MAX_MONTHLY_PRICE')}{self.monthly}"
        if not at_once:
            return None
        if self.at_once is not None:
            fits = self._within(at_once, currency, self.at_once)
            return None if fits else f"{price} is not within {self._named('MAX_UPFRONT_PRICE')}{self.at_once}"
        if monthly is not None and at_once <= monthly:
            return None
        unsaid = "max_upfront_price" if self.agreed else "MAX_UPFRONT_PRICE"
        return f"{price}: without {unsaid} no more than a month's price may be due at once"

    def _named(self, setting: str) -> str:
        return f"the {setting.lower()} that was agreed to, " if self.agreed else f"{setting}="

    def _within(self, amount: Decimal | None, currency: str | None, limit: Money) -> bool:
        counted = converted(amount, currency, limit.currency, self.rates)
        return counted is not None and counted <= limit.amount


def converted(amount: Decimal | None, currency: str | None, to: str, rates: Rates) -> Decimal | None:
    """The amount in another currency: the one rule of what counts against a limit. None, which is within no limit, for
    an amount that is not known and for one that no rate leads from."""
    if amount is None or currency is None:
        return None
    if currency == to:
        return amount
    worth = {BASE: Decimal(1), **rates}
    if currency not in worth or to not in worth:
        return None
    return amount * worth[currency] / worth[to]


def plain(amount: Decimal) -> Decimal:
    """Without the zeros that a database adds."""
    return amount.quantize(CENT) if amount == amount.quantize(CENT) else amount.normalize()


def money(monthly: Decimal | None, currency: str | None, at_once: Decimal | None = None) -> str:
    """A price for people: "1.15 USD a month", "1.00 USD a month and 500.00 USD at once"."""
    parts = ["a price that the carrier does not state" if monthly is None else f"{plain(monthly)} {currency} a month"]
    if at_once:
        parts.append(f"{plain(at_once)} {currency} at once")
    return " and ".join(parts)
