"""What is away, late or lost: the database, Vapi, a report, an answer."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from tests.routing.conftest import Door, OpenDoor
from tests.support.postgres import PostgresServer
from tests.support.sandbox_server import SandboxServer
from tests.support.vapi_messages import CALL, NUMBER, VOICE_ID, shape
from trunkline.db.models import Call
from trunkline.db.session import Database
from trunkline.routing import call_log, complete_calls, follow, router
from trunkline.routing.call_log import CallLog
from trunkline.routing.directory import Directory
from trunkline.routing.follow import Follower
from trunkline.routing.resolve import Resolver
from trunkline.settings import Settings
from trunkline.voice.vapi_calls import report_of_message

pytestmark = pytest.mark.anyio
only_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
only_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
NOBODY = {"error": Settings.model_fields["unmapped_message"].default}
ASKED, REPORT = shape("assistant-request 2026"), shape("end-of-call-report 2026")
NEVER = 60.0  # seconds; who asks gives up sooner
NO_ID = str(VOICE_ID).replace("8", "9")


def elsewhere(message: dict[str, Any]) -> dict[str, Any]:
    """The same for a number that nobody knows."""
    row = message["phoneNumber"] | {"id": NO_ID, "number": "+19995550100"}
    return message | {"call": message["call"] | {"phoneNumberId": NO_ID}, "phoneNumber": row}


async def until(true: Callable[[], Any], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not await true():
        assert time.monotonic() < deadline, "it did not come true in time"
        await asyncio.sleep(0.02)


@contextmanager
def away(url: str) -> Iterator[None]:
    """The database cannot be reached, by the name that it had, until the block ends."""
    name = url.partition("?")[0].rpartition("/")[2]
    with psycopg.connect(url.replace(f"/{name}?", "/postgres?"), autocommit=True) as admin:

        def rename(old: str, new: str) -> None:
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [old])
            admin.execute(f"ALTER DATABASE {old} RENAME TO {new}".encode())

        rename(name, f"{name}_away")
        try:
            yield
        finally:
            rename(f"{name}_away", name)


# --- the database is away --------------------------------------------------------------------------------------------


@only_postgresql
async def test_known_numbers_are_answered_while_the_database_is_away(door: Door) -> None:
    await door.town.served(NUMBER, "Roma", VOICE_ID)
    with away(door.town.url):
        answer = await door.ask(ASKED)
        assert answer["assistantOverrides"]["variableValues"]["restaurant_name"] == "Roma"
        (result,) = (await door.ask(shape("tool-calls flat")))["results"]
        assert "Roma" in result["result"]
        assert await door.ask(elsewhere(ASKED)) == NOBODY
        (unknown,) = (await door.ask(elsewhere(shape("tool-calls flat"))))["results"]
        assert "error" in unknown
    assert (await door.ask(ASKED))["assistantId"]


@only_postgresql
async def test_a_report_is_refused_while_the_database_is_away_and_kept_for_when_it_is_back(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(router, "STORED_WITHIN", 0.2)
    await door.town.served(NUMBER, "Roma", VOICE_ID)
    with away(door.town.url):
        answer = await door.knock(REPORT)
        assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
        assert (await door.knock(shape("status-update ended"))).status_code == 200
        assert (await door.knock(elsewhere(REPORT) | {"call": {"id": "other"}})).status_code == 503

    async def kept() -> bool:
        return len(await door.calls()) == 2

    await until(kept)
    assert (await door.calls())[CALL].reported
    assert (await door.ask(REPORT)) == {}


@only_postgresql
async def test_a_report_is_kept_while_the_database_takes_no_writes(
    door: Door, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(router, "STORED_WITHIN", 0.2)
    await door.town.served(NUMBER, "Roma", VOICE_ID)
    with postgres.read_only(door.town.url):
        answer = await door.knock(REPORT)
        assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
        assert (await door.knock(shape("status-update ended", call={"id": "another"}))).status_code == 200

    async def kept() -> bool:
        return set(await door.calls()) == {CALL, "another"}

    await until(kept)
    assert (await door.calls())[CALL].reported


@only_postgresql
async def test_while_the_database_hangs_no_call_waits_for_it_longer_than_two_seconds(
    door: Door, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert follow.LOOK_UP_SECONDS <= 1
    await door.town.served(NUMBER, "Roma", VOICE_ID)
    with postgres.hanging():
        monkeypatch.setattr(follow, "LOOK_UP_SECONDS", NEVER)
        assert (await door.ask(ASKED))["assistantOverrides"]["variableValues"]["restaurant_name"] == "Roma"
        monkeypatch.setattr(follow, "LOOK_UP_SECONDS", 3)
        for asked in (elsewhere(ASKED), elsewhere(shape("tool-calls flat"))):
            started = time.monotonic()
            answers = await asyncio.gather(*(door.ask(asked) for _ in range(12)))
            assert time.monotonic() - started < 6, "more than one look-up was waited for"
            assert all(answer == NOBODY or "error" in answer["results"][0] for answer in answers)


@only_sqlite
async def test_while_another_program_has_the_file_calls_are_answered_and_reports_wait(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "LOOK_UP_SECONDS", NEVER)
    await door.town.served(NUMBER, "Roma", VOICE_ID)
    other = sqlite3.connect(door.town.url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waiting = asyncio.create_task(door.knock(REPORT))
    for _ in range(20):
        assert (await door.ask(ASKED))["assistantOverrides"]["variableValues"]["restaurant_name"] == "Roma"
        assert await door.ask(elsewhere(ASKED)) == NOBODY
    assert not waiting.done()
    other.close()
    assert (await waiting).status_code == 200
    assert list(await door.calls()) == [CALL]


def report(call_id: str) -> Any:
    found = report_of_message(shape("end-of-call-report 2026", call={"id": call_id}), "unnamed")
    assert found is not None
    return found


async def test_one_report_that_no_column_takes_does_not_keep_others_out(database: Database, database_url: str) -> None:
    directory = Directory()
    log = CallLog(database, Resolver(directory, Follower(database, directory)), timedelta(hours=1))
    bad = report("bad")
    object.__setattr__(bad, "cost", "dear")
    waiting = [log.add(one) for one in (report("first"), bad, report("second"))]
    task = asyncio.create_task(log.run())
    assert await asyncio.wait_for(asyncio.gather(*waiting), 60) == [True, False, True]
    await log.drain(1)
    task.cancel()


async def test_of_too_many_that_wait_a_report_is_refused_and_a_status_dropped(
    open_door: OpenDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_log, "MOST_WAITING", 1)
    held = asyncio.Event()

    async def hold(*_: Any) -> None:
        await held.wait()

    async with open_door() as door:
        with monkeypatch.context() as patch:
            patch.setattr(router, "STORED_WITHIN", 0.1)
            patch.setattr(CallLog, "_store", hold)
            for _ in range(2):  # one is being stored, one waits
                assert (await door.knock(REPORT)).status_code == 503
            assert (await door.knock(REPORT)).status_code == 503
            assert (await door.knock(shape("status-update ended"))).status_code == 200
            held.set()
        assert (await door.knock(REPORT)).status_code == 200


# --- nobody answers the number ---------------------------------------------------------------------------------------


@only_sqlite
async def test_a_call_to_nobodys_number_goes_where_the_operator_says(open_door: OpenDoor) -> None:
    async with open_door(unmapped_destination="+14155550199", unmapped_message="unused") as door:
        assert await door.ask(ASKED) == {"destination": {"type": "number", "number": "+14155550199"}}
    async with open_door(unmapped_message="Nobody is here.") as door:
        assert await door.ask(ASKED) == {"error": "Nobody is here."}


# --- the end was never reported --------------------------------------------------------------------------------------


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Settings by which Vapi is asked about a call at once."""
    monkeypatch.setattr(complete_calls, "PAUSE", 0.05)
    return {"call_completion_minutes": 0.002}


def record(sandbox: SandboxServer, status: int, body: dict[str, Any] | None, times: int | None = None) -> None:
    """What Vapi answers when it is asked about a call."""
    sandbox.fault(provider="vapi", operation="calls.get", kind="status", status=status, body=body, times=times)


RECORD = {key: value for key, value in REPORT["call"].items() if key != "status"} | {
    "status": "ended",
    "phoneNumberId": VOICE_ID,
    **{key: REPORT[key] for key in ("endedReason", "cost", "startedAt", "endedAt")},
}


async def one_call(door: Door) -> Call:
    (call,) = (await door.calls()).values()
    return call


async def test_a_call_whose_report_was_lost_is_completed_from_vapi(
    open_door: OpenDoor, sandbox: SandboxServer, impatient: dict[str, Any]
) -> None:
    record(sandbox, 503, {"message": "away"}, times=1)
    record(sandbox, 200, RECORD | {"status": "in-progress", "endedAt": None}, times=1)
    record(sandbox, 200, RECORD)
    async with open_door(**impatient) as door:
        restaurant_id = await door.town.served(NUMBER, "Roma", VOICE_ID)
        await door.ask(shape("status-update in-progress"))

        async def reported() -> bool:
            return (await one_call(door)).reported if await door.calls() else False

        await until(reported)
        call = await one_call(door)
    assert (call.restaurant_id, call.status, call.ended_reason) == (restaurant_id, "ended", "customer-ended-call")
    assert (str(call.cost), str(call.duration_seconds)) == ("0.0912", "90.5000")
    assert call.next_check_at is None
    asked = [request for request in sandbox.requests(provider="vapi") if request["operation"] == "calls.get"]
    assert len(asked) == 3


async def test_a_call_that_vapi_does_not_know_is_not_asked_for_again(
    open_door: OpenDoor, sandbox: SandboxServer, impatient: dict[str, Any]
) -> None:
    async with open_door(**impatient) as door:
        await door.town.served(NUMBER, "Roma", VOICE_ID)
        await door.ask(shape("status-update ended"))

        async def given_up() -> bool:
            return bool(await door.calls()) and (await one_call(door)).next_check_at is None

        await until(given_up)
        assert not (await one_call(door)).reported


async def test_a_reported_call_is_not_asked_for(
    open_door: OpenDoor, sandbox: SandboxServer, impatient: dict[str, Any]
) -> None:
    async with open_door(**impatient) as door:
        await door.ask(REPORT)
        await door.ask(shape("status-update ended"))
        await asyncio.sleep(0.3)
        assert (await one_call(door)).next_check_at is None
    assert [r for r in sandbox.requests(provider="vapi") if r["operation"] == "calls.get"] == []
