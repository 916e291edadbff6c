"""Pages that follow what happens: an open one is told when something that it shows has changed, and reads it again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Protocol

import structlog
from fastapi import APIRouter, FastAPI, Header, Response
from starlette.responses import StreamingResponse

from trunkline.console.page import Page, PageDep
from trunkline.console.permission import needs
from trunkline.console.routing import PageRoute
from trunkline.db import calls, runs
from trunkline.db.events import Wanted
from trunkline.db.models import Event, utcnow
from trunkline.domain.cursors import EPOCH, MICROSECOND
from trunkline.domain.events import EventType
from trunkline.domain.scopes import Scope
from trunkline.workflows.read_events import Follower, page_of_events
from trunkline.workflows.services import Services

log = structlog.get_logger()
router = APIRouter(prefix="/console/live", route_class=PageRoute, include_in_schema=False)
LOOK_SECONDS = 0.4
LASTS_SECONDS = 600.0  # then the browser comes again, and who it is is asked again
LastId = Annotated[str | None, Header(alias="last-event-id", description="of the message that came last")]
BEAT_SECONDS = 20.0  # so that a connection that is gone is noticed


class Ending(Protocol):
    """How the server ends."""

    @property
    def begun(self) -> bool: ...
    async def sleep(self, seconds: float) -> None: ...


@dataclass(eq=False)
class Listener:
    """An open page: what it is about, None for all, the runs of which it shows every step, whether it shows all calls,
    and by which key it is looked at. `heard` are places and ids of events that it has not been told of."""

    wanted: Wanted
    runs: set[str] = field(default_factory=set)
    calls: bool = False
    key_id: str | None = None
    heard: list[tuple[int, str]] = field(default_factory=list)
    over: bool = False
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, event: Event) -> None:
        if self.key_id is not None and event.other_id == self.key_id:  # it may open nothing any more
            self.over = True
            self.woken.set()
        if self._concerns(event):
            self.heard.append((event.position or 0, event.id))
            self.woken.set()

    def _concerns(self, event: Event) -> bool:
        about = (event.restaurant_id, event.number, event.run_id, event.other_id, event.actor_id)
        if self.wanted.restaurant_id not in (None, event.restaurant_id):
            return False
        if self.wanted.types and event.type not in self.wanted.types:
            return False
        if self.wanted.subject is not None and self.wanted.subject not in about:
            return False
        if event.run_id is not None and self.wanted.subject is not None:
            (self.runs.discard if event.type.endswith(".ended") else self.runs.add)(event.run_id)
        return not self.calls


class Live:
    """One look at the database for all open pages of a process, and none while there are no such."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()
        self._looking: asyncio.Task[None] | None = None
        self._begun = asyncio.Event()
        self._marks: dict[str, tuple[int, ...]] = {}
        self._newest_call: datetime | None = None

    @asynccontextmanager
    async def listening(self, services: Services, ending: Ending, listener: Listener) -> AsyncIterator[None]:
        """Inside, the listener hears of all that is committed."""
        self._listeners.add(listener)
        try:
            if self._looking is None or self._looking.done():
                self._begun = asyncio.Event()
                self._looking = asyncio.create_task(self._look(services, ending, self._begun))
            await self._begun.wait()
            yield
        finally:
            self._listeners.discard(listener)

    async def _look(self, services: Services, ending: Ending, begun: asyncio.Event) -> None:
        follower: Follower | None = None
        while self._listeners and not ending.begun:
            try:
                follower = follower or await Follower.behind(services, Wanted(), None)
                begun.set()
                await self._tell(await follower.read())
                await self._tell_steps(services)
                await self._tell_calls(services)
            except Exception as error:
                log.warning("open pages are not told now", error=type(error).__name__)
            await ending.sleep(LOOK_SECONDS)
        begun.set()
        for listener in self._listeners:
            listener.woken.set()

    async def _tell(self, found: Sequence[Event]) -> None:
        """One after the other, so that a call that rings meanwhile does not wait for all of them."""
        for event in found:
            for listener in list(self._listeners):
                listener.hear(event)
                await asyncio.sleep(0)

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

    async def _tell_calls(self, services: Services) -> None:
        """Calls are no events either."""
        listeners = [listener for listener in self._listeners if listener.calls]
        if not listeners:
            return
        async with services.database.read() as session:
            newest = await calls.newest(session)
        if newest != self._newest_call:
            self._newest_call = newest
            for listener in listeners:
                listener.woken.set()


@router.get("")
async def follow(page: PageDep, last_event_id: LastId = None) -> Response:
    """`about` is a subject of events, `type` (several) narrows, `run` is one that is under way, `after` is the newest
    event that the page shows. Each message says how many there were since the last one, the first one at once, and
    nothing of what they were: for whoever is logged in, as what is read again then asks for its own scope."""
    kinds = [EventType(kind).value for kind in page.request.query_params.getlist("type") if kind in set(EventType)]
    wanted = Wanted(kinds, page.query("about"), restaurant_id=page.visitor.restaurant_id)
    run = page.query("run")
    listener = Listener(wanted, {run} if run else set(), key_id=page.visitor.key_id)
    counting = Events(page.services, listener, last_event_id or page.query("after"))
    return stream(page, listener, counting)


@router.get("/calls", dependencies=needs(Scope.CALLS_READ))
async def follow_calls(page: PageDep, last_event_id: LastId = None) -> Response:
    """The same of calls: `after` is when the newest that the page shows was first heard of."""
    listener = Listener(Wanted(), calls=True, key_id=page.visitor.key_id)
    return stream(page, listener, Calls(page.services, last_event_id or page.query("after")))


async def newest_event(page: Page) -> str:
    """Asked before a list is read, so that its page is told of all that the list has not; empty where there is none."""
    found = await page_of_events(page.services, Wanted(), None, 1, oldest_first=False)
    return found[0].id if found else ""


class Counting(Protocol):
    """`last` is what the browser comes again with."""

    @property
    def last(self) -> str | None: ...

    async def more(self) -> int:
        """How much there was since it was asked before."""


class Events:
    """Those before the page was opened are read; of all others the listener hears."""

    def __init__(self, services: Services, listener: Listener, last: str | None) -> None:
        self._services, self._listener, self.last = services, listener, last
        self._follower: Follower | None = None

    async def more(self) -> int:
        missed = 0
        if self._follower is None:
            self._follower = await Follower.behind(self._services, self._listener.wanted, self.last)
            while found := await self._follower.read():
                missed, self.last = missed + len(found), found[-1].id
        heard, self._listener.heard = self._listener.heard, []
        fresh = [event for place, event in heard if place > self._follower.position]
        self.last = fresh[-1] if fresh else self.last
        return missed + len(fresh)


class Calls:
    """By when they were first heard of, in microseconds."""

    def __init__(self, services: Services, last: str | None) -> None:
        self._services = services
        self.last = last if last and last.isdecimal() and len(last) <= 16 else micros(utcnow())

    async def more(self) -> int:
        async with self._services.database.read() as session:
            count, newest = await calls.since(session, EPOCH + int(self.last) * MICROSECOND)
        self.last = micros(newest) if newest else self.last
        return count


def micros(moment: datetime) -> str:
    return str((moment - EPOCH) // MICROSECOND)


def stream(page: Page, listener: Listener, counting: Counting) -> Response:
    messages = told(page.request.app, page.services, listener, counting)
    return StreamingResponse(messages, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def told(app: FastAPI, services: Services, listener: Listener, counting: Counting) -> AsyncIterator[str]:
    """Until it is asked again who looks: soon, where something was done with the key."""
    ending: Ending = app.state.stopping
    until = time.monotonic() + LASTS_SECONDS
    live: Live = app.state.live
    async with live.listening(services, ending, listener):
        while not (ending.begun or listener.over or time.monotonic() > until):
            listener.woken.clear()
            count = await counting.more()
            yield "event: told\n" + (f"id: {counting.last}\n" if counting.last else "") + f"data: {count}\n\n"
            while not ending.begun and not await woken(listener):
                yield ":\n\n"
        if listener.over:
            yield "event: told\ndata: 0\n\n"  # so that the page looks again, and is let in or not


async def woken(listener: Listener) -> bool:
    """Whether there is something to tell, before a sign of life is due."""
    try:
        await asyncio.wait_for(listener.woken.wait(), BEAT_SECONDS)
    except TimeoutError:
        return False
    return True
