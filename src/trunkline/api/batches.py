"""Batches: plan, start, watch, cancel, resume."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Header, Path, Query, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from trunkline.api import answers, batch_answers, examples
from trunkline.api import batch_schemas as schemas
from trunkline.api.batch_schemas import Batch, BatchItemPage, BatchPage, ItemQuery, NewBatch, Plan
from trunkline.api.dependencies import ServicesDep, after, operator
from trunkline.api.problems import documented
from trunkline.api.schemas import Listing
from trunkline.db import batches
from trunkline.db.runs import BATCHES
from trunkline.domain.states import RunStatus
from trunkline.errors import InvalidInput
from trunkline.workflows.run_batch import cancel_batch, plan_batch, resume_batch, start_batch
from trunkline.workflows.services import Services

router = APIRouter(prefix="/api/batches", tags=["batches"], dependencies=[Depends(operator)])
LOOK_SECONDS = 0.5
LATE = timedelta(seconds=5)  # an item's time is noted before it is committed, and seen after


async def known_batch(
    services: ServicesDep, batch_id: Annotated[str, Path(description="the batch's id", examples=[schemas.BATCH_ID])]
) -> str:
    """Its id; NotFound before an answer has begun."""
    async with services.database.read() as session:
        return (await BATCHES.get(session, batch_id)).id


BatchId = Annotated[str, Depends(known_batch)]


@router.post(
    "",
    operation_id="startBatch",
    summary="Get numbers for many restaurants",
    description="For all that have none, or those that match. The batch is durable: after a crash it goes on by "
    "itself. With `dry_run` it only says what it would do, and what that would cost.",
    status_code=202,
    responses={
        200: examples.answered("What it would do.", model=Plan, plan=("Two are reused", schemas.PLAN)),
        202: examples.answered(
            "It has begun.",
            model=Batch,
            begun=("It has begun", schemas.BATCH),
            headers={"Location": examples.header("the batch", f"/api/batches/{schemas.BATCH_ID}")},
        ),
        **documented(
            *examples.REFUSED,
            *examples.MALFORMED,
            examples.BAD_FIELD,
            schemas.NO_MATCH,
            *examples.CARRIER_PROBLEMS,
        ),
    },
)
async def start(
    services: ServicesDep,
    response: Response,
    body: Annotated[NewBatch | None, Body(openapi_examples=schemas.NEW_BATCHES)] = None,
) -> Batch | Plan:
    wanted = body or NewBatch()
    if wanted.dry_run:
        response.status_code = 200
        return batch_answers.plan(await plan_batch(services, wanted.request()))
    batch_id = await start_batch(services, wanted.request())
    response.headers["Location"] = f"/api/batches/{batch_id}"
    return await _shown(services, batch_id)


@router.get(
    "",
    operation_id="listBatches",
    summary="List batches",
    description="Newest first.",
    responses={
        200: examples.answered("A page.", page=("The last page", schemas.BATCH_PAGE)),
        **documented(*examples.REFUSED, examples.BAD_CURSOR),
    },
)
async def list_all(services: ServicesDep, query: Annotated[Listing, Query()]) -> BatchPage:
    async with services.database.read() as session:
        found = await batches.page(session, before=after(query.cursor), limit=query.limit + 1)
        shown, cursor = answers.page(found, query.limit, lambda row: row.id)
        return BatchPage(items=await batch_answers.batches_of(session, shown), next_cursor=cursor)


@router.get(
    "/{batch_id}",
    operation_id="getBatch",
    summary="Read a batch",
    description="How far it is, at which rate, and what it has bought. Ask again while its status is `running`.",
    responses={
        200: examples.answered(
            "The batch.", running=("It runs", schemas.BATCH), done=("It is done", schemas.BATCH_DONE)
        ),
        **documented(*examples.REFUSED, schemas.NO_BATCH),
    },
)
async def read(services: ServicesDep, batch_id: BatchId) -> Batch:
    return await _shown(services, batch_id)


@router.get(
    "/{batch_id}/items",
    operation_id="listBatchItems",
    summary="List a batch's restaurants",
    description="In the order in which they are served.",
    responses={
        200: examples.answered("A page.", page=("One without a number", schemas.ITEM_PAGE)),
        **documented(*examples.REFUSED, examples.BAD_CURSOR, schemas.NO_BATCH),
    },
)
async def list_items(services: ServicesDep, batch_id: BatchId, query: Annotated[ItemQuery, Query()]) -> BatchItemPage:
    async with services.database.read() as session:
        found = await batches.items(
            session, batch_id, after=_place(query.cursor), limit=query.limit + 1, status=query.status
        )
        shown, cursor = answers.page(found, query.limit, lambda row: str(row[0].seq))
        return BatchItemPage(items=await batch_answers.items_of(session, shown), next_cursor=cursor)


@router.post(
    "/{batch_id}/cancel",
    operation_id="cancelBatch",
    summary="Stop a batch",
    description="Nothing more is bought: what is queued is cancelled, what runs stops before its purchase. What was "
    "bought already is put in service.",
    responses={
        200: examples.answered("It is cancelled.", cancelled=("It is cancelled", schemas.BATCH_CANCELLED)),
        **documented(*examples.REFUSED, schemas.NO_BATCH, schemas.NOT_RUNNING),
    },
)
async def cancel(services: ServicesDep, batch_id: BatchId) -> Batch:
    await cancel_batch(services, batch_id)
    return await _shown(services, batch_id)


@router.post(
    "/{batch_id}/resume",
    operation_id="resumeBatch",
    summary="Go on with a batch",
    description="With what was cancelled; once it is done, with those that got no number.",
    status_code=202,
    responses={
        202: examples.answered("It goes on.", running=("It goes on", schemas.BATCH)),
        **documented(*examples.REFUSED, schemas.NO_BATCH, schemas.IS_RUNNING),
    },
)
async def resume(services: ServicesDep, batch_id: BatchId) -> Batch:
    await resume_batch(services, batch_id)
    return await _shown(services, batch_id)


@router.get(
    "/{batch_id}/events",
    operation_id="watchBatch",
    summary="Watch a batch",
    description="Server-sent events: `item` for each restaurant that ended (the body of an item), `progress` with the "
    "batch whenever it changed, and `end` with the batch when it is cancelled or done, after which the stream ends. "
    "Begins with everything that ended so far; `Last-Event-ID` goes on from there, and may repeat an item.",
    response_class=EventSourceResponse,
    responses={
        200: {"description": "The events.", "content": {"text/event-stream": {"example": schemas.EVENTS}}},
        **documented(*examples.REFUSED, schemas.NO_BATCH),
    },
)
async def events(
    services: ServicesDep,
    batch_id: BatchId,
    last_event_id: Annotated[str | None, Header(description="the id of the last event that was received")] = None,
) -> AsyncIterator[ServerSentEvent]:
    since, sent, shown = _moment(last_event_id), set[tuple[str, datetime]](), None
    while True:
        # Read first, so that no item can end unseen between the last look at the items and the end of the batch.
        batch = await _shown(services, batch_id)
        async with services.database.read() as session:
            found = await batches.ended_since(session, batch_id, since and since - LATE)
            fresh = [restaurant_id for restaurant_id, at in found if (restaurant_id, at) not in sent]
            items = await batch_answers.items_of(session, await batches.items_of(session, batch_id, fresh))
        for item in items:
            sent.add((item.restaurant_id, item.updated_at))
            since = max(since or item.updated_at, item.updated_at)
            yield ServerSentEvent(event="item", id=since.isoformat(), data=item)
        over = batch.status != RunStatus.RUNNING.value and not batch.counts.running
        if over or batch != shown:
            yield ServerSentEvent(event="end" if over else "progress", data=batch)
        if over:
            return
        shown = batch
        await asyncio.sleep(LOOK_SECONDS)


async def _shown(services: Services, batch_id: str) -> Batch:
    async with services.database.read() as session:
        return (await batch_answers.batches_of(session, [await BATCHES.get(session, batch_id)]))[0]


def _place(cursor: str | None) -> int:
    place = after(cursor) or "-1"
    if not place.removeprefix("-").isdecimal():
        raise InvalidInput(examples.BAD_CURSOR.detail, field="cursor", hint=examples.BAD_CURSOR.hint)
    return int(place)


def _moment(event_id: str | None) -> datetime | None:
    """The time that an event's id says; None, which is the beginning, for an id that is not one of ours."""
    try:
        moment = datetime.fromisoformat(event_id or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else None
