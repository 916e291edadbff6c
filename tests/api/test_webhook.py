"""Vapi's webhook over HTTP: who is let in, what is refused, whose call it is, and what is kept of it."""

from __future__ import annotations

import http.client
import json
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.api.conftest import Api, Json
from tests.api.vapi import PATH, UNMAPPED, calls, counted, post, to, values
from tests.support.app_server import SECRET
from tests.support.vapi_messages import SHAPES, TOOL_ID, shape
from trunkline.api.proof import MAX_BODY

# --- who is let in ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Vapi-Secret": SECRET},
        {"Authorization": f"Bearer {SECRET}"},
        {"Authorization": f"bearer {SECRET}"},
        {"Authorization": SECRET},
        {"X-Vapi-Secret": "", "Authorization": f"Bearer {SECRET}"},
        {"X-Vapi-Secret": "wrong", "Authorization": f"Bearer {SECRET}"},
    ],
)
def test_the_secret_lets_in(api: Api, headers: dict[str, str]) -> None:
    assert post(api, shape("hang"), **headers) == {}


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Other": "x"},
        {"X-Vapi-Secret": ""},
        {"X-Vapi-Secret": SECRET[:-1]},
        {"X-Vapi-Secret": f"{SECRET}x"},
        {"X-Vapi-Secret": f"Bearer {SECRET}"},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {SECRET}"},
        {"X-Signature": "", "X-Timestamp": ""},
    ],
)
@pytest.mark.parametrize("name", ["assistant-request 2026", "end-of-call-report 2026"])
def test_without_the_secret_nothing_is_told_and_nothing_is_kept(
    api: Api, roma: Json, headers: dict[str, str], name: str
) -> None:
    answer = post(api, to(roma, name), **headers)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "unauthorized"
    assert roma["id"] not in answer.text
    assert calls(api, roma) == {}


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"message"',
        b"{}",
        b'{"message": null}',
        b'{"message": "assistant-request"}',
        b'{"message": {}}',
        b'{"message": {"type": null}}',
        b'{"message": {"type": 7}}',
        b'{"type": "assistant-request"}',
        b'{"message": {"type": "hang"}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"message":' * 50_000,
    ],
    ids=lambda body: repr(body[:24]),
)
def test_what_is_no_message_is_refused_as_such(api: Api, body: bytes) -> None:
    answer = api.client.post(PATH, content=body)
    assert answer.status_code == 400
    assert answer.json()["code"] == "malformed_request"


def test_a_body_over_a_megabyte_is_refused_however_it_comes(api: Api) -> None:
    padded = json.dumps({"message": {"type": "hang", "padding": "x" * MAX_BODY}}).encode()

    def chunks() -> Iterator[bytes]:
        for start in range(0, len(padded), 65_536):
            yield padded[start : start + 65_536]

    for content in (padded, chunks()):
        answer = api.client.post(PATH, content=content)
        assert answer.status_code == 413
        assert answer.json()["code"] == "payload_too_large"
    assert api.client.post(PATH, content=padded[: MAX_BODY - 1]).status_code == 400


def test_a_long_message_is_read_whole(api: Api) -> None:
    assert post(api, shape("conversation-update", artifact={"transcript": "x" * 900_000})) == {}


def test_a_caller_that_hangs_up_in_the_middle_does_no_harm(api: Api) -> None:
    connection = http.client.HTTPConnection(urlsplit(api.url).netloc)
    connection.putrequest("POST", PATH)
    connection.putheader("X-Vapi-Secret", SECRET)
    connection.putheader("Content-Length", "5000")
    connection.endheaders(b'{"message": ')
    connection.close()
    assert post(api, shape("hang")) == {}


def test_a_slash_at_the_end_of_the_address_is_answered_in_place(api: Api, roma: Json, assistant: str) -> None:
    body = json.dumps({"message": to(roma)})
    answer = api.client.post(f"{PATH}/", content=body, follow_redirects=False)
    assert (answer.status_code, answer.json()["assistantId"]) == (200, assistant)


def test_other_methods_are_told_what_the_path_takes(api: Api) -> None:
    assert api.client.get(PATH).status_code == 405


@pytest.mark.parametrize("name", SHAPES)
def test_every_type_of_message_is_accepted(api: Api, name: str) -> None:
    assert isinstance(post(api, SHAPES[name]), dict)


# --- whose call it is ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in SHAPES if name.startswith("assistant-request")])
def test_a_call_gets_the_shared_assistant_with_its_restaurants_values(
    api: Api, roma: Json, assistant: str, name: str
) -> None:
    known = {"assistantId": assistant}
    overrides = {"variableValues": values(roma), "metadata": values(roma)}
    assert post(api, to(roma, name)) == known | {"assistantOverrides": overrides}


def test_the_number_is_found_by_each_of_its_names(api: Api, roma: Json, assistant: str) -> None:
    voice_id = api.get(f"/api/numbers/{roma['phone_number']}")["voice_id"]
    none = {"id": str(uuid.uuid4()), "number": None}
    by_call = shape("assistant-request 2026", call={"phoneNumberId": voice_id}, phoneNumber=none)
    by_row = shape("assistant-request 2026", call={"phoneNumberId": None}, phoneNumber=none | {"id": voice_id})
    by_number = to(roma, call_id=None, timestamp="x")
    spaced = to(roma | {"phone_number": roma["phone_number"].replace("+1", "+1 ")})
    for message in (by_call, by_row, by_number, spaced):
        assert post(api, message)["assistantOverrides"]["variableValues"] == values(roma)


def test_a_new_mapping_answers_the_first_call_after_it_and_a_deleted_one_no_more(api: Api) -> None:
    for _ in range(5):
        restaurant = api.create()
        asked = to(restaurant)
        assert post(api, asked)["assistantOverrides"]["variableValues"]["restaurant_id"] == restaurant["id"]
        assert api.client.delete(f"/api/restaurants/{restaurant['id']}").status_code == 200
        assert post(api, asked) == UNMAPPED


@pytest.mark.parametrize(
    "changes",
    [
        {"phoneNumber": {"number": "+19995550100"}},
        {"phoneNumber": None},
        {"call": None, "phoneNumber": None},
        {"call": None, "phoneNumber": None, "customer": None},
        {"phoneNumber": {"number": 7}, "call": {"phoneNumberId": ["x"]}},
    ],
    ids=str,
)
def test_a_call_to_nobodys_number_is_told_so_and_counted(api: Api, changes: Json) -> None:
    strange = shape("assistant-request 2026", call={"phoneNumberId": str(uuid.uuid4())})
    strange["phoneNumber"]["id"] = str(uuid.uuid4())
    strange |= {key: value for key, value in changes.items() if not isinstance(value, dict)}
    for key, value in changes.items():
        if isinstance(value, dict):
            strange[key] |= value
    before = counted(api, 'trunkline_unrouted_calls_total{reason="unknown_number"}')
    assert post(api, strange) == UNMAPPED
    assert counted(api, 'trunkline_unrouted_calls_total{reason="unknown_number"}') == before + 1


# --- what the assistant asks -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in SHAPES if name.startswith("tool-calls")])
def test_the_assistant_is_told_which_restaurant_was_called(api: Api, roma: Json, name: str) -> None:
    (result,) = post(api, to(roma, name))["results"]
    assert (result["name"], result["toolCallId"]) == ("get_restaurant", TOOL_ID)
    assert json.loads(result["result"]) == values(roma)


def test_a_tool_call_for_nobodys_number_gets_an_error_and_no_guess(api: Api, roma: Json) -> None:
    (result,) = post(api, to(roma | {"phone_number": "+19995550100"}, "tool-calls flat"))["results"]
    assert result["error"] == "no restaurant answers this number"


def test_a_tool_that_nobody_knows_is_said_to_be_unknown(api: Api, roma: Json) -> None:
    other = {"id": "call_2", "name": "book_table", "parameters": {"guests": 4}}
    message = to(roma, "tool-calls flat")
    message["toolCallList"].append(other)
    known, unknown = post(api, message)["results"]
    assert "result" in known
    assert unknown == {"name": "book_table", "toolCallId": "call_2", "error": "the tool book_table is not known"}


@pytest.mark.parametrize("calls_given", [None, {}, "x", [], [None, 7, {}], [{"id": 7, "name": "x"}], [{"id": "x"}]])
def test_tool_calls_that_cannot_be_read_have_no_results(api: Api, roma: Json, calls_given: Any) -> None:
    message = to(roma, "tool-calls flat") | {"toolCallList": calls_given}
    assert post(api, message) == {"results": []}


# --- a new name ------------------------------------------------------------------------------------------------------


def test_the_call_right_after_a_change_of_name_is_answered_with_the_new_one(api: Api, roma: Json) -> None:
    """In server mode by the webhook, in assistant mode by the tool's answer."""
    message = to(roma)
    assert post(api, message)["assistantOverrides"]["variableValues"]["restaurant_name"] == roma["name"]
    for name in (f"Nuova {roma['name']}", f"Terza {roma['name']}"):
        changed = api.client.patch(f"/api/restaurants/{roma['id']}", json={"name": name})
        assert changed.status_code == 200
        assert post(api, to(roma))["assistantOverrides"]["variableValues"]["restaurant_name"] == name
        (result,) = post(api, to(roma, "tool-calls flat"))["results"]
        assert name in result["result"]
