"""Budgets, as the API answers them."""

from __future__ import annotations

from decimal import Decimal

from trunkline.client.answer import Answer


class Limits(Answer, frozen=True):
    max_numbers: int | None
    max_monthly_price: Decimal | None
    max_purchases: int | None
    max_spending: Decimal | None
    currency: str | None


class Used(Answer, frozen=True):
    numbers: int | None
    monthly_price: Decimal | None
    purchases: int | None
    spending: Decimal | None


class Budget(Limits, frozen=True):
    budget: str
    kind: str
    name: str | None
    used: Used
    percent: float | None
    unpriced: int
