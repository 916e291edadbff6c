"""The callers that a restaurant gets on a number that it shares."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from fastapi import Body as RequestBody
from pydantic import Field

from trunkline.api import examples
from trunkline.api.dependencies import Reader, ServicesDep, operator
from trunkline.api.problems import documented
from trunkline.api.schemas import Answer, Body, Short
from trunkline.db import callers, restaurants
from trunkline.errors import Conflict, InvalidInput
from trunkline.workflows.manage_restaurant import register_callers

router = APIRouter(prefix="/api/restaurants/{restaurant_id}/callers", tags=["restaurants"])
RestaurantId = Annotated[str, Path(description="the restaurant's id", examples=[examples.RESTAURANT_ID])]
EXAMPLE = {"callers": ["+14155550142"]}
MOST = 500
NO_NUMBER = InvalidInput("'12' is not a phone number", field="callers", hint="write it with country code")
TAKEN = Conflict(
    f"+14155550142 is registered by Chez Panisse, which shares {examples.NUMBER}", hint="take it off there first"
)


class Callers(Body):
    callers: list[Short] = Field(max_length=MOST, description="E.164; these and no others")


CallersBody = Annotated[Callers, RequestBody(openapi_examples={"one": {"summary": "A tester", "value": EXAMPLE}})]


class RegisteredCallers(Answer):
    callers: list[str] = Field(description="E.164, in order")


@router.put(
    "",
    operation_id="putCallers",
    summary="Register a restaurant's callers",
    description="On a number that restaurants of a trial account share, a call from one of these goes to this "
    "restaurant, whichever is the active one. Replaces what was registered; an empty list takes all off.",
    dependencies=[Depends(operator)],
    responses={
        200: examples.answered("Registered.", one=("A tester", EXAMPLE)),
        **documented(*examples.REFUSED, *examples.MALFORMED, examples.NO_RESTAURANT, NO_NUMBER, TAKEN),
    },
)
async def put(services: ServicesDep, restaurant_id: RestaurantId, body: CallersBody) -> RegisteredCallers:
    return RegisteredCallers(callers=list(await register_callers(services, restaurant_id, body.callers)))


@router.get(
    "",
    operation_id="getCallers",
    summary="Read a restaurant's callers",
    description="Those whose calls go to it on a number that it shares.",
    responses={
        200: examples.answered("Its callers.", one=("A tester", EXAMPLE)),
        **documented(*examples.REFUSED, examples.NO_RESTAURANT),
    },
)
async def read(services: ServicesDep, caller: Reader, restaurant_id: RestaurantId) -> RegisteredCallers:
    caller.may_read(restaurant_id)
    async with services.database.read() as session:
        await restaurants.get(session, restaurant_id)
        return RegisteredCallers(callers=list(await callers.of_restaurant(session, restaurant_id)))
