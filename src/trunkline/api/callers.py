"""The callers that a restaurant gets on a number that it shares."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from fastapi import Body as RequestBody

from trunkline.api.dependencies import RestaurantId, ServicesDep
from trunkline.api.described import callers as described
from trunkline.api.permission import Identified, needs
from trunkline.api.shapes.callers import Callers, RegisteredCallers
from trunkline.db import callers, restaurants
from trunkline.domain.scopes import Scope
from trunkline.workflows.manage_restaurant import register_callers

router = APIRouter(prefix="/api/restaurants/{restaurant_id}/callers", tags=["restaurants"])

CallersBody = Annotated[
    Callers, RequestBody(openapi_examples={"one": {"summary": "A tester", "value": described.EXAMPLE}})
]


@router.put("", dependencies=needs(Scope.RESTAURANTS_WRITE), **described.PUT_CALLERS)
async def put(services: ServicesDep, restaurant_id: RestaurantId, body: CallersBody) -> RegisteredCallers:
    return RegisteredCallers(callers=list(await register_callers(services, restaurant_id, body.callers)))


@router.get("", dependencies=needs(Scope.RESTAURANTS_READ, own=True), **described.GET_CALLERS)
async def read(services: ServicesDep, identity: Identified, restaurant_id: RestaurantId) -> RegisteredCallers:
    identity.may_read(restaurant_id)
    async with services.database.read() as session:
        await restaurants.get(session, restaurant_id)
        return RegisteredCallers(callers=list(await callers.of_restaurant(session, restaurant_id)))
