"""What happened: read it, follow it, have it told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent

from trunkline.api.dependencies import ListenerDep, ServicesDep, StoppingDep
from trunkline.api.described import events as described
from trunkline.api.paging import after_place, cut
from trunkline.api.permission import Identified, needs
from trunkline.api.shapes.events import (
    EventPage,
    EventQuery,
    History,
    HistoryQuery,
    StreamQuery,
    show_event,
    show_line,
)
from trunkline.db.models import Event
from trunkline.domain.scopes import Scope
from trunkline.workflows.read_events import Follower, page_of_events, story_of, subject_named

router = APIRouter(tags=["events"], dependencies=needs(Scope.EVENTS_READ, own=True))
LOOK_SECONDS = 0.5


@router.get("/api/events", **described.LIST_EVENTS)
async def list_all(services: ServicesDep, identity: Identified, query: Annotated[EventQuery, Query()]) -> EventPage:
    oldest, limit = query.order == "oldest", query.limit
    place = after_place(query.cursor) if query.cursor else None
    found = await page_of_events(services, query.wanted(identity), place, limit + 1, oldest_first=oldest)
    shown, cursor = cut(found, limit, _place)
    return EventPage(items=[show_event(row, identity) for row in shown], next_cursor=cursor)


@router.get("/api/events/stream", response_class=EventSourceResponse, **described.STREAM_EVENTS)
async def stream(
    services: ServicesDep,
    stopping: StoppingDep,
    identity: Identified,
    listener: ListenerDep,
    query: Annotated[StreamQuery, Query()],
    last_event_id: Annotated[str | None, Header(description="the id of the last event that was received")] = None,
) -> AsyncIterator[ServerSentEvent]:
    follower = await Follower.behind(services, query.wanted(identity), last_event_id)
    while not stopping.begun:
        found = await follower.read()
        if found and not await listener.may_be_told():
            return
        for row in found:
            event = show_event(row, identity)
            yield ServerSentEvent(event=event.type.value, id=event.id, raw_data=event.model_dump_json())
        if not found:
            await stopping.sleep(LOOK_SECONDS)


@router.get("/api/history/{subject}", **described.GET_HISTORY)
async def history(
    services: ServicesDep,
    identity: Identified,
    query: Annotated[HistoryQuery, Query()],
    subject: Annotated[str, Path(description="a number, or an id of ours", examples=[described.NUMBER])],
) -> History:
    named = await subject_named(services, subject, all_restaurants=identity.is_operator)
    seen = StreamQuery().wanted(identity)
    story = await story_of(services, named, seen, max(0, after_place(query.cursor)), query.limit + 1)
    shown, cursor = cut(story.events, query.limit, _place)
    return History(items=[show_line(show_event(row, identity), story.names) for row in shown], next_cursor=cursor)


def _place(row: Event) -> str:
    return str(row.position)
