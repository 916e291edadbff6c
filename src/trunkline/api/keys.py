"""Keys: make, list, read, rotate, revoke."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Path, Query, Response
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.api.dependencies import BECAUSE, KeyDep, ServicesDep
from trunkline.api.described import keys as described
from trunkline.api.once import answer_once
from trunkline.api.paging import after_id, cut
from trunkline.api.permission import Identified, needs
from trunkline.api.shapes.keys import Key, KeyPage, KeyQuery, KeyRotation, MadeKey, NewKey, show_key, show_keys
from trunkline.db import keys, restaurants
from trunkline.domain.scopes import Scope, parse_scopes
from trunkline.workflows.identify import Identity
from trunkline.workflows.manage_keys import Made, Wanted, create_key, renew_key, revoke_key, seen
from trunkline.workflows.once import Once
from trunkline.workflows.services import Services

router = APIRouter(prefix="/api/keys", tags=["keys"], dependencies=needs(Scope.KEYS_WRITE, own=True))
KeyId = Annotated[str, Path(description="the key's id", examples=[described.KEY_ID])]


@router.post("", status_code=201, **described.CREATE_KEY)
async def create(
    services: ServicesDep,
    identity: Identified,
    key: KeyDep,
    response: Response,
    body: Annotated[NewKey, Body(openapi_examples=described.BODIES)],
) -> MadeKey:
    restaurant_id = await _restaurant(services, identity, body.restaurant)
    limits = body.budget.limits() if body.budget else None
    wanted = Wanted(parse_scopes(body.scopes), restaurant_id, body.expires_at, body.comment or None, limits)
    once = Once.asked(key, "createKey", **body.model_dump() | {"restaurant": restaurant_id})
    made = await create_key(services, identity, wanted, once)
    response.headers["Location"] = f"/api/keys/{made.key_id}"

    async def show(session: AsyncSession) -> Key:
        return show_key(await keys.get(session, made.key_id))

    answer = await answer_once(services, once, response, Key, show)
    return MadeKey(**vars(answer), key=made.api_key)


@router.get("", **described.LIST_KEYS)
async def list_all(services: ServicesDep, identity: Identified, query: Annotated[KeyQuery, Query()]) -> KeyPage:
    wanted = query.restaurant_id or identity.restaurant_id
    identity.may_read(wanted)
    async with services.database.read() as session:
        found = await keys.page(
            session,
            after=after_id(query.cursor),
            limit=query.limit + 1,
            restaurant_id=wanted,
            revoked=query.revoked,
        )
    shown, cursor = cut(found, query.limit, lambda row: row.id)
    return KeyPage(items=show_keys(shown), next_cursor=cursor)


@router.get("/{key_id}", **described.GET_KEY)
async def read(services: ServicesDep, identity: Identified, key_id: KeyId) -> Key:
    async with services.database.read() as session:
        return show_key(await seen(session, identity, key_id))


@router.post("/{key_id}/rotate", dependencies=[BECAUSE], **described.ROTATE_API_KEY)
async def rotate(
    services: ServicesDep,
    identity: Identified,
    key_id: KeyId,
    body: Annotated[KeyRotation | None, Body(openapi_examples=described.ROTATIONS)] = None,
) -> MadeKey:
    made = await renew_key(services, identity, key_id, force=bool(body and body.force))
    return await _shown(services, made)


@router.post("/{key_id}/revoke", dependencies=[BECAUSE], **described.REVOKE_KEY)
async def revoke(services: ServicesDep, identity: Identified, key_id: KeyId) -> Key:
    await revoke_key(services, identity, key_id)
    return await read(services, identity, key_id)


async def _shown(services: Services, made: Made) -> MadeKey:
    async with services.database.read() as session:
        return MadeKey(**vars(show_key(await keys.get(session, made.key_id))), key=made.api_key)


async def _restaurant(services: Services, identity: Identity, named: str | None) -> str | None:
    """Its id, by whatever the operator names it; a restaurant's key means its own, and names it by its id."""
    if not identity.is_operator:
        return named or identity.restaurant_id
    if named is None:
        return None
    async with services.database.read() as session:
        return await restaurants.id_of(session, named)
