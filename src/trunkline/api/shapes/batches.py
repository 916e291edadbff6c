"""What a batch is asked for, what it would do, and how far it is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.api.paging import Listing
from trunkline.api.shapes import CENT, Answer, Page, Price, Text, plain_price
from trunkline.api.shapes.assignments import WishBody
from trunkline.db import batches, models, numbers
from trunkline.db.models import utcnow
from trunkline.domain.budgets import SpendingLimits, checked_currency
from trunkline.domain.notes import MAX_NAME
from trunkline.domain.outcomes import Source
from trunkline.workflows import plan_batch
from trunkline.workflows.run_batch import BatchRequest

MAX_ITEMS = 100_000
BatchStatus = Literal["running", "paused", "cancelled", "done"]
ItemStatus = Literal["queued", "running", "assigned", "unassigned", "failed", "cancelled"]


class Spending(BaseModel):
    """What a batch may spend."""

    max_purchases: int | None = Field(
        default=None, ge=0, description="how many numbers may be bought at most; those that are reused do not count"
    )
    max_monthly_price: Decimal | None = Field(
        default=None, ge=0, strict=False, description="what all that are bought may cost a month together"
    )
    currency: str | None = Field(
        default=None, min_length=3, max_length=3, description="of max_monthly_price; USD if it is not given"
    )

    def bounds(self) -> SpendingLimits:
        currency = checked_currency(self.currency)
        priced = self.max_monthly_price is not None
        return SpendingLimits(
            max_purchases=self.max_purchases,
            max_monthly_price=self.max_monthly_price,
            currency=currency if priced else None,
        )


class NewBatch(WishBody, Spending):
    """Which restaurants, and how they want their numbers."""

    search: Text | None = Field(default=None, max_length=MAX_NAME, description="only those with this in their name")
    include_shared: bool = Field(default=False, description="also those that share a number with others")
    limit: int | None = Field(default=None, ge=1, le=MAX_ITEMS, description="how many restaurants at most")
    ignore_wishes: bool = Field(
        default=False, description="leave out what each restaurant had asked for; only this request's criteria count"
    )
    dry_run: bool = Field(default=False, description="say what would be done, and do nothing")

    def request(self) -> BatchRequest:
        return BatchRequest(
            self.wish(), self.search or None, self.include_shared, self.limit, self.bounds(), self.ignore_wishes
        )


class BatchQuery(Listing):
    status: BatchStatus | None = Field(default=None, description="only in this status")


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
    beyond_budget: int = Field(description="how many of these because a budget does not allow a purchase")
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
    status: BatchStatus
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


class BatchPage(Page[Batch]):
    pass


class BatchItemPage(Page[BatchItem]):
    pass


WINDOW = timedelta(seconds=30)


def show_plan(plan: plan_batch.Plan) -> Plan:
    return Plan(
        restaurants=plan.restaurants,
        reused=plan.reused,
        bought=plan.bought,
        shared=plan.shared,
        short=plan.short,
        beyond_budget=plan.beyond_budget,
        monthly_price=plain_price(plan.monthly_price),
        currency=plan.currency,
        carrier=plan.carrier,
        purchases=[
            Purchases(
                carrier=p.carrier,
                numbers=p.numbers,
                monthly_price=plain_price(p.monthly_price),
                upfront_price=plain_price(p.upfront_price),
                currency=p.currency,
            )
            for p in plan.purchases
        ],
        asked=[Asked(criteria=wish.plain(), restaurants=count) for wish, count in plan.asked.items()],
        notes=plan.notes,
    )


async def show_batches(session: AsyncSession, rows: Sequence[models.Batch]) -> list[Batch]:
    ids = [row.id for row in rows]
    counts = await batches.counts(session, ids)
    sources: dict[str, dict[str, int]] = {batch_id: defaultdict(int) for batch_id in ids}
    costs: dict[str, list[Cost]] = {batch_id: [] for batch_id in ids}
    for batch_id, source, currency, count, total in await batches.sources(session, ids):
        assert source is not None  # every assigned one has it
        sources[batch_id][source] += count
        if source == Source.PURCHASED and currency and total is not None:
            costs[batch_id].append(Cost(monthly_price=Decimal(total).quantize(CENT), currency=currency))
    shown = []
    for row in rows:
        mine = Counts(**counts[row.id])
        rate, eta = await _pace(session, row, mine.queued + mine.running)
        shown.append(
            Batch.model_validate(
                {
                    "id": row.id,
                    "status": row.status,
                    "message": row.message,
                    "hint": row.hint,
                    "request": row.request,
                    "total": sum(counts[row.id].values()),
                    "counts": mine,
                    "sources": Sources(**sources[row.id]),
                    "costs": costs[row.id],
                    "rate_per_second": rate,
                    "eta_seconds": eta,
                    "created_at": row.created_at,
                    "ended_at": row.ended_at,
                }
            )
        )
    return shown


async def _pace(session: AsyncSession, row: models.Batch, left: int) -> tuple[float | None, float | None]:
    """(items a second over the last half minute, seconds for those that are left)."""
    if row.status != "running":
        return None, None
    ended, first = await batches.pace(session, row.id, utcnow() - WINDOW)
    seconds = (utcnow() - first).total_seconds() if first else 0.0
    if ended < 2 or seconds <= 0:
        return None, None
    rate = (ended - 1) / seconds
    return round(rate, 2), round(left / rate, 1)


async def show_items(
    session: AsyncSession, rows: Sequence[tuple[models.BatchItem, str, models.Assignment | None]]
) -> list[BatchItem]:
    held = [assignment.number for _, _, assignment in rows if assignment is not None and assignment.number]
    prices = await numbers.prices(session, held)
    shown = []
    for item, name, assignment in rows:
        number = assignment.number if assignment is not None and item.status == "assigned" else None
        amount, currency = prices.get(number or "", (None, None))
        shown.append(
            BatchItem.model_validate(
                {
                    "restaurant_id": item.restaurant_id,
                    "restaurant_name": name,
                    "status": item.status,
                    "reason": item.reason,
                    "message": item.message,
                    "assignment_id": item.assignment_id,
                    "phone_number": number,
                    "source": assignment.source if assignment is not None and number else None,
                    "monthly_price": plain_price(amount),
                    "currency": currency,
                    "updated_at": item.updated_at,
                }
            )
        )
    return shown
