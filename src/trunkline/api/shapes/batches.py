"""What a batch is asked for, what it would do, and how far it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.api.paging import Listing
from trunkline.api.shapes import Answer, Page, Price, Text, plain_price
from trunkline.api.shapes.assignments import WishBody
from trunkline.db import models, number_lists
from trunkline.domain.budgets import SpendingLimits, checked_currency
from trunkline.domain.notes import MAX_NAME
from trunkline.domain.outcomes import Source
from trunkline.workflows import plan_batch
from trunkline.workflows.batch_progress import progress_of
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
    total: int = Field(description="its restaurants; of many, those that are written so far: it grows within seconds")
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
    return [
        Batch.model_validate(
            {
                "id": progress.row.id,
                "status": progress.row.status,
                "message": progress.row.message,
                "hint": progress.row.hint,
                "request": progress.row.request,
                "total": progress.total,
                "counts": Counts(**progress.counts),
                "sources": Sources(**progress.sources),
                "costs": [Cost(monthly_price=cost.amount, currency=cost.currency) for cost in progress.costs],
                "rate_per_second": progress.rate,
                "eta_seconds": progress.left,
                "created_at": progress.row.created_at,
                "ended_at": progress.row.ended_at,
            }
        )
        for progress in await progress_of(session, rows)
    ]


async def show_items(
    session: AsyncSession, rows: Sequence[tuple[models.BatchItem, str, models.Assignment | None]]
) -> list[BatchItem]:
    held = [assignment.number for _, _, assignment in rows if assignment is not None and assignment.number]
    prices = await number_lists.prices(session, held)
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
