"""Moves: a number to another restaurant, two restaurants' numbers, a number to nobody."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Path, Response
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline import errors
from trunkline.api.dependencies import BECAUSE, KeyDep, NumberPath, Patience, PatienceDep, RestaurantId, ServicesDep
from trunkline.api.described import moves as described
from trunkline.api.once import answer_once
from trunkline.api.permission import Identified, needs
from trunkline.api.shapes.moves import Move, MoveBody, SwapBody, UnassignBody, show_moves
from trunkline.api.shapes.numbers import NumberDetail, show_detail
from trunkline.db import numbers, restaurants, runs
from trunkline.db.runs import MOVES
from trunkline.domain.acting import give_reason
from trunkline.domain.outcomes import code_of
from trunkline.domain.scopes import Scope
from trunkline.domain.states import OwnNumber, RunStatus
from trunkline.workflows.move_number import request_move, request_swap, unassign
from trunkline.workflows.once import Once
from trunkline.workflows.services import Services

router = APIRouter(tags=["numbers"])


@router.post("/api/numbers/{number}/move", dependencies=needs(Scope.RESTAURANTS_WRITE), **described.MOVE_NUMBER)
async def move(
    services: ServicesDep,
    identity: Identified,
    number: NumberPath,
    key: KeyDep,
    patience: PatienceDep,
    response: Response,
    body: Annotated[MoveBody, Body(openapi_examples=described.MOVES)],
) -> Move:
    if body.new_number_for_old:
        identity.needs(Scope.NUMBERS_BUY)
    give_reason(body.reason)
    to = await _restaurant(services, body.to)
    once = Once.asked(key, "moveNumber", number=number, **body.model_dump() | {"to": to})
    move_id = await request_move(
        services,
        number,
        to,
        own_number=OwnNumber.REPLACE if body.replace else OwnNumber.REFUSE,
        renew=body.new_number_for_old,
        why=body.reason,
        once=once,
    )
    return await _answer(services, move_id, once, patience, response)


@router.post(
    "/api/restaurants/{restaurant_id}/swap-phone", dependencies=needs(Scope.RESTAURANTS_WRITE), **described.SWAP_PHONE
)
async def swap(
    services: ServicesDep,
    restaurant_id: RestaurantId,
    key: KeyDep,
    patience: PatienceDep,
    response: Response,
    body: Annotated[SwapBody, Body(openapi_examples=described.SWAPS)],
) -> Move:
    give_reason(body.reason)
    other = await _restaurant(services, body.other)
    once = Once.asked(key, "swapPhone", restaurant_id=restaurant_id, other=other, reason=body.reason)
    move_id = await request_swap(services, restaurant_id, other, body.reason, once)
    return await _answer(services, move_id, once, patience, response)


@router.post(
    "/api/numbers/{number}/unassign",
    dependencies=[*needs(Scope.RESTAURANTS_WRITE), BECAUSE],
    **described.UNASSIGN_NUMBER,
)
async def take_off(
    services: ServicesDep,
    number: NumberPath,
    body: Annotated[UnassignBody | None, Body(openapi_examples=described.UNASSIGNMENTS)] = None,
) -> NumberDetail:
    restaurant = await _restaurant(services, body.restaurant) if body and body.restaurant else None
    await unassign(services, number, restaurant)
    async with services.database.read() as session:
        row = await numbers.get(session, number)
        return await show_detail(session, row, await runs.releases_of(session, row.number))


@router.get("/api/moves/{move_id}", dependencies=needs(Scope.NUMBERS_READ), **described.GET_MOVE)
async def read_move(
    services: ServicesDep, move_id: Annotated[str, Path(description="the move's id", examples=[described.MOVE_ID])]
) -> Move:
    async with services.database.read() as session:
        return await _show(session, move_id)


async def _answer(services: Services, move_id: str, once: Once | None, patience: Patience, response: Response) -> Move:
    """The move once it is done, or as it stands; the error that it failed with."""
    ended = await patience.end_of_run(MOVES, move_id)
    if ended.status == RunStatus.FAILED:
        raise errors.by_code(code_of(ended.reason or ""), ended.message or "it could not be moved", ended.hint, "")
    running = ended.status == RunStatus.RUNNING
    if running:
        response.status_code = 202
    response.headers["Location"] = f"/api/moves/{move_id}"
    return await answer_once(services, once, response, Move, lambda session: _show(session, move_id), final=not running)


async def _show(session: AsyncSession, move_id: str) -> Move:
    return (await show_moves(session, [await MOVES.get(session, move_id)]))[0]


async def _restaurant(services: Services, named: str) -> str:
    async with services.database.read() as session:
        return await restaurants.id_of(session, named)
