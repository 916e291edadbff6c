"""Restaurants: create one with its number, list, read, ask again, switch a shared number, delete."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Path, Query, Response

from trunkline.api import answers, examples
from trunkline.api.dependencies import (
    IdempotencyKeyDep,
    Patience,
    PatienceDep,
    Reader,
    ServicesDep,
    operator,
)
from trunkline.api.identity import Caller
from trunkline.api.paging import after_id, cut
from trunkline.api.problems import documented
from trunkline.api.schemas import (
    CreatedRestaurant,
    DeletedRestaurant,
    NewRestaurant,
    Restaurant,
    RestaurantPage,
    RestaurantQuery,
    RotatedKey,
    WishBody,
)
from trunkline.db import idempotency, models, restaurants
from trunkline.workflows.manage_restaurant import (
    Created,
    activate_phone,
    create_restaurant,
    delete_restaurant,
    key_as_created,
    request_number,
    request_number_once,
    rotate_key,
)
from trunkline.workflows.services import Services

router = APIRouter(prefix="/api/restaurants", tags=["restaurants"])
RestaurantId = Annotated[str, Path(description="the restaurant's id", examples=["rst_0dm2p8v1xk4t9r3q"])]
OPERATOR = [Depends(operator)]
WAITING = "Waits up to ASSIGN_WAIT_SECONDS for the number; after that the assignment's status is `running` and "
WAITING += "`Location` says where to look. With `Prefer: respond-async` it answers 202 at once."


@router.post(
    "",
    operation_id="createRestaurant",
    summary="Create a restaurant and get it a number",
    description="A carrier that fails never fails the creation: `phone_number` is then null, and `assignment` says why "
    f"and what to do. {WAITING}",
    status_code=201,
    dependencies=OPERATOR,
    responses={
        201: examples.answered(
            "Created.",
            bought=("A number was bought for it", examples.CREATED),
            shared=("On a trial account it shares the one number", examples.CREATED_SHARED),
            no_carrier=("No carrier is configured", examples.CREATED_UNASSIGNED),
            running=("The time to wait is over, the assignment goes on", examples.CREATED_RUNNING),
            headers=examples.CREATED_HEADERS,
        ),
        202: examples.answered(
            "Created; the assignment has just begun.",
            model=CreatedRestaurant,
            running=("Asked not to wait", examples.CREATED_RUNNING),
            headers=examples.ASYNC_HEADERS,
        ),
        **documented(*examples.REFUSED, *examples.MALFORMED, examples.BAD_FIELD, examples.KEY_REUSED),
    },
)
async def create(
    services: ServicesDep,
    key: IdempotencyKeyDep,
    patience: PatienceDep,
    body: Annotated[NewRestaurant, Body(openapi_examples=examples.NEW_RESTAURANT)],
    response: Response,
) -> CreatedRestaurant:
    secret = services.settings.vapi_secret_key
    assert secret is not None  # the server does not start without
    created = await create_restaurant(
        services, body.name, body.wish(), secret, key, assign=body.assign_phone, patience=patience.left
    )
    answer, row = await _answer(services, created, key, patience, response)
    async with services.database.read() as session:
        api_key = await key_as_created(session, secret, row)
    return CreatedRestaurant(**(answer | {"api_key": api_key}))


@router.get(
    "",
    operation_id="listRestaurants",
    summary="List restaurants",
    description="Oldest first, each with its number and its latest assignment.",
    dependencies=OPERATOR,
    responses={
        200: examples.answered("A page.", page=("One of several pages", examples.RESTAURANT_PAGE)),
        **documented(*examples.REFUSED, examples.BAD_CURSOR),
    },
)
async def list_all(services: ServicesDep, query: Annotated[RestaurantQuery, Query()]) -> RestaurantPage:
    async with services.database.read() as session:
        found = await restaurants.page(
            session,
            after=after_id(query.cursor),
            limit=query.limit + 1,
            has_number=query.has_number,
            search=query.search,
        )
        shown, cursor = cut(found, query.limit, lambda row: row.id)
        return RestaurantPage(items=await answers.restaurant_summaries(session, shown, Caller()), next_cursor=cursor)


@router.get(
    "/{restaurant_id}",
    operation_id="getRestaurant",
    summary="Read a restaurant",
    description="With its latest assignment, step by step.",
    responses={
        200: examples.answered("The restaurant.", one=("In service", examples.RESTAURANT)),
        **documented(*examples.REFUSED, examples.NO_RESTAURANT),
    },
)
async def read(services: ServicesDep, caller: Reader, restaurant_id: RestaurantId) -> Restaurant:
    caller.may_read(restaurant_id)
    async with services.database.read() as session:
        return await answers.restaurant(session, await restaurants.get(session, restaurant_id), caller)


@router.delete(
    "/{restaurant_id}",
    operation_id="deleteRestaurant",
    summary="Delete a restaurant",
    description="Its number is taken off the assistant, cools down (NUMBER_COOLDOWN_HOURS) and is idle after that; the "
    "history is kept.",
    dependencies=OPERATOR,
    responses={
        200: examples.answered("Deleted.", one=("Its number is free", examples.DELETED)),
        **documented(*examples.REFUSED, examples.NO_RESTAURANT, examples.RUNNING),
    },
)
async def delete(services: ServicesDep, restaurant_id: RestaurantId) -> DeletedRestaurant:
    return DeletedRestaurant(id=restaurant_id, freed_number=await delete_restaurant(services, restaurant_id))


@router.post(
    "/{restaurant_id}/phone",
    operation_id="assignPhone",
    summary="Get a restaurant a number, later or again",
    description=f"For a restaurant that has none, or shares one and should get its own. {WAITING}",
    status_code=201,
    dependencies=OPERATOR,
    responses={
        201: examples.answered(
            "The assignment has ended, or goes on.",
            bought=("A number was bought for it", examples.RESTAURANT),
            headers=examples.CREATED_HEADERS,
        ),
        202: examples.answered(
            "The assignment has just begun.",
            model=Restaurant,
            running=("Asked not to wait", examples.RESTAURANT_RUNNING),
            headers=examples.ASYNC_HEADERS,
        ),
        **documented(
            *examples.REFUSED,
            *examples.MALFORMED,
            examples.BAD_FIELD,
            examples.KEY_REUSED,
            examples.NO_RESTAURANT,
            examples.RUNNING,
            examples.HAS_NUMBER,
        ),
    },
)
async def assign_phone(
    services: ServicesDep,
    restaurant_id: RestaurantId,
    key: IdempotencyKeyDep,
    patience: PatienceDep,
    response: Response,
    body: Annotated[WishBody | None, Body(openapi_examples=examples.WISHES)] = None,
) -> Restaurant:
    wish = (body or WishBody()).wish()
    if key:
        created = await request_number_once(services, restaurant_id, wish, key, patience.left)
    else:
        created = Created(restaurant_id, await request_number(services, restaurant_id, wish, patience.left))
    answer, _ = await _answer(services, created, key, patience, response)
    return Restaurant(**answer)


@router.post(
    "/{restaurant_id}/activate-phone",
    operation_id="activatePhone",
    summary="Let a shared number's calls reach this restaurant",
    description="The restaurants that share the number keep their mappings; exactly one gets the calls.",
    dependencies=OPERATOR,
    responses={
        200: examples.answered("It gets the calls now.", one=("On a shared number", examples.RESTAURANT_SHARED)),
        **documented(*examples.REFUSED, examples.NO_RESTAURANT, examples.NO_NUMBER),
    },
)
async def activate(services: ServicesDep, restaurant_id: RestaurantId) -> Restaurant:
    await activate_phone(services, restaurant_id)
    async with services.database.read() as session:
        return await answers.restaurant(session, await restaurants.get(session, restaurant_id), Caller())


@router.post(
    "/{restaurant_id}/rotate-key",
    operation_id="rotateKey",
    summary="Renew a restaurant's key",
    description="The key that it had opens nothing from now on; the new one is shown only here.",
    dependencies=OPERATOR,
    responses={
        200: examples.answered("Renewed.", one=("The new key", examples.ROTATED)),
        **documented(*examples.REFUSED, examples.NO_RESTAURANT),
    },
)
async def renew_key(services: ServicesDep, restaurant_id: RestaurantId) -> RotatedKey:
    return RotatedKey(id=restaurant_id, api_key=await rotate_key(services, restaurant_id))


async def _answer(
    services: Services, created: Created, key: str | None, patience: Patience, response: Response
) -> tuple[dict[str, Any], models.Restaurant]:
    """What a creation or an assignment is answered with, and its headers. The same key gets the same answer: the first
    one after the end of the assignment is kept."""
    assignment = None
    if created.assignment_id is not None:
        assignment = await patience.end_of(created.assignment_id)
    running = assignment is not None and assignment.status == "running"
    async with services.database.read() as session:
        row = await restaurants.kept(session, created.restaurant_id)
        kept = await idempotency.answer(session, key) if key else None
        answer = kept or (await answers.restaurant(session, row, Caller(), assignment)).model_dump(mode="json")
    if key and not running and kept is None:
        async with services.database.write() as session:
            await idempotency.keep(session, key, answer)
            answer = await idempotency.answer(session, key) or answer
    if created.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    if running and patience.respond_async:
        response.headers["Preference-Applied"] = "respond-async"
        response.status_code = 202
    where = f"/api/assignments/{created.assignment_id}" if running else f"/api/restaurants/{row.id}"
    response.headers["Location"] = where
    return answer, row
