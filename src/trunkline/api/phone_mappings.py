"""Whose number is it: for others who ask by number."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from trunkline.api.dependencies import ServicesDep
from trunkline.api.described import phone_mappings as described
from trunkline.api.permission import needs
from trunkline.api.shapes import ServedRestaurant, Sharer
from trunkline.api.shapes.phone_mappings import PhoneMapping
from trunkline.db import mappings, numbers
from trunkline.domain.numbers import NumberState, parse_number
from trunkline.domain.scopes import Scope

router = APIRouter(prefix="/api/phone-mappings", tags=["numbers"], dependencies=needs(Scope.NUMBERS_READ))

NumberPath = Annotated[
    str, Path(description="in E.164, or in any usual notation of DEFAULT_COUNTRY", examples=["(415) 555-0123"])
]


@router.get("/{number:path}", **described.GET_PHONE_MAPPING)
async def read(services: ServicesDep, number: NumberPath) -> PhoneMapping:
    wanted = parse_number(number, services.settings.default_country)
    async with services.database.read() as session:
        row = await numbers.get(session, wanted)
        served = (await mappings.sharers(session, [wanted])).get(wanted, [])
    out_of_service = row.state in (NumberState.COOLING_DOWN, NumberState.RELEASING)
    return PhoneMapping(
        number=row.number,
        state=NumberState(row.state),
        shared=len(served) > 1,
        restaurant=next((Sharer(id=i, name=name) for i, name, active in served if active), None),
        restaurants=[ServedRestaurant(id=i, name=name, active=active) for i, name, active in served],
        former_restaurant_id=row.former_restaurant_id if out_of_service else None,
        cooling_until=row.cooling_until,
    )
