"""Holding a number that is for sale."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body

from trunkline.api.dependencies import BECAUSE, NumberPath, ServicesDep
from trunkline.api.described import holds as described
from trunkline.api.permission import needs
from trunkline.api.shapes.holds import Hold, HoldBody, show_hold
from trunkline.domain.scopes import Scope
from trunkline.workflows.hold_offer import end_hold, hold_offer, read_hold

router = APIRouter(tags=["numbers"])


@router.post("/api/numbers/{number}/hold", dependencies=needs(Scope.NUMBERS_BUY), **described.HOLD_NUMBER)
async def hold(
    services: ServicesDep,
    number: NumberPath,
    body: Annotated[HoldBody | None, Body(openapi_examples=described.HOLDS)] = None,
) -> Hold:
    return show_hold(await hold_offer(services, number, body.carrier if body else None))


@router.get("/api/numbers/{number}/hold", dependencies=needs(Scope.NUMBERS_READ), **described.GET_HOLD)
async def read(services: ServicesDep, number: NumberPath) -> Hold:
    return show_hold(await read_hold(services, number))


@router.delete("/api/numbers/{number}/hold", dependencies=[*needs(Scope.NUMBERS_BUY), BECAUSE], **described.END_HOLD)
async def end(services: ServicesDep, number: NumberPath) -> Hold:
    return show_hold(await end_hold(services, number))
