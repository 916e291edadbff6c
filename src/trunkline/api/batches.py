"""Batches: plan, start, watch, cancel, resume."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Header, Path, Query, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.api.dependencies import BECAUSE, KeyDep, ListenerDep, ServicesDep, StoppingDep
from trunkline.api.described import batches as described
from trunkline.api.once import answer_once
from trunkline.api.paging import after_id, after_place, cut
from trunkline.api.permission import needs
from trunkline.api.shapes.batches import (
    Batch,
    BatchItemPage,
    BatchPage,
    BatchQuery,
    ItemQuery,
    NewBatch,
    Plan,
    show_batches,
    show_items,
    show_plan,
)
from trunkline.api.watching import LOOK_SECONDS, Watching
from trunkline.db import batches
from trunkline.db.runs import BATCHES
from trunkline.domain.scopes import Scope
from trunkline.workflows.once import Once
from trunkline.workflows.run_batch import cancel_batch, plan_batch, resume_batch, start_batch

router = APIRouter(prefix="/api/batches", tags=["batches"])


async def known_batch(
    services: ServicesDep, batch_id: Annotated[str, Path(description="the batch's id", examples=[described.BATCH_ID])]
) -> str:
    """Its id; NotFound before an answer has begun."""
    async with services.database.read() as session:
        return (await BATCHES.get(session, batch_id)).id


async def watching(request: Request) -> Watching:
    of_all: Watching = request.app.state.watching
    return of_all


BatchId = Annotated[str, Depends(known_batch)]
WatchingDep = Annotated[Watching, Depends(watching)]


@router.post("", status_code=202, dependencies=needs(Scope.BATCHES_WRITE), **described.START_BATCH)
async def start(
    services: ServicesDep,
    key: KeyDep,
    response: Response,
    body: Annotated[NewBatch | None, Body(openapi_examples=described.NEW_BATCHES)] = None,
) -> Batch | Plan:
    wanted = body or NewBatch()
    if wanted.dry_run:
        response.status_code = 200
        return show_plan(await plan_batch(services, wanted.request()))
    once = Once.asked(key, "startBatch", **wanted.model_dump())
    batch_id = await start_batch(services, wanted.request(), once)
    response.headers["Location"] = f"/api/batches/{batch_id}"
    return await answer_once(services, once, response, Batch, lambda session: _show(session, batch_id))


@router.get("", dependencies=needs(Scope.NUMBERS_READ), **described.LIST_BATCHES)
async def list_all(services: ServicesDep, query: Annotated[BatchQuery, Query()]) -> BatchPage:
    async with services.database.read() as session:
        found = await batches.page(session, before=after_id(query.cursor), limit=query.limit + 1, status=query.status)
        shown, cursor = cut(found, query.limit, lambda row: row.id)
        return BatchPage(items=await show_batches(session, shown), next_cursor=cursor)


@router.get("/{batch_id}", dependencies=needs(Scope.NUMBERS_READ), **described.GET_BATCH)
async def read(services: ServicesDep, batch_id: BatchId) -> Batch:
    async with services.database.read() as session:
        return await _show(session, batch_id)


@router.get("/{batch_id}/items", dependencies=needs(Scope.NUMBERS_READ), **described.LIST_BATCH_ITEMS)
async def list_items(services: ServicesDep, batch_id: BatchId, query: Annotated[ItemQuery, Query()]) -> BatchItemPage:
    async with services.database.read() as session:
        found = await batches.items(
            session, batch_id, after=after_place(query.cursor), limit=query.limit + 1, status=query.status
        )
        shown, cursor = cut(found, query.limit, lambda row: str(row[0].seq))
        return BatchItemPage(items=await show_items(session, shown), next_cursor=cursor)


@router.post("/{batch_id}/cancel", dependencies=[*needs(Scope.BATCHES_WRITE), BECAUSE], **described.CANCEL_BATCH)
async def cancel(services: ServicesDep, batch_id: BatchId) -> Batch:
    await cancel_batch(services, batch_id)
    async with services.database.read() as session:
        return await _show(session, batch_id)


@router.post("/{batch_id}/resume", status_code=202, dependencies=needs(Scope.BATCHES_WRITE), **described.RESUME_BATCH)
async def resume(services: ServicesDep, batch_id: BatchId, key: KeyDep, response: Response) -> Batch:
    once = Once.asked(key, "resumeBatch", batch_id=batch_id)
    await resume_batch(services, batch_id, once)
    return await answer_once(services, once, response, Batch, lambda session: _show(session, batch_id))


@router.get(
    "/{batch_id}/events",
    response_class=EventSourceResponse,
    dependencies=needs(Scope.NUMBERS_READ),
    **described.WATCH_BATCH,
)
async def events(
    watching: WatchingDep,
    stopping: StoppingDep,
    listener: ListenerDep,
    batch_id: BatchId,
    last_event_id: Annotated[str | None, Header(description="the id of the last event that was received")] = None,
) -> AsyncIterator[ServerSentEvent]:
    since, sent, shown = _moment(last_event_id), set[tuple[str, datetime]](), None
    while not stopping.begun:
        look = await watching.look(batch_id, since)
        fresh = [item for item in look.ended if (item.restaurant_id, item.at) not in sent]
        if (fresh or look.over or look.batch != shown) and not await listener.may_be_told():
            return
        for item in fresh:
            sent.add((item.restaurant_id, item.at))
            since = max(since or item.at, item.at)
            yield ServerSentEvent(event="item", id=since.isoformat(), raw_data=item.json)
        if look.over or look.batch != shown:
            yield ServerSentEvent(event="end" if look.over else "progress", raw_data=look.json)
        if look.over:
            return
        shown = look.batch
        await stopping.sleep(LOOK_SECONDS)


async def _show(session: AsyncSession, batch_id: str) -> Batch:
    return (await show_batches(session, [await BATCHES.get(session, batch_id)]))[0]


def _moment(event_id: str | None) -> datetime | None:
    """The time that an event's id says; None, which is the beginning, for an id that is not one of ours."""
    try:
        moment = datetime.fromisoformat(event_id or "")
    except ValueError:
        return None
    return moment if moment.tzinfo and 2000 < moment.year < 9000 else None
