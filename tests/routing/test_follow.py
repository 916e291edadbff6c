"""The directory is as the database is: at once in the process that changed it, soon in others, even after losses."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.orm import load_only

from tests.routing.conftest import Found, Guide, Town
from tests.support.postgres import PostgresServer
from trunkline.db import callers, changes, mappings, numbers, routes
from trunkline.db.models import Mapping, Number, NumberChange, Restaurant, utcnow
from trunkline.db.session import Database
from trunkline.domain.numbers import NumberState
from trunkline.routing import follow
from trunkline.routing.directory import Directory
from trunkline.routing.follow import AWAY, Follower

pytestmark = pytest.mark.anyio
NUMBER, VOICE_ID = "+14155550123", "88d8d3f6-5d0f-4c55-9b0f-1f0f3e7d2a11"
only_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
NEVER = 600.0  # seconds; a test has ended long before


async def until(true: Callable[[], object], seconds: float = 60) -> None:
    started = time.monotonic()
    while not true():
        assert time.monotonic() - started < seconds, "it did not come true in time"
        await asyncio.sleep(0.005)


# --- in the process that made the change -----------------------------------------------------------------------------


async def test_a_mapping_is_known_when_its_write_is_left(town: Town, guide: Guide) -> None:
    await town.served(NUMBER, "Roma", VOICE_ID)
    assert guide.find(voice_id=VOICE_ID) == guide.find(number=NUMBER) == "Roma"


async def test_a_number_out_of_service_is_answered_by_nobody_and_then_forgotten(town: Town, guide: Guide) -> None:
    await town.served(NUMBER, "Roma", VOICE_ID)
    await town.out_of_service(NUMBER, hours=0)
    assert guide.find(number=NUMBER) == ("former", "Roma")
    async with town.database.write() as session:
        await numbers.end_cool_downs(session)
    assert guide.find(number=NUMBER) is None


async def test_a_claimed_number_is_no_longer_its_former_restaurants(town: Town, guide: Guide) -> None:
    await town.served(NUMBER, "Roma")
    await town.out_of_service(NUMBER, hours=0)
    async with town.database.write() as session:
        claimer = (
            "INSERT INTO assignments (id, restaurant_id, status, criteria, force_twilio, epoch, nth, created_at)"
            " SELECT 'asg_1', id, 'done', '{}', false, 0, 1, created_at FROM restaurants"
        )
        await session.execute(text(claimer))
        assert await numbers.claim(session, NUMBER, "asg_1", "existing")
    assert guide.find(number=NUMBER) is None


async def test_the_active_restaurant_of_a_shared_number_is_switched(town: Town, guide: Guide) -> None:
    await town.served(NUMBER, "Roma", VOICE_ID)
    milano = await town.restaurant("Milano")
    await town.map(NUMBER, milano, active=False)
    assert guide.find(voice_id=VOICE_ID) == "Roma"
    async with town.database.write() as session:
        mapping = await mappings.current(session, milano)
        assert mapping is not None
        await mappings.activate(session, mapping)
    assert guide.find(voice_id=VOICE_ID) == "Milano"


async def test_callers_are_registered_and_taken_off(town: Town, guide: Guide) -> None:
    await town.served(NUMBER, "Roma", VOICE_ID)
    milano = await town.restaurant("Milano")
    await town.map(NUMBER, milano, active=False)
    for registered, answered in (["+14155550142"], "Milano"), ([], "Roma"):
        async with town.database.write() as session:
            await callers.replace(session, milano, registered)
        assert guide.find(voice_id=VOICE_ID, caller="+14155550142") == answered
    assert guide.find(voice_id=VOICE_ID, caller="+14155550143") == "Roma"


async def test_of_those_who_share_a_number_only_whom_a_call_can_reach_is_read(town: Town) -> None:
    await town.served(NUMBER, "Roma")
    guests = [await town.restaurant(f"Guest {n}") for n in range(3)]
    for guest in guests:
        await town.map(NUMBER, guest, active=False)
    async with town.database.write() as session:
        await callers.replace(session, guests[1], ["+14155550142"])
    async with town.database.read() as session:
        (route,) = await routes.named(session, [NUMBER])
    assert route.active is not None
    assert (route.active.name, [other.name for other in route.others]) == ("Roma", ["Guest 1"])


async def test_of_the_calls_during_a_move_each_reaches_one_restaurant_and_none_the_old_one_after_the_new(
    town: Town, guide: Guide
) -> None:
    await town.served(NUMBER, "Roma")
    napoli, heard = await town.restaurant("Napoli"), list[Found]()
    moved = asyncio.Event()

    async def ring() -> None:
        while not moved.is_set():
            heard.append(guide.find(number=NUMBER))
            await asyncio.sleep(0)

    ringing = asyncio.create_task(ring())
    async with town.database.write() as session:
        (mapping,) = await mappings.of_number(session, NUMBER)
        await mappings.hand_over(session, mapping, napoli, "moved")
    heard.append(guide.find(number=NUMBER))
    moved.set()
    await ringing
    assert heard[0] == "Roma"
    assert heard[-1] == "Napoli"
    assert set(heard) == {"Roma", "Napoli"}
    assert "Roma" not in heard[heard.index("Napoli") :]


async def test_a_new_name_and_a_new_id_are_known(town: Town, guide: Guide) -> None:
    restaurant_id = await town.served(NUMBER, "Roma")
    async with town.database.write() as session:
        (await session.get_one(Restaurant, restaurant_id)).name = "Nuova Roma"
    assert guide.find(number=NUMBER) == "Nuova Roma"
    await town.change(NUMBER, voice_id=VOICE_ID)
    assert guide.find(voice_id=VOICE_ID) == "Nuova Roma"


async def test_a_new_name_is_known_also_where_the_old_one_was_not_read(town: Town, guide: Guide) -> None:
    restaurant_id = await town.served(NUMBER, "Roma")
    async with town.database.write() as session:
        row = await session.get_one(Restaurant, restaurant_id, options=[load_only(Restaurant.id)])
        row.name = "Nuova Roma"
    assert guide.find(number=NUMBER) == "Nuova Roma"


async def test_a_write_that_is_rolled_back_changes_nothing(town: Town, guide: Guide) -> None:
    await town.served(NUMBER, "Roma")
    async with town.database.read() as session:
        before = await changes.after(session, 0)

    async def fail() -> None:
        async with town.database.write() as session:
            (mapping,) = await mappings.of_number(session, NUMBER)
            await mappings.end(session, mapping, "replaced", 0)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert guide.find(number=NUMBER) == "Roma"
    async with town.database.read() as session:
        assert await changes.after(session, 0) == before


async def test_writes_at_the_same_time_end_in_what_the_database_says(town: Town, guide: Guide) -> None:
    names = [f"No. {n}" for n in range(6)]
    ids = [await town.restaurant(name) for name in names]
    await town.number(NUMBER, VOICE_ID)
    for restaurant_id in ids:
        await town.map(NUMBER, restaurant_id, active=False)

    async def switch(restaurant_id: str) -> None:
        async with town.database.write() as session:
            await session.execute(select(Number).where(Number.number == NUMBER).with_for_update())
            mapping = await mappings.current(session, restaurant_id)
            assert mapping is not None
            await mappings.activate(session, mapping)

    for _ in range(3):
        await asyncio.gather(*map(switch, ids))
        async with town.database.read() as session:
            active = (await mappings.of_number(session, NUMBER))[0].restaurant_id
        assert guide.find(voice_id=VOICE_ID) == names[ids.index(active)]


# --- from the start, on a miss, and from the feed ---------------------------------------------------------------------


async def test_everything_is_loaded_in_slices(town: Town, guide: Guide, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "SLICE", 3)
    for n in range(7):
        await town.served(f"+1415555010{n}", f"No. {n}")
    for n in range(3):  # sharers do not tear a slice apart
        await town.map("+14155550102", await town.restaurant(f"Guest {n}"), active=False)
    await town.out_of_service("+14155550106")
    fresh = Directory()
    await Follower(town.database, fresh).load()
    assert len(fresh) == 7
    found = [Guide(fresh, guide.follower).find(number=f"+1415555010{n}") for n in range(7)]
    assert found == [*(f"No. {n}" for n in range(6)), ("former", "No. 6")]


async def test_a_miss_is_looked_up_and_known_from_the_next_check_on(town: Town, guide: Guide) -> None:
    town.database.listeners.clear()
    await town.served(NUMBER, "Roma", VOICE_ID)
    assert guide.find(voice_id=VOICE_ID) is None
    assert await guide.look_up(voice_id=VOICE_ID) == await guide.look_up(number=NUMBER) == "Roma"
    assert await guide.look_up(number="+14155550124", voice_id="unknown") is None
    assert await guide.look_up() is None
    await guide.follower.check()
    assert guide.find(voice_id=VOICE_ID) == "Roma"


async def test_an_id_decides_before_the_number_on_a_miss_too(town: Town, guide: Guide) -> None:
    await town.served(NUMBER, "Roma", VOICE_ID)
    await town.served("+14155550124", "Milano")
    assert await guide.look_up(voice_id=VOICE_ID, number="+14155550124") == "Roma"


async def test_changes_that_nobody_told_are_found_by_the_check(town: Town, guide: Guide) -> None:
    await town.served(NUMBER, "Roma", VOICE_ID)
    town.database.listeners.clear()
    await town.out_of_service(NUMBER)
    await town.served("+14155550124", "Milano")
    assert guide.find(number=NUMBER) == "Roma"
    await guide.follower.check()
    assert guide.find(number=NUMBER) == ("former", "Roma")
    assert guide.find(number="+14155550124") == "Milano"


@only_postgresql
async def test_a_change_that_is_committed_after_later_ones_is_found(town: Town, guide: Guide) -> None:
    await town.served(NUMBER, "Roma")
    await town.served("+14155550124", "Milano")
    town.database.listeners.clear()
    async with town.database.write() as slow:
        await slow.execute(update(Mapping).where(Mapping.number == NUMBER).values(active=False, ended_at=func.now()))
        slow.add(NumberChange(number=NUMBER, at=utcnow()))
        await slow.flush()  # it has its id, and is not committed
        await town.out_of_service("+14155550124")
        await guide.follower.check()
        assert (guide.find(number="+14155550124"), guide.find(number=NUMBER)) == (("former", "Milano"), "Roma")
    await guide.follower.check()
    assert guide.find(number=NUMBER) is None


async def test_a_check_reads_again_only_what_is_new(town: Town, guide: Guide, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    named = routes.named

    async def counting(session: Any, wanted: Any) -> Any:
        read.extend(wanted)
        return await named(session, wanted)

    monkeypatch.setattr(routes, "named", counting)
    town.database.listeners.clear()
    await town.served(NUMBER, "Roma")
    for _ in range(3):
        await guide.follower.check()
    assert read == [NUMBER]


async def test_after_too_long_an_absence_everything_is_read_again(
    town: Town, guide: Guide, monkeypatch: pytest.MonkeyPatch
) -> None:
    await town.served(NUMBER, "Roma")
    town.database.listeners.clear()
    await town.out_of_service(NUMBER)
    async with town.database.write() as session:
        await session.execute(delete(NumberChange))
    monkeypatch.setattr(follow, "RELOAD_AFTER", 0.0)
    await guide.follower.check()
    assert guide.find(number=NUMBER) == ("former", "Roma")


async def test_the_feed_keeps_a_day(town: Town, guide: Guide) -> None:
    await town.served(NUMBER, "Roma")
    await town.served("+14155550124", "Milano")
    async with town.database.write() as session:
        await session.execute(
            update(NumberChange).where(NumberChange.number == NUMBER).values(at=utcnow() - 2 * changes.KEPT)
        )
        await changes.prune(session)
        assert set((await changes.after(session, 0)).values()) == {"+14155550124"}


# --- the database is away --------------------------------------------------------------------------------------------


@only_postgresql
async def test_known_numbers_are_answered_while_the_database_is_away(
    town: Town, guide: Guide, postgres: PostgresServer
) -> None:
    await town.served(NUMBER, "Roma", VOICE_ID)
    postgres.drop(town.url)
    assert guide.find(voice_id=VOICE_ID) == "Roma"
    async with asyncio.timeout(30):
        with pytest.raises(AWAY):
            await guide.look_up(number="+14155550124")


async def test_what_could_not_be_read_after_a_commit_is_read_with_the_next_check(
    town: Town, guide: Guide, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(session: Any, wanted: Any) -> Any:
        raise OSError("the network is down")

    with monkeypatch.context() as patch:
        patch.setattr(routes, "named", broken)
        await town.served(NUMBER, "Roma")
    assert guide.find(number=NUMBER) is None
    await guide.follower.check()
    assert guide.find(number=NUMBER) == "Roma"


# --- another process, on PostgreSQL ----------------------------------------------------------------------------------

OTHER = """if True:
    import asyncio, sys
    from trunkline.db import mappings, numbers
    from trunkline.db.session import Database

    async def main():
        database = Database(sys.argv[1])
        for line in sys.stdin:
            number, name = line.split()
            async with database.write() as session:
                for mapping in await mappings.of_number(session, number):
                    if mapping.restaurant_id == name:
                        await mappings.activate(session, mapping)
            print("done", flush=True)
        await database.close()

    asyncio.run(main())
"""


@asynccontextmanager
async def another_process(url: str) -> AsyncIterator[Callable[[str, str], Awaitable[None]]]:
    """Switches a shared number to a restaurant in a process of its own; returns after its commit."""
    process = subprocess.Popen(
        [sys.executable, "-c", OTHER, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert process.stdin
    assert process.stdout
    told, heard = process.stdin, process.stdout

    async def switch(number: str, restaurant_id: str) -> None:
        told.write(f"{number} {restaurant_id}\n")
        assert await asyncio.to_thread(heard.readline) == "done\n"

    try:
        yield switch
    finally:
        told.close()
        process.wait(60)
        heard.close()


@asynccontextmanager
async def listening(guide: Guide) -> AsyncIterator[None]:
    task = asyncio.create_task(guide.follower.listen())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def listeners(url: str) -> list[int]:
    """The PostgreSQL processes that serve a LISTEN."""
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%'").fetchall()
    return [pid for (pid,) in found]


async def two_on_one_number(town: Town) -> dict[str, str]:
    ids = {"Roma": await town.served(NUMBER, "Roma", VOICE_ID), "Milano": await town.restaurant("Milano")}
    await town.map(NUMBER, ids["Milano"], active=False)
    return ids


@only_postgresql
async def test_a_change_of_another_process_is_told_not_found_by_a_check(
    town: Town, guide: Guide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "CHECK_SECONDS", NEVER)
    monkeypatch.setattr(follow, "CHECK_SECONDS_UNTOLD", NEVER)
    ids = await two_on_one_number(town)
    async with another_process(town.url) as switch, listening(guide):
        await until(lambda: listeners(town.url))
        for name in ("Milano", "Roma", "Milano"):
            await switch(NUMBER, ids[name])
            await until(lambda name=name: guide.find(voice_id=VOICE_ID) == name)  # type: ignore[misc]


@only_postgresql
async def test_a_listener_that_was_cut_off_comes_back_and_catches_up(
    town: Town, guide: Guide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "RECONNECT_SECONDS", 0.1)
    monkeypatch.setattr(follow, "CHECK_SECONDS", NEVER)
    monkeypatch.setattr(follow, "CHECK_SECONDS_UNTOLD", NEVER)
    ids = await two_on_one_number(town)
    async with another_process(town.url) as switch, listening(guide):
        await until(lambda: listeners(town.url))
        (first,) = listeners(town.url)
        with psycopg.connect(town.url, autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(%s)", [first])
        await switch(NUMBER, ids["Milano"])  # told to nobody
        assert guide.find(voice_id=VOICE_ID) in ("Roma", "Milano")
        await until(lambda: guide.find(voice_id=VOICE_ID) == "Milano")
        await until(lambda: first not in listeners(town.url) and listeners(town.url))
        await switch(NUMBER, ids["Roma"])
        await until(lambda: guide.find(voice_id=VOICE_ID) == "Roma")


@only_postgresql
async def test_while_nobody_is_told_changes_are_found_by_the_check_alone(
    town: Town, guide: Guide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "CHECK_SECONDS", NEVER)  # while nothing is told, it does not take as long
    ids = await two_on_one_number(town)
    task = asyncio.create_task(guide.follower.run())
    async with another_process(town.url) as switch:
        await switch(NUMBER, ids["Milano"])
        await until(lambda: guide.find(voice_id=VOICE_ID) == "Milano")
    task.cancel()


@only_postgresql
async def test_a_write_of_thousands_of_numbers_is_told_in_notes_of_allowed_length(
    town: Town, guide: Guide, database_url: str
) -> None:
    many = [f"+1415555{n:04d}" for n in range(2000)]
    async with listening(guide):
        await until(lambda: listeners(town.url))
        other = Database(database_url)
        restaurant_id = await town.restaurant("Roma")
        async with other.write() as session:
            session.add_all(
                Number(number=number, state=NumberState.COOLING_DOWN.value, former_restaurant_id=restaurant_id)
                for number in many
            )
        await until(lambda: len(guide.directory) == len(many))
        await other.close()
    found: Found = guide.find(number=many[-1])
    assert found == ("former", "Roma")
