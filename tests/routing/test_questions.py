"""What Vapi asks in the middle of a call is passed on as tool calls are, and answered in time whatever comes back."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.routing.conftest import Door, OpenDoor
from tests.support.vapi_messages import NUMBER, TOKEN, shape
from tests.support.webhook import Webhook
from trunkline.routing import questions

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)]
Json = dict[str, Any]
KEY = "the-key-of-the-tools"
STAFF = {"type": "number", "number": "+14155550111"}
SAID: Json = {"messages": [{"role": "user", "message": "A table, please."}], "transcript": "User: A table, please."}
DOCUMENT = {"content": "We open at noon.", "similarity": 0.9}


def message(kind: str, **fields: Any) -> Json:
    return shape("tool-calls with object", toolCallList=None, toolCalls=None, toolWithToolCallList=None) | {
        "type": kind,
        "artifact": SAID | {"recordingUrl": "https://recordings.example"},
        **fields,
    }


TRANSFER = message("transfer-destination-request")
HANDOFF = message("handoff-destination-request", parameters={"department": "kitchen"})
KNOWLEDGE = message("knowledge-base-request", messages=SAID["messages"], messagesOpenAIFormatted=[])
FUNCTION = message("function-call", functionCall={"name": "book_table", "parameters": {"guests": 4}})
ASKED = [TRANSFER, HANDOFF, KNOWLEDGE, FUNCTION]
by_type = pytest.mark.parametrize("asked", ASKED, ids=lambda asked: asked["type"])


@pytest.fixture
def tools() -> Iterator[Webhook]:
    with Webhook() as server:
        yield server


@pytest.fixture
async def door(open_door: OpenDoor, tools: Webhook) -> AsyncIterator[Door]:
    async with open_door(tools_webhook_url=tools.url, tools_webhook_secret=KEY, tools_timeout_seconds=30) as opened:
        await opened.town.served(NUMBER, "Roma")
        yield opened


def declined(asked: Json, answer: Json) -> str:
    """Why, where the answer is the one for want of a better: what Vapi reads as a refusal, or as nothing to know."""
    if asked is KNOWLEDGE:
        assert answer == {"documents": []}
        return "nothing"
    (why,) = answer.values()
    assert list(answer) == ["result" if asked is FUNCTION else "error"]
    assert isinstance(why, str)
    return why


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (TRANSFER, {"destination": STAFF}),
        (TRANSFER, {"destination": STAFF, "message": {"type": "request-start", "content": "One moment."}}),
        (TRANSFER, {"error": "The kitchen is closed."}),
        (HANDOFF, {"destination": {"type": "assistant", "assistantName": "Kitchen"}, "result": "handed over"}),
        (KNOWLEDGE, {"documents": [DOCUMENT]}),
        (KNOWLEDGE, {"message": {"role": "assistant", "content": "At noon."}}),
        (FUNCTION, {"result": "a table for four"}),
    ],
)
async def test_the_answer_goes_back(door: Door, tools: Webhook, asked: Json, answer: Json) -> None:
    tools.answers[asked["type"]] = 200, answer | {"of no use": 1}
    assert await door.ask(asked) == answer


@by_type
async def test_what_is_passed_on_is_signed_and_names_the_restaurant_and_holds_no_secret(
    door: Door, tools: Webhook, asked: Json
) -> None:
    assert TOKEN in json.dumps(asked["phoneNumber"])
    await door.ask(asked)
    (got,) = tools.got
    assert got.message["type"] == asked["type"]
    assert got.message["restaurant"]["restaurant_name"] == "Roma"
    assert got.headers["x-trunkline-restaurant"] == got.message["restaurant"]["restaurant_id"]
    assert got.headers["x-trunkline-signature"]
    assert TOKEN.encode() not in got.body


async def test_what_was_said_and_asked_for_is_passed_on(door: Door, tools: Webhook) -> None:
    for asked in ASKED:
        await door.ask(asked)
    transfer, handoff, knowledge, function = (got.message for got in tools.got)
    assert transfer["artifact"] == handoff["artifact"] == SAID
    assert handoff["parameters"] == {"department": "kitchen"}
    assert knowledge["messages"] == SAID["messages"]
    assert function["functionCall"] == {"name": "book_table", "parameters": {"guests": 4}}


@by_type
@pytest.mark.parametrize(
    ("status", "answer"),
    [(500, {}), (302, {}), (200, "no JSON"), (200, []), (200, {}), (200, {"destination": None, "documents": "x"})],
)
async def test_a_question_without_an_answer_is_declined(
    door: Door, tools: Webhook, asked: Json, status: int, answer: Any
) -> None:
    tools.answers[asked["type"]] = status, answer
    assert declined(asked, await door.ask(asked))


@by_type
async def test_an_answer_that_takes_too_long_is_not_waited_for(
    open_door: OpenDoor, tools: Webhook, asked: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = threading.Event()

    def slow(message: Json) -> tuple[int, Any]:
        answered.wait(60)
        return 200, {"destination": STAFF, "result": "late", "documents": [DOCUMENT]}

    tools.answers[asked["type"]] = slow
    patient = {"tools_timeout_seconds": 0.3 if asked is FUNCTION else 15}
    assert questions.ANSWERED_WITHIN < 7.5
    monkeypatch.setattr(questions, "ANSWERED_WITHIN", 0.3)
    async with open_door(tools_webhook_url=tools.url, tools_webhook_secret=KEY, **patient) as door:
        await door.town.served(NUMBER, "Roma")
        assert declined(asked, await door.ask(asked))
        answered.set()


@by_type
async def test_without_a_server_that_knows_it_is_declined(open_door: OpenDoor, asked: Json) -> None:
    async with open_door() as door:
        await door.town.served(NUMBER, "Roma")
        assert declined(asked, await door.ask(asked))


@by_type
async def test_a_question_about_nobodys_number_is_not_passed_on(door: Door, tools: Webhook, asked: Json) -> None:
    elsewhere = asked | {"phoneNumber": asked["phoneNumber"] | {"number": "+19995550100"}}
    assert declined(asked, await door.ask(elsewhere))
    assert tools.got == []


async def test_the_built_in_function_asks_nobody(door: Door, tools: Webhook) -> None:
    answer = await door.ask(message("function-call", functionCall={"name": "get_restaurant"}))
    assert json.loads(answer["result"])["restaurant_name"] == "Roma"
    assert tools.got == []


async def test_a_functions_result_may_be_written_as_a_tools(door: Door, tools: Webhook) -> None:
    tools.answers["function-call"] = 200, {"results": [{"result": {"guests": 4}}]}
    assert await door.ask(FUNCTION) == {"result": '{"guests": 4}'}
