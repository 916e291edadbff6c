"""Events are written with what changes, once, and read without a gap; they leave by retention alone, and tell nothing
of who was erased."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support.desk import Desk
from tests.support.retold import untold
from trunkline.db import events, retention
from trunkline.db.erasure import erase_restaurant
from trunkline.db.event_rows import RUNS
from trunkline.db.events import Wanted, announce
from trunkline.db.models import Event, RunRow, utcnow
from trunkline.db.session import Database
from trunkline.domain.acting import Acting, ActorKind, acting_as
from trunkline.domain.events import TOLD, EventType, Subjects
from trunkline.domain.numbers import NumberState
from trunkline.workflows.manage_restaurant import delete_restaurant

pytestmark = pytest.mark.anyio
ALL = Wanted()
ERASED = EventType.CALLER_ERASED


async def positions(database: Database) -> list[int | None]:
    async with database.write() as session:
        await events.place(session)
        return [event.position for event in await events.after(session, 0, ALL, 100)]


async def test_every_change_is_told_once_and_by_whom(desk: Desk) -> None:
    run = await desk.assign("Roma")
    with acting_as(Acting(ActorKind.SECRET, name="X-Vapi-Secret", reason="closed for good", request_id="req_1")):
        await delete_restaurant(desk.services, run.restaurant_id)
    assert untold(desk.services.settings.database_url) == []
    (deleted,) = await desk.rows(Event, Event.type == EventType.RESTAURANT_DELETED)
    assert (deleted.actor, deleted.reason, deleted.request_id) == ("secret", "closed for good", "req_1")
    (bought,) = await desk.rows(Event, Event.type == EventType.PURCHASE_BOUGHT)
    assert (bought.restaurant_id, bought.number, bought.run_id) == (run.restaurant_id, run.number, run.id)

    async with desk.services.database.write() as session:
        await erase_restaurant(session, run.restaurant_id)
    kept = await desk.rows(Event, Event.restaurant_id == run.restaurant_id)
    assert "Roma" not in str([(e.before, e.after) for e in kept])
    assert {e.reason for e in kept} == {None}
    assert EventType.RESTAURANT_ERASED in {e.type for e in kept}


async def test_what_is_rolled_back_did_not_happen(database: Database) -> None:
    async def fail() -> None:
        async with database.write() as session:
            announce(session, ERASED, Subjects())
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert await positions(database) == []


async def test_a_reader_misses_nothing_that_is_committed_late(database: Database) -> None:
    if database.embedded:
        pytest.skip("has one writer")
    async with database._sessions() as slow:
        announce(slow, ERASED, Subjects(), after={"calls": 1})
        await events.write(slow)
        async with database.write() as session:
            announce(session, ERASED, Subjects(), after={"calls": 2})
        assert await positions(database) == [1]
        await slow.commit()
    async with database.write() as session:
        await events.place(session)
        (late,) = await events.after(session, 1, ALL, 100)
    assert (late.after, late.position) == ({"calls": 1}, 2)


async def test_retention_keeps_the_newest_so_that_positions_go_on(database: Database) -> None:
    for _ in range(3):
        async with database.write() as session:
            announce(session, ERASED, Subjects())
    assert await positions(database) == [1, 2, 3]
    async with database.write() as session:
        assert await retention.prune_events(session, utcnow() + timedelta(days=1)) == 2
        announce(session, ERASED, Subjects())
    assert await positions(database) == [3, 4]


def test_every_kind_of_run_and_every_state_has_its_events() -> None:
    assert set(RUNS) == set(RunRow.__subclasses__())
    assert {EventType(f"number.{state}") for state in NumberState} < set(TOLD)
    for noun, _ in RUNS.values():
        assert {EventType(f"{noun}.started"), EventType(f"{noun}.ended")} < set(TOLD)
