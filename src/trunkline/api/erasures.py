"""Requests of people that what is known of them be erased."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body

from trunkline.api.dependencies import BECAUSE, RestaurantId, ServicesDep
from trunkline.api.described import erasures as described
from trunkline.api.permission import needs
from trunkline.api.shapes.erasures import CallerErasure, ErasedCaller, ErasedRestaurant
from trunkline.db import erasure
from trunkline.domain.callers import current_form
from trunkline.domain.numbers import parse_number
from trunkline.domain.scopes import Scope

router = APIRouter(dependencies=needs(Scope.RESTAURANTS_WRITE))


@router.post(
    "/api/restaurants/{restaurant_id}/erase", tags=["restaurants"], dependencies=[BECAUSE], **described.ERASE_RESTAURANT
)
async def restaurant(services: ServicesDep, restaurant_id: RestaurantId) -> ErasedRestaurant:
    async with services.database.write() as session:
        return ErasedRestaurant(id=restaurant_id, calls=await erasure.erase_restaurant(session, restaurant_id))


@router.post("/api/calls/erase", tags=["calls"], dependencies=[BECAUSE], **described.ERASE_CALLER)
async def caller(
    services: ServicesDep, body: Annotated[CallerErasure, Body(openapi_examples=described.CALLERS)]
) -> ErasedCaller:
    number = parse_number(current_form(body.caller), field="caller")
    async with services.database.write() as session:
        calls, registrations = await erasure.erase_caller(session, number)
    return ErasedCaller(calls=calls, registrations=registrations)
