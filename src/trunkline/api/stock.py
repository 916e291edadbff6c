"""Numbers for stock: buying one without a restaurant, and taking one over from a carrier's account."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Query, Response
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.api.dependencies import KeyDep, NumberPath, ServicesDep
from trunkline.api.described import stock as described
from trunkline.api.once import answer_once
from trunkline.api.permission import needs
from trunkline.api.shapes.numbers import NumberDetail, Offer, show_detail, show_offer
from trunkline.api.shapes.stock import Import, Purchase, UnusedNumbers, UnusedQuery, show_unused
from trunkline.db import numbers, runs
from trunkline.domain.numbers import E164, parse_number
from trunkline.domain.scopes import Scope
from trunkline.errors import Conflict
from trunkline.workflows.once import Once
from trunkline.workflows.stock_number import adopt_number_once, buy_number, find_offer, is_held
from trunkline.workflows.unused_numbers import find_unused

router = APIRouter(tags=["numbers"])


@router.post("/api/numbers", status_code=201, dependencies=needs(Scope.NUMBERS_BUY), **described.BUY_NUMBER)
async def buy(
    services: ServicesDep,
    key: KeyDep,
    response: Response,
    body: Annotated[Purchase, Body(openapi_examples=described.PURCHASES)],
) -> NumberDetail | Offer:
    number = parse_number(body.number, services.settings.default_country)
    if body.dry_run:
        if await is_held(services, number):
            raise Conflict(f"{number} is ours already", hint=f"GET /api/numbers/{number}")
        found = await find_offer(services, number, body.carrier)
        response.status_code = 200
        return show_offer(found.carrier.name, found.offer)
    agreed = body.agreed.limits() if body.agreed else None
    once = Once.asked(key, "buyNumber", number=number, carrier=body.carrier, agreed=agreed)
    if not await buy_number(services, number, body.carrier, once, agreed):
        response.status_code = 200
    response.headers["Location"] = f"/api/numbers/{number}"
    return await answer_once(services, once, response, NumberDetail, lambda session: _show(session, number))


@router.post("/api/numbers/{number}/import", dependencies=needs(Scope.NUMBERS_BUY), **described.IMPORT_NUMBER)
async def take_over(
    services: ServicesDep,
    number: NumberPath,
    key: KeyDep,
    response: Response,
    body: Annotated[Import | None, Body(openapi_examples=described.IMPORTS)] = None,
) -> NumberDetail:
    carrier = body.carrier if body else None
    once = Once.asked(key, "importNumber", number=number, carrier=carrier)
    await adopt_number_once(services, number, carrier, once)
    return await answer_once(services, once, response, NumberDetail, lambda session: _show(session, number))


@router.get("/api/numbers/unused", dependencies=needs(Scope.NUMBERS_READ), **described.LIST_UNUSED)
async def list_unused(services: ServicesDep, query: Annotated[UnusedQuery, Query()]) -> UnusedNumbers:
    return show_unused(await find_unused(services, query.carrier))


async def _show(session: AsyncSession, number: E164) -> NumberDetail:
    row = await numbers.get(session, number)
    return await show_detail(session, row, await runs.releases_of(session, row.number))
