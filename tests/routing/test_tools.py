"""Tool calls that are passed on: signed, with the restaurant, without secrets, and within the deadline."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.routing.conftest import Door, OpenDoor
from tests.support.vapi_messages import CALL, CALLER, NUMBER, TOKEN, shape
from tests.support.webhook import Webhook
from trunkline.bootstrap import refuse_unusable
from trunkline.errors import SettingsError
from trunkline.settings import load_settings

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)]
KEY = "the-key-of-the-tools"
BOOK: dict[str, Any] = {
    "id": "call_2",
    "type": "function",
    "function": {"name": "book_table", "arguments": '{"guests": 4}'},
}
HOURS: dict[str, Any] = {
    "id": "call_3",
    "name": "opening_hours",
    "parameters": {"day": "Monday", "token": "of no secret"},
}


def asked(*calls: dict[str, Any], name: str = "tool-calls with object") -> dict[str, Any]:
    message = shape(name, toolCalls=[], toolWithToolCallList=[])
    return message | {"toolCallList": [*message["toolCallList"], *calls]}


def only(*calls: dict[str, Any]) -> dict[str, Any]:
    return asked() | {"toolCallList": list(calls)}


@pytest.fixture
def tools() -> Iterator[Webhook]:
    with Webhook() as server:
        results = [
            {"toolCallId": "call_2", "result": "a table for four"},
            {"toolCallId": "call_3", "result": {"from": 12}},
        ]
        server.answers["tool-calls"] = 200, {"results": results}
        yield server


@pytest.fixture
async def door(open_door: OpenDoor, tools: Webhook) -> AsyncIterator[Door]:
    async with open_door(tools_webhook_url=tools.url, tools_webhook_secret=KEY, tools_timeout_seconds=30) as opened:
        await opened.town.served(NUMBER, "Roma")
        yield opened


async def test_other_tools_are_asked_and_their_results_passed_through(door: Door, tools: Webhook) -> None:
    known, booked, hours = (await door.ask(asked(BOOK, HOURS)))["results"]
    assert json.loads(known["result"])["restaurant_name"] == "Roma"
    assert (booked["toolCallId"], booked["result"]) == ("call_2", "a table for four")
    assert json.loads(hours["result"]) == {"from": 12}
    (got,) = tools.got
    assert got.message["toolCallList"] == [BOOK, HOURS]


async def test_what_is_passed_on_is_signed_and_names_the_restaurant(door: Door, tools: Webhook) -> None:
    await door.ask(asked(BOOK))
    (got,) = tools.got
    restaurant = got.message["restaurant"]
    assert restaurant["restaurant_name"] == "Roma"
    assert restaurant["called_number"] == NUMBER
    stamp = got.headers["x-trunkline-timestamp"]
    payload = f"{stamp}.{restaurant['restaurant_id']}.".encode() + got.body
    assert got.headers["x-trunkline-restaurant"] == restaurant["restaurant_id"]
    assert got.headers["x-trunkline-signature"] == hmac.new(KEY.encode(), payload, hashlib.sha256).hexdigest()
    assert abs(time.time() - int(stamp)) < 60


async def test_what_is_passed_on_holds_no_secret(door: Door, tools: Webhook) -> None:
    message = asked(BOOK)
    message["assistant"] = {"model": {"tools": [{"server": {"secret": TOKEN}}]}}
    assert TOKEN in json.dumps(message["phoneNumber"])
    await door.ask(message)
    (got,) = tools.got
    assert TOKEN.encode() not in got.body
    assert b"another-secret-of-2024" not in got.body
    assert got.message["call"]["id"] == CALL
    assert got.message["customer"] == {"number": CALLER}


async def test_the_built_in_tool_alone_asks_nobody(door: Door, tools: Webhook) -> None:
    await door.ask(asked())
    assert tools.got == []


async def test_a_call_to_nobodys_number_is_not_passed_on(door: Door, tools: Webhook) -> None:
    message = only(BOOK)
    message["phoneNumber"]["number"] = "+19995550100"
    (result,) = (await door.ask(message))["results"]
    assert result["error"] == "no restaurant answers this number"
    assert tools.got == []


@pytest.mark.parametrize(
    ("status", "answer", "error"),
    [
        (500, {}, "the tool book_table failed"),
        (302, {}, "the tool book_table failed"),
        (200, "no JSON", "the tool book_table failed"),
        (200, [], "the tool book_table gave no result"),
        (200, {}, "the tool book_table gave no result"),
        (200, {"results": "x"}, "the tool book_table gave no result"),
        (200, {"results": [None, 7, {"toolCallId": 7}, {"toolCallId": "other"}]}, "the tool book_table gave no result"),
    ],
)
async def test_a_tool_without_a_result_is_told_as_an_error(
    door: Door, tools: Webhook, status: int, answer: Any, error: str
) -> None:
    tools.answers["tool-calls"] = status, answer
    known, failed = (await door.ask(asked(BOOK)))["results"]
    assert "result" in known
    assert failed == {"name": "book_table", "toolCallId": "call_2", "error": error}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"result": "first line\nsecond\r\n  third"}, {"result": "first line second third"}),
        ({"result": {"says": "a\nb"}}, {"result": '{"says": "a\\nb"}'}),
        ({"result": "Piñata"}, {"result": "Piñata"}),
        ({"result": {"dish": "Piñata"}}, {"result": '{"dish": "Piñata"}'}),
        ({"result": None}, {"result": "null"}),
        ({"result": ""}, {"result": "null"}),
        ({"result": None, "error": None}, {"result": "null"}),
        ({"result": None, "error": "no\ntable"}, {"error": "no table"}),
        ({"error": {"code": 7}}, {"error": '{"code": 7}'}),
        ({"name": None, "result": False}, {"result": "false"}),
        ({"name": "of another tool", "result": 7}, {"result": "7"}),
        ({"error": None}, {"error": "the tool book_table gave no result"}),
        ({"result": "x", "message": {"type": "request-complete"}, "metadata": None},
            {"result": "x", "message": {"type": "request-complete"}}),
    ],
)  # fmt: skip
async def test_a_result_is_one_line_under_its_tools_name(door: Door, tools: Webhook, given: Any, told: Any) -> None:
    tools.answers["tool-calls"] = 200, {"results": [{"toolCallId": "call_2"} | given]}
    assert await door.ask(only(BOOK)) == {"results": [{"name": "book_table", "toolCallId": "call_2"} | told]}


async def test_a_tool_that_takes_too_long_is_not_waited_for(open_door: OpenDoor, tools: Webhook) -> None:
    answered = threading.Event()

    def slow(message: dict[str, Any]) -> tuple[int, Any]:
        answered.wait(60)
        return 200, {}

    tools.answers["tool-calls"] = slow
    async with open_door(tools_webhook_url=tools.url, tools_webhook_secret=KEY, tools_timeout_seconds=0.3) as door:
        await door.town.served(NUMBER, "Roma")
        (result,) = (await door.ask(only(BOOK)))["results"]
        answered.set()
    assert result["error"] == "the tool book_table did not answer in time"


async def test_a_tools_server_that_is_not_there_is_told_as_an_error(open_door: OpenDoor) -> None:
    async with open_door(tools_webhook_url="http://127.0.0.1:9/x", tools_webhook_secret=KEY) as door:
        await door.town.served(NUMBER, "Roma")
        (result,) = (await door.ask(only(BOOK)))["results"]
    assert result["error"] == "the tool book_table failed"


async def test_tools_without_a_secret_are_refused_at_the_start(database_url: str) -> None:
    settings = load_settings(
        _env_file=None, vapi_secret_key="x", vapi_api_key="y", tools_webhook_url="http://127.0.0.1:9/x"
    )
    with pytest.raises(SettingsError, match="TOOLS_WEBHOOK_SECRET"):
        refuse_unusable(settings)
