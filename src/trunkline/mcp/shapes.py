"""What the tools answer: of the API's answers as much as an assistant needs."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field

A = TypeVar("A", bound="Answer")


class Answer(BaseModel):
    """Made of an object of the client's that has the same fields."""

    model_config = ConfigDict(from_attributes=True)


class Assignment(Answer):
    id: str
    status: str
    source: str | None
    reason: str | None
    message: str | None
    hint: str | None


class Restaurant(Answer):
    id: str
    name: str
    external_id: str | None
    phone_number: str | None
    shared: bool = Field(description="several restaurants have this number; calls reach the active one")
    active: bool
    assignment: Assignment | None = Field(description="the last run that was to get it a number")


class Restaurants(Answer):
    items: list[Restaurant]
    more: bool = Field(description="there are more: narrow the search")


class Served(Answer):
    id: str
    name: str


class Number(Answer):
    number: str
    state: str
    carrier: str | None
    country: str | None
    number_type: str | None
    monthly_price: Decimal | None
    currency: str | None
    restaurants: list[Served] = Field(description="whom it serves")
    protected: bool


class Numbers(Answer):
    items: list[Number]
    more: bool


class Offer(Answer):
    carrier: str
    number: str | None
    country: str
    number_type: str
    monthly_price: Decimal | None
    upfront_price: Decimal | None = Field(description="due at once, besides the first month")
    currency: str | None
    needs: list[str] = Field(description="papers that the carrier wants to see first")


class Refusal(Answer):
    carrier: str
    code: str
    detail: str
    hint: str | None


class Offers(Answer):
    items: list[Offer]
    refusals: list[Refusal] = Field(description="carriers that could not be asked, and why")


class Quote(Answer):
    """What buying would cost. Nothing is bought, and the number is not held."""

    quote_id: str
    expires_at: datetime
    question: str = Field(description="what a person would be asked")


class BatchQuote(Quote):
    restaurants: int
    reused: int
    bought: int
    short: int = Field(description="for how many no number was found")
    monthly_price: Decimal | None
    currency: str | None
    notes: list[str]


class Batch(Answer):
    id: str
    status: str
    total: int
    message: str | None
    hint: str | None


class Move(Answer):
    id: str
    number: str
    status: str
    message: str | None
    hint: str | None


class Release(Answer):
    id: str
    number: str
    give_back: bool
    status: str
    message: str | None


class Debt(Answer):
    subject: str
    owed: str
    since: datetime
    reason: str | None
    next_try_at: datetime


class Debts(Answer):
    items: list[Debt]
    more: bool


class CostTotal(Answer):
    currency: str
    numbers: int
    monthly: Decimal
    idle_monthly: Decimal = Field(description="of it for numbers that serve nobody")


class Costs(Answer):
    totals: list[CostTotal]
    unpriced: int = Field(description="numbers whose price the carrier has not told")


class Drift(Answer):
    kind: str
    what: str
    number: str | None
    change: str | None
    mend: str | None
    left_alone: str | None


class Plan(Answer):
    id: str
    status: str
    changes: int
    counts: dict[str, int]
    drifts: list[Drift]
    more: bool


class Call(Answer):
    id: str
    restaurant_id: str | None
    called: str | None
    caller: str | None
    status: str | None
    ended_reason: str | None


class Explanation(Answer):
    call: Call
    because: str


class HistoryLine(Answer):
    at: datetime
    text: str
    by: str
    reason: str | None


class History(Answer):
    items: list[HistoryLine]
    more: bool


def shown(kind: type[A], one: object) -> A:
    """An object of the client's, as the tools show it."""
    return kind.model_validate(one)
