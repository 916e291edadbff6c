"""What the API answers of many restaurants at once."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from trunkline.client.answer import Answer


class Purchases(Answer, frozen=True):
    carrier: str
    numbers: int
    monthly_price: Decimal | None
    upfront_price: Decimal | None
    currency: str | None


class Asked(Answer, frozen=True):
    criteria: dict[str, str]
    restaurants: int


class Plan(Answer, frozen=True):
    restaurants: int
    reused: int
    bought: int
    shared: int
    short: int
    beyond_budget: int
    monthly_price: Decimal | None
    currency: str | None
    carrier: str | None
    purchases: list[Purchases]
    asked: list[Asked]
    notes: list[str]


class Counts(Answer, frozen=True):
    queued: int
    running: int
    assigned: int
    unassigned: int
    failed: int
    cancelled: int


class Sources(Answer, frozen=True):
    existing: int
    owned: int
    purchased: int
    shared: int


class Cost(Answer, frozen=True):
    monthly_price: Decimal
    currency: str


class Batch(Answer, frozen=True):
    id: str
    status: str
    message: str | None
    hint: str | None
    request: dict[str, Any]
    total: int
    counts: Counts
    sources: Sources
    costs: list[Cost]
    rate_per_second: float | None
    eta_seconds: float | None
    created_at: datetime
    ended_at: datetime | None


class BatchItem(Answer, frozen=True):
    restaurant_id: str
    restaurant_name: str
    status: str
    reason: str | None
    message: str | None
    assignment_id: str | None
    phone_number: str | None
    source: str | None
    monthly_price: Decimal | None
    currency: str | None
    updated_at: datetime


class BulkItem(Answer, frozen=True):
    row: int
    fate: str
    name: str | None
    external_id: str | None
    restaurant_id: str | None
    changes: list[str]
    field: str | None
    detail: str | None
    hint: str | None


class BulkCounts(Answer, frozen=True):
    new: int
    same: int
    changed: int
    refused: int


class BulkCreated(Answer, frozen=True):
    row: int
    id: str
    name: str
    external_id: str | None
    api_key: str | None


class AdoptItem(Answer, frozen=True):
    row: int
    number: str | None
    carrier: str | None
    fate: str
    monthly_price: Decimal | None
    currency: str | None
    name: str | None
    external_id: str | None
    restaurant_id: str | None
    field: str | None
    detail: str | None
    hint: str | None


class Adoption(Answer, frozen=True):
    dry_run: bool
    counts: dict[str, int]
    items: list[AdoptItem]
    created: list[BulkCreated]
    batch_id: str | None


class BulkResult(Answer, frozen=True):
    created: list[BulkCreated]
    changed: int
    same: int
    batch_id: str | None


class BulkPlan(Answer, frozen=True):
    counts: BulkCounts
    items: list[BulkItem]
    numbers: Plan | None
