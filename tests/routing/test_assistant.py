"""The shared assistant is away, deleted, made anew, renamed: what a call is answered meanwhile, and after it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from structlog.testing import capture_logs

from tests.routing.conftest import Door, OpenDoor
from tests.routing.test_losses import ASKED, NOBODY, until
from tests.support.sandbox_server import SandboxServer
from tests.support.vapi_messages import NUMBER, VOICE_ID, shape
from trunkline.metrics import CALLS_CONNECTED, UNROUTED_CALLS
from trunkline.routing import assistant
from trunkline.sandbox.vapi import DEFAULT_SECRET
from trunkline.settings import Routing

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)]
SERVER: dict[str, Any] = {"vapi_routing": "server", "public_backend_url": "https://trunkline.example.com"}
NAME = "Restaurant Voice Assistant"
GONE = shape("end-of-call-report 2026", endedReason="assistant-request-returned-invalid-assistant")


@pytest.fixture
async def vapi(sandbox: SandboxServer) -> AsyncIterator[httpx2.AsyncClient]:
    headers = {"Authorization": f"Bearer {DEFAULT_SECRET}"}
    async with httpx2.AsyncClient(base_url=sandbox.url, headers=headers) as client:
        yield client


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    assert assistant.REFRESH_SECONDS[Routing.SERVER] <= 20  # promised is to notice within 30 seconds
    monkeypatch.setattr(assistant, "RETRY_SECONDS", 0.02)
    monkeypatch.setattr(assistant, "REFRESH_SECONDS", dict.fromkeys(Routing, 0.1))


async def shared(vapi: httpx2.AsyncClient) -> str:
    (found,) = (await vapi.get("/assistant")).json()
    return str(found["id"])


async def make(vapi: httpx2.AsyncClient, name: str = NAME) -> str:
    return str((await vapi.post("/assistant", json={"name": name})).raise_for_status().json()["id"])


async def answered_by(door: Door) -> str | None:
    """The assistant's id, None where the caller hears that nobody is here."""
    answer = await door.ask(ASKED)
    assert answer == NOBODY or "error" not in answer
    assistant: str | None = answer.get("assistantId")
    return assistant


async def until_answered_by(door: Door, wanted: str | None) -> None:
    async def is_so() -> bool:
        return await answered_by(door) == wanted

    await until(is_so)


def unrouted(reason: str) -> float:
    return float(UNROUTED_CALLS.labels(reason)._value.get())


def asked_for(sandbox: SandboxServer) -> int:
    return len([r for r in sandbox.requests(provider="vapi") if r["operation"].startswith("assistants.")])


# --- Vapi is away ----------------------------------------------------------------------------------------------------


async def test_an_assistant_that_the_settings_name_is_not_asked_for_where_no_call_needs_it(
    open_door: OpenDoor, sandbox: SandboxServer
) -> None:
    async with open_door(vapi_assistant_id="asst") as door:
        await door.town.served(NUMBER, "Roma", VOICE_ID)
        assert await answered_by(door) == "asst"
    assert asked_for(sandbox) == 0


async def test_calls_are_answered_as_soon_as_vapi_has_told_the_assistant(
    open_door: OpenDoor, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assistant, "RETRY_SECONDS", 60.0)
    sandbox.fault(provider="vapi", operation="assistants.list", kind="status", status=503)
    async with open_door() as door:
        await door.town.served(NUMBER, "Roma", VOICE_ID)
        assert await answered_by(door) is None
        sandbox.control.delete("/faults")
        assert (await door.ask(ASKED))["assistantOverrides"]["variableValues"]["restaurant_name"] == "Roma"


async def test_calls_at_the_same_time_ask_for_it_once(
    open_door: OpenDoor, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assistant, "RETRY_SECONDS", 60.0)
    async with open_door(vapi_assistant_name="Nobody") as door:
        await door.town.served(NUMBER, "Roma", VOICE_ID)
        assert await answered_by(door) is None
        before = asked_for(sandbox)
        sandbox.fault(provider="vapi", operation="assistants.list", kind="latency", seconds=0.3)
        assert await asyncio.gather(*(answered_by(door) for _ in range(5))) == [None] * 5
        assert asked_for(sandbox) == before + 1


@pytest.mark.parametrize("by_id", [True, False], ids=["by id", "by name"])
@pytest.mark.parametrize(
    "fault", [{"status": 503}, {"status": 429}, {"status": 401, "body": {"message": "Invalid Key", "statusCode": 401}}]
)
async def test_a_known_assistant_goes_on_answering_while_vapi_does_not_tell(
    open_door: OpenDoor, sandbox: SandboxServer, vapi: httpx2.AsyncClient, quick: None, fault: Any, by_id: bool
) -> None:
    known = await shared(vapi)
    async with open_door(vapi_assistant_id=known if by_id else None, **SERVER) as door:
        await door.town.served(NUMBER, "Roma", VOICE_ID)
        await until_answered_by(door, known)
        sandbox.fault(provider="vapi", operation="assistants.*", kind="status", **fault)
        before = asked_for(sandbox)

        async def asked_again() -> bool:
            return asked_for(sandbox) >= before + 3

        await until(asked_again)
        assert await answered_by(door) == known


# --- it was deleted, made anew, renamed ------------------------------------------------------------------------------


async def test_while_the_assistant_is_gone_calls_are_nobodys_and_a_new_one_takes_over_by_itself(
    open_door: OpenDoor, vapi: httpx2.AsyncClient, quick: None
) -> None:
    known, counted = await shared(vapi), unrouted("no_assistant")
    async with open_door(**SERVER) as door:
        await door.town.served(NUMBER, "Roma", VOICE_ID)
        await until_answered_by(door, known)
        connected = CALLS_CONNECTED.count
        assert await answered_by(door) == known
        assert CALLS_CONNECTED.count == connected + 1
        with capture_logs() as lines:
            (await vapi.delete(f"/assistant/{known}")).raise_for_status()
            await until_answered_by(door, None)
        assert any(line["log_level"] == "error" and line.get("known") == known for line in lines)
        assert unrouted("no_assistant") > counted
        connected = CALLS_CONNECTED.count
        assert await answered_by(door) is None
        assert CALLS_CONNECTED.count == connected
        await until_answered_by(door, await make(vapi))


async def test_one_that_the_settings_name_by_its_id_is_watched_too(
    open_door: OpenDoor, vapi: httpx2.AsyncClient, quick: None
) -> None:
    known = await make(vapi, "Another name")
    async with open_door(vapi_assistant_id=known, unmapped_destination="+14155550199", **SERVER) as door:
        await door.town.served(NUMBER, "Roma", VOICE_ID)
        assert (await door.ask(ASKED))["assistantId"] == known
        (await vapi.delete(f"/assistant/{known}")).raise_for_status()

        async def forwarded() -> bool:
            return "destination" in await door.ask(ASKED)

        await until(forwarded)
    async with open_door(vapi_assistant_id=known, **SERVER) as door:
        await until_answered_by(door, None)


async def test_a_renamed_assistant_goes_on_answering_until_another_has_its_name(
    open_door: OpenDoor, sandbox: SandboxServer, vapi: httpx2.AsyncClient, quick: None
) -> None:
    known = await shared(vapi)
    async with open_door(**SERVER) as door:
        await door.town.served(NUMBER, "Roma", VOICE_ID)
        await until_answered_by(door, known)
        (await vapi.patch(f"/assistant/{known}", json={"name": "Of last year"})).raise_for_status()
        before = asked_for(sandbox)

        async def asked_again() -> bool:
            return asked_for(sandbox) >= before + 2

        await until(asked_again)
        assert await answered_by(door) == known
        await until_answered_by(door, await make(vapi))


@pytest.mark.parametrize("routing", [SERVER, {}], ids=["server", "assistant"])
async def test_a_call_that_vapi_ended_because_of_the_assistant_is_counted_and_lets_it_be_asked_for(
    open_door: OpenDoor,
    vapi: httpx2.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    routing: dict[str, Any],
) -> None:
    monkeypatch.setattr(assistant, "RETRY_SECONDS", 0.02)
    known, counted = await shared(vapi), unrouted("assistant_gone")
    async with open_door(**routing) as door:
        await door.town.served(NUMBER, "Roma", VOICE_ID)
        await until_answered_by(door, known)
        (await vapi.delete(f"/assistant/{known}")).raise_for_status()
        made = await make(vapi)
        with capture_logs() as lines:
            assert await door.ask(GONE) == {}
        assert [line["reason"] for line in lines if line["event"] == "a call reached no restaurant"] == [
            "assistant_gone"
        ]
        assert unrouted("assistant_gone") == counted + 1
        await until_answered_by(door, made)


async def test_many_such_calls_ask_vapi_seldom(
    open_door: OpenDoor, sandbox: SandboxServer, vapi: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assistant, "RETRY_SECONDS", 10.0)
    async with open_door(**SERVER) as door:
        await door.town.served(NUMBER, "Roma", VOICE_ID)
        await until_answered_by(door, await shared(vapi))
        before = asked_for(sandbox)
        for n in range(10):
            await door.ask(GONE | {"call": GONE["call"] | {"id": f"call-{n}"}})
        assert asked_for(sandbox) == before
