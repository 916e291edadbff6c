"""Pages that follow what happens: an open one is told when something that it shows has changed, and reads it again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Protocol

import structlog
from fastapi import APIRouter, FastAPI, Header, Response
from starlette.responses import StreamingResponse

from trunkline.console.page import Page, PageDep
from trunkline.console.routing import PageRoute
from trunkline.db import runs
from trunkline.db.events import Wanted
from trunkline.db.models import Event
from trunkline.domain.events import EventType
from trunkline.workflows.read_events import Follower, page_of_events
from trunkline.workflows.services import Services

log = structlog.get_logger()
router = APIRouter(prefix="/console/live", route_class=PageRoute, include_in_schema=False)
LOOK_SECONDS = 0.4
LASTS_SECONDS = 600.0  # then the browser comes again, and who it is is asked again
BEAT_SECONDS = 20.0  # so that a connection that is gone is noticed


class Ending(Protocol):
    """How the server ends."""

    @property
    def begun(self) -> bool: ...
    async def sleep(self, seconds: float) -> None: ...


@dataclass(eq=False)
class Listener:
    """An open page: what it is about, None for all, and the runs of which it shows every step."""

    wanted: Wanted
    runs: set[str] = field(default_factory=set)
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, event: Event) -> None:
        about = (event.restaurant_id, event.number, event.run_id, event.other_id, event.actor_id)
        if self.wanted.restaurant_id not in (None, event.restaurant_id):
            return
        if self.wanted.types and event.type not in self.wanted.types:
            return
        if self.wanted.subject is not None and self.wanted.subject not in about:
            return
        if event.run_id is not None and self.wanted.subject is not None:
            (self.runs.discard if event.type.endswith(".ended") else self.runs.add)(event.run_id)
        self.woken.set()


class Live:
    """One look at the database for all open pages of a process, and none while there are no such."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()
        self._looking: asyncio.Task[None] | None = None
        self._marks: dict[str, tuple[int, ...]] = {}

    @contextmanager
    def listening(self, services: Services, ending: Ending, listener: Listener) -> Iterator[None]:
        self._listeners.add(listener)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look(services, ending))
        try:
            yield
        finally:
            self._listeners.discard(listener)

    async def _look(self, services: Services, ending: Ending) -> None:
        follower: Follower | None = None
        while self._listeners and not ending.begun:
            try:
                follower = follower or await Follower.behind(services, Wanted(), None)
                self._tell(await follower.read())
                await self._tell_steps(services)
            except Exception as error:
                log.warning("open pages are not told now", error=type(error).__name__)
            await ending.sleep(LOOK_SECONDS)
        for listener in self._listeners:
            listener.woken.set()

    def _tell(self, found: Sequence[Event]) -> None:
        for event in found:
            for listener in self._listeners:
                listener.hear(event)

    async def _tell_steps(self, services: Services) -> None:
        """Steps are no events: there are many, and they concern who looks at them alone."""
        watched = {run for listener in self._listeners for run in listener.runs}
        if not watched:
            return
        async with services.database.read() as session:
            marks = await runs.step_marks(session, sorted(watched))
        changed = {run for run, mark in marks.items() if self._marks.get(run) != mark}
        self._marks = marks
        for listener in self._listeners:
            if changed & listener.runs:
                listener.woken.set()


@router.get("")
async def follow(
    page: PageDep, last_event_id: Annotated[str | None, Header(description="of the message that came last")] = None
) -> Response:
    """`about` is a subject of events, `type` (several) narrows, `run` is one that is under way, `after` is the newest
    event that the page shows. Each message says how many there were since the last one, the first one at once, and
    nothing of what they were: for whoever is logged in, as what is read again then asks for its own scope."""
    kinds = [EventType(kind).value for kind in page.request.query_params.getlist("type") if kind in set(EventType)]
    wanted = Wanted(kinds, page.query("about"), restaurant_id=page.visitor.restaurant_id)
    run = page.query("run")
    listener = Listener(wanted, {run} if run else set())
    messages = told(page.request.app, page.services, listener, last_event_id or page.query("after"))
    return StreamingResponse(messages, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def newest_event(page: Page) -> str:
    """Asked before a list is read, so that its page is told of all that the list has not; empty where there is none."""
    found = await page_of_events(page.services, Wanted(), None, 1, oldest_first=False)
    return found[0].id if found else ""


async def told(app: FastAPI, services: Services, listener: Listener, last: str | None) -> AsyncIterator[str]:
    ending: Ending = app.state.stopping
    until = time.monotonic() + LASTS_SECONDS
    live: Live = app.state.live
    with live.listening(services, ending, listener):
        follower = await Follower.behind(services, listener.wanted, last)
        while not ending.begun and time.monotonic() < until:
            listener.woken.clear()
            found = await follower.read()
            last = found[-1].id if found else last
            yield "event: told\n" + (f"id: {last}\n" if last else "") + f"data: {len(found)}\n\n"
            while not ending.begun and not await woken(listener):
                yield ":\n\n"


async def woken(listener: Listener) -> bool:
    """Whether there is something to tell, before a sign of life is due."""
    try:
        await asyncio.wait_for(listener.woken.wait(), BEAT_SECONDS)
    except TimeoutError:
        return False
    return True
