"""Endpoints: where events are sent, and what came of it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Path, Query, Response
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.api.dependencies import BECAUSE, KeyDep, ServicesDep
from trunkline.api.described import endpoints as described
from trunkline.api.described.events import example_of
from trunkline.api.once import answer_once
from trunkline.api.paging import after_id, after_place, cut
from trunkline.api.permission import needs
from trunkline.api.shapes.endpoints import (
    Attempt,
    Delivery,
    DeliveryPage,
    DeliveryQuery,
    Endpoint,
    EndpointPage,
    EndpointPatch,
    EndpointQuery,
    ExampleBody,
    MadeEndpoint,
    NewEndpoint,
    Recovered,
    Recovery,
    show_delivery,
    show_endpoint,
    show_sent,
)
from trunkline.db import endpoints
from trunkline.db import models as rows
from trunkline.domain.scopes import Scope
from trunkline.workflows import manage_endpoints
from trunkline.workflows.manage_endpoints import Change
from trunkline.workflows.once import Once

router = APIRouter(prefix="/api/endpoints", tags=["events"], dependencies=needs(Scope.ENDPOINTS_WRITE))
EndpointId = Annotated[str, Path(description="the endpoint's id", examples=[described.ENDPOINT_ID])]


@router.post("", status_code=201, **described.CREATE_ENDPOINT)
async def create(
    services: ServicesDep,
    key: KeyDep,
    response: Response,
    body: Annotated[NewEndpoint, Body(openapi_examples=described.BODIES)],
) -> MadeEndpoint:
    once = Once.asked(key, "createEndpoint", **body.model_dump())
    made = await manage_endpoints.create_endpoint(
        services, body.url, body.types, body.format, body.description or None, once
    )
    response.headers["Location"] = f"/api/endpoints/{made.endpoint_id}"

    async def show(session: AsyncSession) -> Endpoint:
        return show_endpoint(await endpoints.get(session, made.endpoint_id))

    answer = await answer_once(services, once, response, Endpoint, show)
    return MadeEndpoint(**vars(answer), secret=made.secret)


@router.get("", **described.LIST_ENDPOINTS)
async def list_all(services: ServicesDep, query: Annotated[EndpointQuery, Query()]) -> EndpointPage:
    async with services.database.read() as session:
        found = await endpoints.page(session, after_id(query.cursor), query.limit + 1)
    shown, cursor = cut(found, query.limit, lambda row: row.id)
    return EndpointPage(items=[show_endpoint(row) for row in shown], next_cursor=cursor)


@router.get("/{endpoint_id}", **described.GET_ENDPOINT)
async def read(services: ServicesDep, endpoint_id: EndpointId) -> Endpoint:
    async with services.database.read() as session:
        return show_endpoint(await endpoints.get(session, endpoint_id))


@router.patch("/{endpoint_id}", dependencies=[BECAUSE], **described.CHANGE_ENDPOINT)
async def change(
    services: ServicesDep,
    endpoint_id: EndpointId,
    body: Annotated[EndpointPatch, Body(openapi_examples=described.CHANGES)],
) -> Endpoint:
    asked = Change(body.url, body.types, body.description, body.enabled)
    return show_endpoint(await manage_endpoints.change_endpoint(services, endpoint_id, asked))


@router.delete("/{endpoint_id}", dependencies=[BECAUSE], **described.DELETE_ENDPOINT)
async def delete(services: ServicesDep, endpoint_id: EndpointId) -> Endpoint:
    return show_endpoint(await manage_endpoints.delete_endpoint(services, endpoint_id))


@router.post("/{endpoint_id}/rotate", dependencies=[BECAUSE], **described.ROTATE_ENDPOINT)
async def rotate(services: ServicesDep, endpoint_id: EndpointId) -> MadeEndpoint:
    row, secret = await manage_endpoints.renew_secret(services, endpoint_id)
    return MadeEndpoint(**vars(show_endpoint(row)), secret=secret)


@router.post("/{endpoint_id}/example", **described.SEND_EXAMPLE)
async def example(
    services: ServicesDep,
    endpoint_id: EndpointId,
    body: Annotated[ExampleBody | None, Body(openapi_examples=described.EXAMPLES)] = None,
) -> Attempt:
    event = example_of((body or ExampleBody()).type)
    return show_sent(await manage_endpoints.send_example(services, endpoint_id, event))


@router.post("/{endpoint_id}/recover", **described.RECOVER_ENDPOINT)
async def recover(
    services: ServicesDep, endpoint_id: EndpointId, body: Annotated[Recovery, Body(openapi_examples=described.SINCE)]
) -> Recovered:
    return Recovered(events=await manage_endpoints.recover(services, endpoint_id, body.since))


@router.get("/{endpoint_id}/deliveries", **described.LIST_DELIVERIES)
async def list_deliveries(
    services: ServicesDep, endpoint_id: EndpointId, query: Annotated[DeliveryQuery, Query()]
) -> DeliveryPage:
    place = after_place(query.cursor) if query.cursor else None
    async with services.database.read() as session:
        await endpoints.get(session, endpoint_id)
        found = await endpoints.deliveries(
            session, endpoint_id, before=place, limit=query.limit + 1, status=query.status
        )
        shown, cursor = cut(found, query.limit, lambda row: str(row.position))
        attempts = await endpoints.attempts(session, [row.id for row in shown])
    return DeliveryPage(items=[show_delivery(row, attempts[row.id]) for row in shown], next_cursor=cursor)


@router.post("/{endpoint_id}/deliveries/{event_id}/resend", **described.RESEND_EVENT)
async def resend(
    services: ServicesDep,
    endpoint_id: EndpointId,
    event_id: Annotated[str, Path(description="the event's id", examples=[described.EVENT_ID])],
) -> Delivery:
    row = await manage_endpoints.send_again(services, endpoint_id, event_id)
    async with services.database.read() as session:
        return await _shown(session, row)


async def _shown(session: AsyncSession, row: rows.Delivery) -> Delivery:
    return show_delivery(row, (await endpoints.attempts(session, [row.id]))[row.id])
