"""Calls, as the voice platform reported them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import Field

from trunkline.api import examples
from trunkline.api.dependencies import Reader, ServicesDep, operator
from trunkline.api.paging import Listing, after_moment, cut, moment
from trunkline.api.problems import documented
from trunkline.api.schemas import Answer
from trunkline.db import calls, restaurants
from trunkline.db import models as rows
from trunkline.errors import NotFound
from trunkline.workflows.services import Services

router = APIRouter(tags=["calls"])
RestaurantId = Annotated[str, Path(description="the restaurant's id", examples=[examples.RESTAURANT_ID])]
EXAMPLE = {
    "id": "0195d1c4-8c1f-7aa2-9f6e-3f0a8f1c2b7d",
    "restaurant_id": examples.RESTAURANT_ID,
    "former": False,
    "caller": "+14155550142",
    "called": examples.NUMBER,
    "status": "ended",
    "ended_reason": "customer-ended-call",
    "started_at": "2026-03-02T18:00:01Z",
    "ended_at": "2026-03-02T18:01:31Z",
    "duration_seconds": "90",
    "cost": "0.0912",
    "currency": "USD",
    "reported": True,
    "first_seen_at": "2026-03-02T18:00:01.310000Z",
}
PAGE = {"items": [EXAMPLE], "next_cursor": None}


class Call(Answer):
    """One call. What Vapi has not said, or not in a form that can be read, is null."""

    id: str = Field(description="Vapi's id of it")
    restaurant_id: str | None = Field(description="whose call it was; null where nobody answered the number")
    former: bool = Field(description="whether the number had been taken from the restaurant a short time before")
    caller: str | None = Field(description="E.164, or what Vapi gave instead")
    called: str | None
    status: str | None = Field(description="Vapi's word for it")
    ended_reason: str | None = Field(description="Vapi's word for it")
    started_at: datetime | None
    ended_at: datetime | None
    duration_seconds: Decimal | None
    cost: Decimal | None
    currency: str | None
    reported: bool = Field(description="whether its end is known in full")
    first_seen_at: datetime


class CallPage(Answer):
    items: list[Call]
    next_cursor: str | None


@router.get(
    "/api/calls",
    operation_id="listCalls",
    summary="List calls",
    description="Of all restaurants and of nobody's numbers, newest first.",
    dependencies=[Depends(operator)],
    responses={
        200: examples.answered("A page.", page=("The last page", PAGE)),
        **documented(*examples.REFUSED, examples.BAD_CURSOR),
    },
)
async def list_all(services: ServicesDep, query: Annotated[Listing, Query()]) -> CallPage:
    return await _page(services, query, None)


@router.get(
    "/api/restaurants/{restaurant_id}/calls",
    operation_id="listCallsOfRestaurant",
    summary="List a restaurant's calls",
    description="Newest first, also of a restaurant that is deleted, and of callers who dial its former number.",
    responses={
        200: examples.answered("A page.", page=("The last page", PAGE)),
        **documented(*examples.REFUSED, examples.BAD_CURSOR, examples.NO_RESTAURANT),
    },
)
async def list_of_restaurant(
    services: ServicesDep, caller: Reader, restaurant_id: RestaurantId, query: Annotated[Listing, Query()]
) -> CallPage:
    caller.may_read(restaurant_id)
    async with services.database.read() as session:
        if not await restaurants.names(session, [restaurant_id]):
            raise NotFound(f"there is no restaurant {restaurant_id}", hint="GET /api/restaurants lists them")
    return await _page(services, query, restaurant_id)


async def _page(services: Services, query: Listing, restaurant_id: str | None) -> CallPage:
    before = after_moment(query.cursor)
    async with services.database.read() as session:
        found = await calls.page(session, before=before, limit=query.limit + 1, restaurant_id=restaurant_id)
    shown: Sequence[rows.Call]
    shown, cursor = cut(found, query.limit, lambda row: moment(row.first_seen_at, row.id))
    return CallPage(items=[call(row) for row in shown], next_cursor=cursor)


def call(row: rows.Call) -> Call:
    return Call(
        id=row.id,
        restaurant_id=row.restaurant_id,
        former=row.former,
        caller=row.caller,
        called=row.called,
        status=row.status,
        ended_reason=row.ended_reason,
        started_at=row.started_at,
        ended_at=row.ended_at,
        duration_seconds=plain(row.duration_seconds),
        cost=plain(row.cost),
        currency="USD" if row.cost is not None else None,
        reported=row.reported,
        first_seen_at=row.first_seen_at,
    )


def plain(amount: Decimal | None) -> Decimal | None:
    """Without the zeros that the database adds, and without an exponent."""
    return None if amount is None else Decimal(f"{amount.normalize():f}")
