"""Whose number is it: for others who ask by number."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import Field

from trunkline.api import examples
from trunkline.api.dependencies import ServicesDep, operator
from trunkline.api.problems import documented
from trunkline.api.schemas import Answer, Sharer, User
from trunkline.db import mappings, numbers
from trunkline.domain.numbers import NumberState, parse_number

router = APIRouter(prefix="/api/phone-mappings", tags=["numbers"], dependencies=[Depends(operator)])
NumberPath = Annotated[
    str, Path(description="in E.164, or in any usual notation of DEFAULT_COUNTRY", examples=["(415) 555-0123"])
]
EXAMPLE = {
    "number": examples.NUMBER,
    "state": "in_service",
    "shared": False,
    "restaurant": {"id": examples.RESTAURANT_ID, "name": "My Restaurant"},
    "restaurants": [{"id": examples.RESTAURANT_ID, "name": "My Restaurant", "active": True}],
    "former_restaurant_id": None,
    "cooling_until": None,
}


class PhoneMapping(Answer):
    number: str = Field(description="E.164")
    state: NumberState
    shared: bool = Field(description="whether several restaurants are mapped to it")
    restaurant: Sharer | None = Field(description="who gets its calls; null where nobody does")
    restaurants: list[User] = Field(description="everyone mapped to it")
    former_restaurant_id: str | None = Field(description="whose it was, while it cools down or is released")
    cooling_until: datetime | None


@router.get(
    "/{number:path}",
    operation_id="getPhoneMapping",
    summary="Look up whose number it is",
    description="The restaurant that gets the number's calls, and everyone who shares it.",
    responses={
        200: examples.answered("The number.", one=("In service", EXAMPLE)),
        **documented(*examples.REFUSED, examples.UNKNOWN_NUMBER, examples.BAD_NUMBER),
    },
)
async def read(services: ServicesDep, number: NumberPath) -> PhoneMapping:
    wanted = parse_number(number, services.settings.default_country)
    async with services.database.read() as session:
        row = await numbers.get(session, wanted)
        users = (await mappings.sharers(session, [wanted])).get(wanted, [])
    out_of_service = row.state in (NumberState.COOLING_DOWN, NumberState.RELEASING)
    return PhoneMapping(
        number=row.number,
        state=NumberState(row.state),
        shared=len(users) > 1,
        restaurant=next((Sharer(id=i, name=name) for i, name, active in users if active), None),
        restaurants=[User(id=i, name=name, active=active) for i, name, active in users],
        former_restaurant_id=row.former_restaurant_id if out_of_service else None,
        cooling_until=row.cooling_until,
    )
