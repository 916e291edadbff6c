"""What the numbers cost, by carrier, state and restaurant."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from trunkline.api.dependencies import ServicesDep
from trunkline.api.described import costs as described
from trunkline.api.paging import Listing, after_id, cut
from trunkline.api.permission import needs
from trunkline.api.shapes.costs import Costs, RestaurantCostPage, show_costs, show_restaurant_cost
from trunkline.db import costs, figures
from trunkline.db.models import utcnow
from trunkline.domain.budgets import month_of
from trunkline.domain.scopes import Scope

router = APIRouter(prefix="/api/costs", tags=["costs"], dependencies=needs(Scope.NUMBERS_READ))


@router.get("", **described.GET_COSTS)
async def read(services: ServicesDep) -> Costs:
    now = utcnow()
    async with services.database.read() as session:
        return show_costs(now, await figures.billed(session), await costs.bought_since(session, month_of(now)))


@router.get("/restaurants", **described.LIST_RESTAURANT_COSTS)
async def list_restaurants(services: ServicesDep, query: Annotated[Listing, Query()]) -> RestaurantCostPage:
    async with services.database.read() as session:
        found = await costs.by_restaurant(session, after=after_id(query.cursor), limit=query.limit + 1)
    shown, cursor = cut(found, query.limit, lambda cost: cost.id)
    return RestaurantCostPage(items=[show_restaurant_cost(cost) for cost in shown], next_cursor=cursor)
