"""Restaurants: create one with its number, list, read, ask again, switch a shared number, delete."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Query, Response
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.api.dependencies import BECAUSE, KeyDep, Patience, PatienceDep, RestaurantId, ServicesDep
from trunkline.api.described import restaurants as described
from trunkline.api.described.keys import ROTATIONS
from trunkline.api.once import answer_once
from trunkline.api.paging import after_id, after_name, cut
from trunkline.api.permission import Identified, needs
from trunkline.api.shapes.assignments import PickBody
from trunkline.api.shapes.keys import KeyRotation
from trunkline.api.shapes.restaurants import (
    CreatedRestaurant,
    DeletedRestaurant,
    NewRestaurant,
    Restaurant,
    RestaurantCounts,
    RestaurantPage,
    RestaurantPatch,
    RestaurantQuery,
    RestaurantSort,
    RotatedKey,
    show_restaurant,
    show_summaries,
)
from trunkline.db import restaurants
from trunkline.domain.outcomes import Status
from trunkline.domain.scopes import OF_A_RESTAURANT, Scope, in_order
from trunkline.workflows.identify import OPERATOR, Identity
from trunkline.workflows.manage_keys import renew_restaurants_key
from trunkline.workflows.manage_restaurant import (
    Created,
    activate_phone,
    create_restaurant,
    delete_restaurant,
    edit_restaurant,
    request_number,
)
from trunkline.workflows.once import Once
from trunkline.workflows.services import Services

router = APIRouter(prefix="/api/restaurants", tags=["restaurants"])
NOT_TOLD = f"it is told to who has its scopes himself: {', '.join(in_order(OF_A_RESTAURANT))}"


@router.post("", status_code=201, dependencies=needs(Scope.RESTAURANTS_WRITE), **described.CREATE_RESTAURANT)
async def create(
    services: ServicesDep,
    identity: Identified,
    key: KeyDep,
    patience: PatienceDep,
    body: Annotated[NewRestaurant, Body(openapi_examples=described.NEW_RESTAURANT)],
    response: Response,
) -> CreatedRestaurant:
    if body.assign_phone:
        identity.needs(Scope.NUMBERS_BUY)
    once = Once.asked(key, "createRestaurant", **body.model_dump())
    created = await create_restaurant(
        services,
        body.name,
        body.wish(),
        once,
        notes=body.notes(),
        assign=body.assign_phone,
        patience=patience.left,
    )
    if created.found:
        there = await _answer(services, created, None, patience, response)
        response.status_code = 200
        return CreatedRestaurant(**vars(there), api_key=None, api_key_hint=described.TOLD)
    answer = await _answer(services, created, once, patience, response)
    shown = created.api_key if identity.may_give(OF_A_RESTAURANT) else None
    hint = None if shown else described.TOLD if created.api_key is None else NOT_TOLD
    return CreatedRestaurant(**vars(answer), api_key=shown, api_key_hint=hint)


@router.get("", dependencies=needs(Scope.RESTAURANTS_READ, own=True), **described.LIST_RESTAURANTS)
async def list_all(
    services: ServicesDep, identity: Identified, query: Annotated[RestaurantQuery, Query()]
) -> RestaurantPage:
    by_name = query.sort is RestaurantSort.NAME
    name, last = after_name(query.cursor) if by_name else (None, after_id(query.cursor))
    async with services.database.read() as session:
        found = await restaurants.page(
            session,
            after=last,
            after_name=name,
            by_name=by_name,
            limit=query.limit + 1,
            has_number=query.has_number,
            search=query.search,
            created_after=query.created_after,
            created_before=query.created_before,
            external_id=query.external_id,
            deleted=query.deleted,
            only=identity.restaurant_id,
        )
        shown, cursor = cut(found, query.limit, lambda row: restaurants.place_by_name(row) if by_name else row.id)
        return RestaurantPage(items=await show_summaries(session, shown, identity), next_cursor=cursor)


@router.get("/counts", dependencies=needs(Scope.RESTAURANTS_READ), **described.COUNT_RESTAURANTS)
async def count(services: ServicesDep) -> RestaurantCounts:
    async with services.database.read() as session:
        total, with_number = await restaurants.counts(session)
    return RestaurantCounts(total=total, with_number=with_number)


@router.get("/{restaurant_id}", dependencies=needs(Scope.RESTAURANTS_READ, own=True), **described.GET_RESTAURANT)
async def read(services: ServicesDep, identity: Identified, restaurant_id: RestaurantId) -> Restaurant:
    identity.may_read(restaurant_id)
    async with services.database.read() as session:
        return await show_restaurant(session, await restaurants.kept(session, restaurant_id), identity)


@router.patch("/{restaurant_id}", dependencies=needs(Scope.RESTAURANTS_WRITE), **described.CHANGE_RESTAURANT)
async def change(
    services: ServicesDep,
    identity: Identified,
    restaurant_id: RestaurantId,
    body: Annotated[RestaurantPatch, Body(openapi_examples=described.CHANGES)],
) -> Restaurant:
    if "budget" in body.model_fields_set:
        identity.needs(Scope.KEYS_WRITE)
    await edit_restaurant(services, restaurant_id, body.change())
    return await read(services, OPERATOR, restaurant_id)


@router.delete(
    "/{restaurant_id}", dependencies=[*needs(Scope.RESTAURANTS_WRITE), BECAUSE], **described.DELETE_RESTAURANT
)
async def delete(services: ServicesDep, restaurant_id: RestaurantId) -> DeletedRestaurant:
    return DeletedRestaurant(id=restaurant_id, freed_number=await delete_restaurant(services, restaurant_id))


@router.post(
    "/{restaurant_id}/phone", status_code=201, dependencies=needs(Scope.NUMBERS_BUY, own=True), **described.ASSIGN_PHONE
)
async def assign_phone(
    services: ServicesDep,
    identity: Identified,
    restaurant_id: RestaurantId,
    key: KeyDep,
    patience: PatienceDep,
    response: Response,
    body: Annotated[PickBody | None, Body(openapi_examples=described.WISHES)] = None,
) -> Restaurant:
    identity.may_read(restaurant_id)
    asked = body or PickBody()
    identity.may_pick(asked.phone_number)
    once = Once.asked(key, "assignPhone", restaurant_id=restaurant_id, **asked.model_dump(), **identity.seen())
    run_id = await request_number(
        services, restaurant_id, asked.wish(), patience.left, once, names=identity.is_operator
    )
    return await _answer(services, Created(restaurant_id, run_id), once, patience, response, identity)


@router.post(
    "/{restaurant_id}/activate-phone",
    dependencies=[*needs(Scope.RESTAURANTS_WRITE), BECAUSE],
    **described.ACTIVATE_PHONE,
)
async def activate(services: ServicesDep, restaurant_id: RestaurantId) -> Restaurant:
    await activate_phone(services, restaurant_id)
    async with services.database.read() as session:
        return await show_restaurant(session, await restaurants.get(session, restaurant_id), OPERATOR)


@router.post("/{restaurant_id}/rotate-key", dependencies=[*needs(Scope.KEYS_WRITE), BECAUSE], **described.ROTATE_KEY)
async def renew_key(
    services: ServicesDep,
    identity: Identified,
    restaurant_id: RestaurantId,
    body: Annotated[KeyRotation | None, Body(openapi_examples=ROTATIONS)] = None,
) -> RotatedKey:
    force = bool(body and body.force)
    api_key = await renew_restaurants_key(services, identity, restaurant_id, force=force)
    return RotatedKey(id=restaurant_id, api_key=api_key)


async def _answer(
    services: Services,
    created: Created,
    once: Once | None,
    patience: Patience,
    response: Response,
    identity: Identity = OPERATOR,
) -> Restaurant:
    """What a creation or an assignment is answered with, and its headers."""
    assignment = None
    if created.assignment_id is not None:
        assignment = await patience.end_of(created.assignment_id)
    running = assignment is not None and assignment.status == Status.RUNNING
    if running and patience.respond_async:
        response.headers["Preference-Applied"] = "respond-async"
        response.status_code = 202
    where = f"assignments/{created.assignment_id}" if running else f"restaurants/{created.restaurant_id}"
    response.headers["Location"] = f"/api/{where}"

    async def show(session: AsyncSession) -> Restaurant:
        row = await restaurants.kept(session, created.restaurant_id)
        return await show_restaurant(session, row, identity, assignment)

    return await answer_once(services, once, response, Restaurant, show, final=not running)
