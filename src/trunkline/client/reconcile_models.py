"""What the API answers about plans."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from trunkline.client.answer import Answer


class ProviderList(Answer, frozen=True):
    provider: str
    read: int
    whole: bool
    doubt: str | None
    hint: str | None


class ReconcilePlan(Answer, frozen=True):
    id: str
    status: str
    checksum: str
    changes: int
    counts: dict[str, int]
    monthly: dict[str, Decimal]
    lists: list[ProviderList]
    policy: dict[str, Any]
    watched: bool
    created_at: datetime


class PlannedDrift(Answer, frozen=True):
    kind: str
    what: str
    provider: str
    number: str | None
    restaurant_id: str | None
    carrier_says: str
    voice_says: str
    books_say: str
    since: datetime | None
    change: str | None
    mend: str | None
    monthly: Decimal | None
    currency: str | None
    left_alone: str | None
