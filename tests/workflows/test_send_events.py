"""What becomes of events while a receiver is away, by a clock that jumps: for an hour, and for five days."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from tests.support.desk import SECRET
from trunkline.db import endpoints, events, installation
from trunkline.db.events import announce
from trunkline.db.models import Debt, Delivery, Endpoint, Event, utcnow
from trunkline.db.session import Database
from trunkline.domain.endpoints import WAITS, EndpointFormat, Sent, new_secret, seal
from trunkline.domain.events import EventType, Subjects
from trunkline.providers.outgoing import asked_to_wait
from trunkline.workflows import send_events
from trunkline.workflows.send_events import body_of, sealing_keys, serve, with_work

pytestmark = pytest.mark.anyio
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PLACES = ("rst_a", "rst_b", "rst_c")


class Line:
    """One endpoint, whose receiver is away until `back`; `now` is what the clock shows."""

    def __init__(self, database: Database, away: timedelta) -> None:
        self.began = self.now = utcnow() + timedelta(minutes=1)  # what is queued is due when it is queued, really
        self.back = self.began + away
        self.tries: dict[str, list[datetime]] = defaultdict(list)
        self.taken: dict[str, list[str]] = defaultdict(list)
        self.told: dict[str, list[str]] = defaultdict(list)
        self.database = database
        keys = SimpleNamespace(vapi_secret_key=SECRET, vapi_secret_key_previous=None, takeover_seconds=30)
        engine = SimpleNamespace(process_id="this")
        self.services: Any = SimpleNamespace(database=database, settings=keys, engine=engine, outgoing=self)

    async def open(self) -> None:
        async with self.database.write() as session:
            await installation.name(session)
        sealed = seal(new_secret(), (await sealing_keys(self.services))[0])
        async with self.database.write() as session:
            types = [EventType.RESTAURANT_CHANGED.value]
            row = await endpoints.add(session, url="https://example.com/", format="json", secret=sealed, types=types)
        self.id = row.id

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Sent:
        event = headers["webhook-id"]
        self.tries[event].append(self.now)
        if self.now < self.back:
            return Sent(error="nobody listens")
        self.taken[json.loads(body)["data"]["restaurant_id"]].append(event)
        return Sent(200, "ok")

    async def tell(self) -> None:
        """Something has happened at each place, in one transaction for all."""
        async with self.database.write() as session:
            for place in PLACES:
                announce(session, EventType.RESTAURANT_CHANGED, Subjects(place), after={"name": f"{self.now}"})
        async with self.database.read() as session:
            query = select(Event.restaurant_id, Event.id).order_by(Event.seq.desc()).limit(len(PLACES))
            for subject, event in await session.execute(query):
                self.told[subject or ""].append(event)

    async def pass_by(self, time: timedelta, step: timedelta, meanwhile: Callable[[], Awaitable[None]]) -> None:
        """So much time, in steps: after each, what is due is sent."""
        until = self.now + time
        while self.now < until:
            self.now += step
            await meanwhile()
            for endpoint_id in await with_work(self.services):
                await serve(self.services, endpoint_id)

    async def row(self, table: type[Any], *where: Any) -> list[Any]:
        async with self.database.read() as session:
            return list((await session.execute(select(table).where(*where))).scalars())


@pytest.fixture
def line(database: Database, monkeypatch: pytest.MonkeyPatch) -> Line:
    opened = Line(database, HOUR)
    for module in (endpoints, send_events):
        monkeypatch.setattr(module, "utcnow", lambda: opened.now)
    return opened


async def nothing() -> None:
    await asyncio.sleep(0)


async def test_after_an_hour_away_everything_arrives_in_its_order(line: Line) -> None:
    await line.open()
    await line.tell()
    await line.pass_by(timedelta(minutes=50), timedelta(minutes=10), line.tell)
    assert line.taken == {}
    await line.pass_by(3 * HOUR, timedelta(minutes=30), nothing)
    assert line.taken == line.told
    assert {len(told) for told in line.told.values()} == {6}
    assert len({one for told in line.taken.values() for one in told}) == 18
    first = line.tries[line.told[PLACES[0]][0]]
    assert len(line.tries) == 18
    waits = [(after - before).total_seconds() for before, after in pairwise(first)]
    assert all(0.9 * least <= waited <= 1.2 * least + 1800 for waited, least in zip(waits, WAITS, strict=False)), waits
    assert [endpoint.failing_since for endpoint in await line.row(Endpoint)] == [None]
    assert await line.row(Delivery, Delivery.status != "delivered") == []


async def test_after_five_days_of_failures_an_endpoint_is_disabled_which_is_owed(line: Line) -> None:
    line.back = line.began + 30 * DAY
    await line.open()
    await line.tell()
    await line.pass_by(5 * DAY - HOUR, 6 * HOUR, line.tell)
    (endpoint,) = await line.row(Endpoint)
    assert (endpoint.status, endpoint.failing_since is None) == ("enabled", False)
    assert await line.row(Debt) == []
    await line.pass_by(DAY, 6 * HOUR, nothing)
    (endpoint,) = await line.row(Endpoint)
    assert (endpoint.status, "it has failed since" in endpoint.disabled_reason) == ("disabled", True)
    (debt,) = await line.row(Debt, Debt.settled_at.is_(None))
    assert (debt.kind, debt.subject) == ("endpoint_disabled", line.id)
    (told,) = await line.row(Event, Event.type == EventType.ENDPOINT_DISABLED)
    assert told.other_id == line.id
    assert await with_work(line.services) == []


async def test_what_is_committed_between_two_looks_is_queued_once(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    newest = events.newest

    async def just_before(session: AsyncSession) -> int:
        return await newest(session) - 1

    line.back = line.began
    await line.open()
    monkeypatch.setattr(events, "newest", just_before)
    await line.pass_by(timedelta(minutes=3), timedelta(minutes=1), line.tell)
    assert line.taken == line.told


async def test_a_wait_beyond_all_time_holds_up_nothing_but_its_own_event(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    post, refused = line.post, set[str]()

    async def refuse_one(url: str, body: bytes, headers: Mapping[str, str]) -> Sent:
        sent, event = await post(url, body, headers), headers["webhook-id"]
        refused.update({event} if not refused else ())
        return Sent(503, "", retry_after=asked_to_wait("9" * 15)) if event in refused else sent

    line.back = line.began
    await line.open()
    monkeypatch.setattr(line, "post", refuse_one)
    await line.tell()
    await line.pass_by(timedelta(minutes=10), timedelta(minutes=1), nothing)
    rows = await line.row(Delivery)
    assert sorted((row.status, row.attempts) for row in rows) == [("delivered", 1), ("delivered", 1), ("waiting", 1)]


def test_a_name_cannot_call_everybody_in_slack() -> None:
    """https://api.slack.com/reference/surfaces/formatting: & < > are to be escaped."""
    actor = {"kind": "key", "id": "key_a", "name": "<!here>"}
    event = {"type": "restaurant.created", "text": "A & <!channel> was created", "actor": actor, "reason": "<@U1>"}
    text = json.loads(body_of(EndpointFormat.SLACK, event))["text"]
    assert "A &amp; &lt;!channel&gt;" in text
    assert "<" not in text
