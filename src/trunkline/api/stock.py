"""Numbers for stock: buying one without a restaurant, and taking one over from a carrier's account."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Response
from pydantic import Field

from trunkline.api import answers, examples
from trunkline.api.dependencies import ServicesDep, operator
from trunkline.api.numbers import NumberPath
from trunkline.api.problems import documented
from trunkline.api.schemas import Body as RequestBody
from trunkline.api.schemas import CarrierName, NumberDetail, Offer, Short
from trunkline.db import numbers, releases
from trunkline.domain.numbers import E164, parse_number
from trunkline.errors import Conflict, Foreign, NotFound, OfferGone, OutcomeUnknown
from trunkline.workflows.services import Services
from trunkline.workflows.stock_number import adopt_number, buy_number, find_offer

router = APIRouter(tags=["numbers"], dependencies=[Depends(operator)])
IDLE: dict[str, Any] = examples.NUMBER_DETAIL | {"state": "idle", "restaurants": [], "mappings": []}
OWNED = Conflict(f"{examples.NUMBER} is ours already", hint=f"GET /api/numbers/{examples.NUMBER}")
IN_USE = Conflict(f"{examples.NUMBER} is in service", hint=f"GET /api/numbers/{examples.NUMBER}")
GONE = OfferGone(f"{examples.NUMBER} is not for sale", hint="search again: GET /api/numbers/search")
UNKNOWN = OutcomeUnknown(
    f"twilio closed the connection (buy); whether {examples.NUMBER} was bought is not known yet",
    hint="nothing: it is found out by itself; GET /api/debts shows it until then",
)
NOT_HELD = NotFound(f"the account at twilio does not hold {examples.NUMBER}", hint="buy it: POST /api/numbers")
USED = Foreign(f"{examples.NUMBER} is used by example.com (calls)", hint="take that off it at twilio first")
PURCHASES: dict[str, Any] = {
    "price": {"summary": "Who sells it, at which price", "value": {"number": examples.NUMBER, "dry_run": True}},
    "buy": {"summary": "Buy it at Twilio", "value": {"number": examples.NUMBER, "carrier": "twilio"}},
}
IMPORTS: dict[str, Any] = {
    "any": {"summary": "Whichever carrier holds it", "value": {}},
    "twilio": {"summary": "From the Twilio account", "value": {"carrier": "twilio"}},
}


class Purchase(RequestBody):
    """One exact number."""

    number: Short = Field(min_length=1, description="in E.164")
    carrier: CarrierName | None = Field(default=None, description="only this carrier; else the first that sells it")
    dry_run: bool = Field(default=False, description="say who sells it at which price, and do nothing")


class Import(RequestBody):
    carrier: CarrierName | None = Field(default=None, description="whose account holds it; else each is asked")


@router.post(
    "/api/numbers",
    operation_id="buyNumber",
    summary="Buy a number for stock",
    description="One exact number, once, for no restaurant: it is idle, and the next assignment that it suits uses it. "
    "Repeating the request buys nothing twice.",
    status_code=201,
    responses={
        200: examples.answered("Who sells it.", model=Offer, offer=("For sale", examples.OFFER)),
        201: examples.answered(
            "It is ours.",
            model=NumberDetail,
            bought=("Idle at the carrier", IDLE | {"voice_id": None}),
            headers={"Location": examples.header("the number", f"/api/numbers/{examples.NUMBER}")},
        ),
        **documented(
            *examples.REFUSED,
            *examples.MALFORMED,
            examples.BAD_NUMBER,
            examples.NO_CARRIER,
            OWNED,
            GONE,
            UNKNOWN,
            *examples.CARRIER_PROBLEMS,
        ),
    },
)
async def buy(
    services: ServicesDep, response: Response, body: Annotated[Purchase, Body(openapi_examples=PURCHASES)]
) -> NumberDetail | Offer:
    number = parse_number(body.number, services.settings.default_country)
    if body.dry_run:
        found = await find_offer(services, number, body.carrier)
        response.status_code = 200
        return answers.offer(found.carrier.name, found.offer)
    await buy_number(services, number, body.carrier)
    response.headers["Location"] = f"/api/numbers/{number}"
    return await _shown(services, number)


@router.post(
    "/api/numbers/{number}/import",
    operation_id="importNumber",
    summary="Take a number over from a carrier's account",
    description="Imports it into Vapi, for no restaurant: it is idle, and the next assignment that it suits uses it. A "
    "number that something else answers is left alone. May be repeated.",
    responses={
        200: examples.answered("It is in Vapi.", idle=("Idle", IDLE)),
        **documented(
            *examples.REFUSED,
            *examples.MALFORMED,
            examples.BAD_NUMBER,
            NOT_HELD,
            examples.NO_CARRIER,
            IN_USE,
            USED,
            *examples.CARRIER_PROBLEMS,
        ),
    },
)
async def take_over(
    services: ServicesDep,
    number: NumberPath,
    body: Annotated[Import | None, Body(openapi_examples=IMPORTS)] = None,
) -> NumberDetail:
    wanted = parse_number(number, services.settings.default_country)
    await adopt_number(services, wanted, body.carrier if body else None)
    return await _shown(services, wanted)


async def _shown(services: Services, number: E164) -> NumberDetail:
    async with services.database.read() as session:
        row = await numbers.get(session, number)
        return await answers.number_detail(session, row, await releases.of_number(session, row.number))
