"""What the API answers about calls, as objects."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from trunkline.client.answer import Answer


class Call(Answer, frozen=True):
    id: str
    restaurant_id: str | None
    former: bool
    caller: str | None
    called: str | None
    status: str | None
    ended_reason: str | None
    started_at: datetime | None
    ended_at: datetime | None
    duration_seconds: Decimal | None
    cost: Decimal | None
    currency: str | None
    reported: bool
    first_seen_at: datetime


class Holder(Answer, frozen=True):
    restaurant_id: str
    name: str
    since: datetime
    ended_at: datetime | None
    registered_caller: bool


class Explanation(Answer, frozen=True):
    call: Call
    holders: list[Holder]
    because: str


class Callers(Answer, frozen=True):
    callers: list[str]


class ErasedCaller(Answer, frozen=True):
    calls: int
    registrations: int


class ErasedRestaurant(Answer, frozen=True):
    id: str
    calls: int
