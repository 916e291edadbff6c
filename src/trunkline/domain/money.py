"""Amounts of money with their currency, in words."""

from __future__ import annotations

from decimal import Decimal


def money(monthly: Decimal | None, currency: str | None, at_once: Decimal | None = None) -> str:
    """A price for people: "1.15 USD a month", "1.00 USD a month and 500.00 USD at once"."""
    parts = ["a price that the carrier does not state" if monthly is None else f"{monthly} {currency} a month"]
    if at_once:
        parts.append(f"{at_once} {currency} at once")
    return " and ".join(parts)
