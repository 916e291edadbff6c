"""What the batches' endpoints take and answer, with their examples."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from pydantic import Field

from trunkline.api.examples import ASSIGNMENT_ID, BEGAN, CURSOR, ENDED, NUMBER, OTHER_ID, RESTAURANT_ID
from trunkline.api.paging import Listing
from trunkline.api.schemas import Answer, Price, Text, WishBody
from trunkline.domain.outcomes import Source
from trunkline.errors import Conflict, InvalidInput, NotFound
from trunkline.workflows.batch_bounds import Bounds
from trunkline.workflows.manage_restaurant import MAX_NAME
from trunkline.workflows.run_batch import BatchRequest

MAX_ITEMS = 100_000
ItemStatus = Literal["queued", "running", "assigned", "unassigned", "failed", "cancelled"]


class NewBatch(WishBody):
    """Which restaurants, and how they want their numbers."""

    search: Text | None = Field(default=None, max_length=MAX_NAME, description="only those with this in their name")
    include_shared: bool = Field(default=False, description="also those that share a number with others")
    limit: int | None = Field(default=None, ge=1, le=MAX_ITEMS, description="how many restaurants at most")
    ignore_wishes: bool = Field(
        default=False, description="leave out what each restaurant had asked for; only this request's criteria count"
    )
    max_purchases: int | None = Field(
        default=None, ge=0, description="how many numbers may be bought at most; those that are reused do not count"
    )
    max_monthly_price: Decimal | None = Field(
        default=None, ge=0, strict=False, description="what all that are bought may cost a month together"
    )
    currency: str | None = Field(
        default=None, min_length=3, max_length=3, description="of max_monthly_price; USD if it is not given"
    )
    dry_run: bool = Field(default=False, description="say what would be done, and do nothing")

    def request(self) -> BatchRequest:
        currency = None if self.max_monthly_price is None else (self.currency or "USD").upper()
        bounds = Bounds(self.max_purchases, self.max_monthly_price, currency)
        return BatchRequest(
            self.wish(), self.search or None, self.include_shared, self.limit, bounds, self.ignore_wishes
        )


class ItemQuery(Listing):
    status: ItemStatus | None = Field(default=None, description="only in this status")


class Purchases(Answer):
    """What would be bought at one carrier, in one currency."""

    carrier: str
    numbers: int
    monthly_price: Price = Field(description="of all of them a month")
    upfront_price: Price = Field(description="of all of them at once, beside the first month")
    currency: str | None


class Asked(Answer):
    """A wish, and how many restaurants have it."""

    criteria: dict[str, str]
    restaurants: int


class Plan(Answer):
    """What a batch would do now."""

    restaurants: int = Field(description="how many would be served")
    reused: int = Field(description="how many of them with an idle number, which costs nothing new")
    bought: int = Field(description="how many numbers would be bought")
    shared: int = Field(description="how many would share a trial account's number")
    short: int = Field(description="how many restaurants would have no number")
    monthly_price: Price = Field(description="of all that would be bought; null where that is not one known sum")
    currency: str | None
    carrier: str | None = Field(description="where most of them would be bought")
    purchases: list[Purchases] = Field(description="what would be bought, by carrier and currency")
    asked: list[Asked] = Field(description="what the restaurants ask for, and how many of them")
    notes: list[str] = Field(description="why a carrier is passed over")


class Counts(Answer):
    """How many restaurants of the batch are in each status."""

    queued: int = 0
    running: int = 0
    assigned: int = 0
    unassigned: int = 0
    failed: int = 0
    cancelled: int = 0


class Sources(Answer):
    """How the assigned ones came by their numbers."""

    existing: int = 0
    owned: int = 0
    purchased: int = 0
    shared: int = 0


class Cost(Answer):
    """What the numbers that were bought cost a month, in one currency."""

    monthly_price: Decimal
    currency: str


class Batch(Answer):
    """One durable run over many restaurants: running, paused (a whole account refuses: see `message` and `hint`),
    cancelled or done."""

    id: str
    status: Literal["running", "paused", "cancelled", "done"]
    message: str | None = Field(description="why it is paused")
    hint: str | None = Field(description="what to do before it is resumed")
    request: dict[str, Any] = Field(description="what was asked")
    total: int
    counts: Counts
    sources: Sources
    costs: list[Cost] = Field(description="of the numbers that were bought, by currency")
    rate_per_second: float | None = Field(description="restaurants that end a second, of late; null unless it runs")
    eta_seconds: float | None = Field(description="time left at that rate")
    created_at: datetime
    ended_at: datetime | None


class BatchItem(Answer):
    """One restaurant of a batch."""

    restaurant_id: str
    restaurant_name: str
    status: ItemStatus
    reason: str | None = Field(description="why it has no number, or the code of the refusal")
    message: str | None
    assignment_id: str | None
    phone_number: str | None
    source: Source | None
    monthly_price: Price
    currency: str | None
    updated_at: datetime


class BatchPage(Answer):
    items: list[Batch]
    next_cursor: str | None


class BatchItemPage(Answer):
    items: list[BatchItem]
    next_cursor: str | None


# --- examples --------------------------------------------------------------------------------------------------------

BATCH_ID = "bat_0dm2r7h1kq3w9v4m"
NEW_BATCHES: dict[str, Any] = {
    "all": {"summary": "Every restaurant without a number", "value": {}},
    "plan": {
        "summary": "What ten numbers of Twilio's would cost",
        "value": {"carrier": "twilio", "limit": 10, "dry_run": True},
    },
}
PLAN = {
    "restaurants": 10,
    "reused": 2,
    "bought": 8,
    "shared": 0,
    "short": 0,
    "monthly_price": "9.20",
    "currency": "USD",
    "carrier": "twilio",
    "purchases": [
        {"carrier": "twilio", "numbers": 8, "monthly_price": "9.20", "upfront_price": "0.00", "currency": "USD"}
    ],
    "asked": [{"criteria": {}, "restaurants": 7}, {"criteria": {"area_code": "415"}, "restaurants": 3}],
    "notes": [],
}
COUNTS = {"queued": 3, "running": 2, "assigned": 4, "unassigned": 1, "failed": 0, "cancelled": 0}
BATCH: dict[str, Any] = {
    "id": BATCH_ID,
    "status": "running",
    "message": None,
    "hint": None,
    "request": {"search": None, "include_shared": False, "limit": 10, "force_twilio": False, "carrier": "twilio"},
    "total": 10,
    "counts": COUNTS,
    "sources": {"existing": 0, "owned": 2, "purchased": 2, "shared": 0},
    "costs": [{"monthly_price": "2.30", "currency": "USD"}],
    "rate_per_second": 2.5,
    "eta_seconds": 2.0,
    "created_at": BEGAN,
    "ended_at": None,
}
BATCH_DONE = BATCH | {
    "status": "done",
    "counts": COUNTS | {"queued": 0, "running": 0, "assigned": 9},
    "sources": {"existing": 0, "owned": 2, "purchased": 7, "shared": 0},
    "costs": [{"monthly_price": "8.05", "currency": "USD"}],
    "rate_per_second": None,
    "eta_seconds": None,
    "ended_at": ENDED,
}
BATCH_CANCELLED = BATCH | {"status": "cancelled", "counts": COUNTS | {"queued": 0, "cancelled": 3}}
BATCH_PAGE = {"items": [BATCH], "next_cursor": None}
ITEM: dict[str, Any] = {
    "restaurant_id": RESTAURANT_ID,
    "restaurant_name": "My Restaurant",
    "status": "assigned",
    "reason": None,
    "message": f"{NUMBER} is in service",
    "assignment_id": ASSIGNMENT_ID,
    "phone_number": NUMBER,
    "source": "purchased",
    "monthly_price": "1.15",
    "currency": "USD",
    "updated_at": ENDED,
}
ITEM_UNASSIGNED = ITEM | {
    "restaurant_id": OTHER_ID,
    "restaurant_name": "Chez Panisse",
    "status": "unassigned",
    "reason": "no_numbers_found",
    "message": "twilio has no number for sale for area_code 415",
    "phone_number": None,
    "source": None,
    "monthly_price": None,
    "currency": None,
}
ITEM_PAGE = {"items": [ITEM, ITEM_UNASSIGNED], "next_cursor": CURSOR}
EVENTS = f"""id: {ENDED}
event: item
data: {{"restaurant_id": "{RESTAURANT_ID}", "restaurant_name": "My Restaurant", "status": "assigned", ...}}

event: progress
data: {{"id": "{BATCH_ID}", "status": "running", "counts": {{"queued": 3, ...}}, ...}}

event: end
data: {{"id": "{BATCH_ID}", "status": "done", ...}}
"""
NO_MATCH = InvalidInput("no restaurant matches", field="search", hint="restaurants without a number are served")
NO_BATCH = NotFound(f"there is no batch {BATCH_ID}", hint="GET /api/batches lists them")
NOT_RUNNING = Conflict("the batch is cancelled", hint="only a running batch can be cancelled")
IS_RUNNING = Conflict("the batch is running", hint=f"watch it at GET /api/batches/{BATCH_ID}")
