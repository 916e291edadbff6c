"""Calls, as the voice platform reported them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Path, Query

from trunkline.api.dependencies import RestaurantId, ServicesDep
from trunkline.api.described import calls as described
from trunkline.api.paging import Listing, after_moment, cut, moment
from trunkline.api.permission import Identified, needs
from trunkline.api.shapes.calls import CallPage, CallQuery, Explanation, show_call, show_explanation
from trunkline.db import calls, restaurants
from trunkline.db import models as rows
from trunkline.db.calls import CallFilter
from trunkline.domain.scopes import Scope
from trunkline.errors import NotFound
from trunkline.workflows.explain_call import explain_call
from trunkline.workflows.services import Services

router = APIRouter(tags=["calls"])


@router.get("/api/calls", dependencies=needs(Scope.CALLS_READ, own=True), **described.LIST_CALLS)
async def list_all(services: ServicesDep, identity: Identified, query: Annotated[CallQuery, Query()]) -> CallPage:
    wanted = query.wanted()
    if not identity.is_operator:
        identity.may_read(wanted.restaurant_id or identity.restaurant_id)
        wanted = replace(wanted, restaurant_id=identity.restaurant_id)
    return await _page(services, query, wanted)


@router.get("/api/calls/{call_id}/explanation", dependencies=needs(Scope.CALLS_READ), **described.EXPLAIN_CALL)
async def explain(
    services: ServicesDep, call_id: Annotated[str, Path(description="Vapi's id of the call", max_length=80)]
) -> Explanation:
    async with services.database.read() as session:
        return show_explanation(await explain_call(session, call_id))


@router.get(
    "/api/restaurants/{restaurant_id}/calls",
    dependencies=needs(Scope.CALLS_READ, own=True),
    **described.LIST_CALLS_OF_RESTAURANT,
)
async def list_of_restaurant(
    services: ServicesDep, identity: Identified, restaurant_id: RestaurantId, query: Annotated[Listing, Query()]
) -> CallPage:
    identity.may_read(restaurant_id)
    async with services.database.read() as session:
        if not await restaurants.names(session, [restaurant_id]):
            raise NotFound(f"there is no restaurant {restaurant_id}", hint="GET /api/restaurants lists them")
    return await _page(services, query, CallFilter(restaurant_id=restaurant_id))


async def _page(services: Services, query: Listing, wanted: CallFilter) -> CallPage:
    before = after_moment(query.cursor)
    async with services.database.read() as session:
        found = await calls.page(session, wanted, before=before, limit=query.limit + 1)
    shown: Sequence[rows.Call]
    shown, cursor = cut(found, query.limit, lambda row: moment(row.first_seen_at, row.id))
    return CallPage(items=[show_call(row) for row in shown], next_cursor=cursor)
