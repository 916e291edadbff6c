"""Batches: plan, start, watch, cancel, resume."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Header, Path, Query, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from trunkline.api import batch_answers, examples
from trunkline.api import batch_schemas as schemas
from trunkline.api.batch_schemas import Batch, BatchItemPage, BatchPage, ItemQuery, NewBatch, Plan
from trunkline.api.dependencies import ServicesDep, StoppingDep, operator
from trunkline.api.paging import Listing, after_id, after_place, cut
from trunkline.api.problems import documented
from trunkline.api.watching import LOOK_SECONDS, Watching
from trunkline.db import batches
from trunkline.db.runs import BATCHES
from trunkline.workflows.run_batch import cancel_batch, plan_batch, resume_batch, start_batch
from trunkline.workflows.services import Services

router = APIRouter(prefix="/api/batches", tags=["batches"], dependencies=[Depends(operator)])


async def known_batch(
    services: ServicesDep, batch_id: Annotated[str, Path(description="the batch's id", examples=[schemas.BATCH_ID])]
) -> str:
    """Its id; NotFound before an answer has begun."""
    async with services.database.read() as session:
        return (await BATCHES.get(session, batch_id)).id


async def watching(request: Request) -> Watching:
    of_all: Watching = request.app.state.watching
    return of_all


BatchId = Annotated[str, Depends(known_batch)]
WatchingDep = Annotated[Watching, Depends(watching)]


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
        found = await batches.page(session, before=after_id(query.cursor), limit=query.limit + 1)
        shown, cursor = cut(found, query.limit, lambda row: row.id)
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
            session, batch_id, after=after_place(query.cursor), limit=query.limit + 1, status=query.status
        )
        shown, cursor = cut(found, query.limit, lambda row: str(row[0].seq))
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
    watching: WatchingDep,
    stopping: StoppingDep,
    batch_id: BatchId,
    last_event_id: Annotated[str | None, Header(description="the id of the last event that was received")] = None,
) -> AsyncIterator[ServerSentEvent]:
    since, sent, shown = _moment(last_event_id), set[tuple[str, datetime]](), None
    while not stopping.begun:
        look = await watching.look(batch_id, since)
        for item in look.ended:
            if (item.restaurant_id, item.at) not in sent:
                sent.add((item.restaurant_id, item.at))
                since = max(since or item.at, item.at)
                yield ServerSentEvent(event="item", id=since.isoformat(), raw_data=item.json)
        if look.over or look.batch != shown:
            yield ServerSentEvent(event="end" if look.over else "progress", raw_data=look.json)
        if look.over:
            return
        shown = look.batch
        await stopping.sleep(LOOK_SECONDS)


async def _shown(services: Services, batch_id: str) -> Batch:
    async with services.database.read() as session:
        return (await batch_answers.batches_of(session, [await BATCHES.get(session, batch_id)]))[0]


def _moment(event_id: str | None) -> datetime | None:
    """The time that an event's id says; None, which is the beginning, for an id that is not one of ours."""
    try:
        moment = datetime.fromisoformat(event_id or "")
    except ValueError:
        return None
    return moment if moment.tzinfo and 2000 < moment.year < 9000 else None
