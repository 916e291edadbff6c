"""Calls, callers and mappings over HTTP, and whole calls that the sandbox plays as Vapi does."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from tests.api.conftest import Api, Json, until
from tests.api.vapi import PATH, calls, post, to, values
from tests.support.app_server import SECRET
from trunkline.sandbox.vapi import DEFAULT_SECRET

CALLER = "+14155550142"


@pytest.fixture
def vapi(api: Api) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=api.sandbox.url, headers={"Authorization": f"Bearer {DEFAULT_SECRET}"}) as client:
        yield client


@pytest.fixture
def each_call_asks_us(api: Api, vapi: httpx2.Client) -> Callable[[Json], None]:
    """Points the restaurant's number at our server instead of the assistant."""

    def point(restaurant: Json) -> None:
        voice_id = api.get(f"/api/numbers/{restaurant['phone_number']}")["voice_id"]
        server = {"url": f"{api.url}{PATH}", "headers": {"X-Vapi-Secret": SECRET}}
        body = {"provider": "twilio", "assistantId": None, "server": server}
        vapi.patch(f"/phone-number/{voice_id}", json=body).raise_for_status()

    return point


def ring(api: Api, number: str, caller: str = CALLER, **mishaps: Any) -> Json:
    answer = api.sandbox.control.post("/calls", json={"to": number, "from": caller, **mishaps})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def sharing(api: Api) -> tuple[Json, Json]:
    """Two restaurants on one number of a trial account; the second is the active one."""

    def given_back() -> bool:
        """Asked again for those that cannot be given back while something goes on with them."""
        for number in (held["number"] for held in api.sandbox.held("twilio")):
            answer = api.client.post(f"/api/numbers/{quote(number)}/release", json={"give_back": True, "force": True})
            if answer.status_code == 404:  # a test before has bought it by hand
                row = {"carrier": "twilio", "number": number}
                api.sandbox.control.post("/numbers", params={"replace": "true"}, json=row).raise_for_status()
        return api.sandbox.held("twilio") == []

    until(given_back)
    api.trial(True)
    return api.create("Roma"), api.create("Milano")


# --- whole calls -----------------------------------------------------------------------------------------------------


def test_a_call_reaches_its_restaurant_from_ringing_to_the_report(
    api: Api, roma: Json, each_call_asks_us: Callable[[Json], None]
) -> None:
    each_call_asks_us(roma)
    said = ring(api, roma["phone_number"])
    assert said["outcome"] == "assistant"
    assert json.loads(said["tool_result"]["result"]) == values(roma)
    kinds = [message["type"] for message in said["messages"]]
    assert kinds == ["assistant-request", "status-update", "tool-calls", "status-update", "end-of-call-report"]
    assert all(message["http_status"] == 200 for message in said["messages"])
    call = calls(api, roma)[said["call"]]
    assert (call["caller"], call["called"]) == (CALLER, roma["phone_number"])
    assert (call["status"], call["ended_reason"], call["reported"]) == ("ended", "customer-ended-call", True)
    assert call["duration_seconds"] is not None
    assert call["cost"] is not None


@pytest.mark.parametrize(
    "mishaps",
    [
        {"duplicates": 3},
        {"lose": ["status-update"]},
        {"lose": ["status-update:in-progress"], "duplicates": 1},
        {"fail": ["end-of-call-report"], "duplicates": 1},
    ],
    ids=str,
)
def test_a_call_is_in_the_log_once_whatever_is_lost_or_sent_twice(
    api: Api, roma: Json, each_call_asks_us: Callable[[Json], None], mishaps: Json
) -> None:
    each_call_asks_us(roma)
    said = ring(api, roma["phone_number"], **mishaps)
    assert said["outcome"] == "assistant"
    (call,) = calls(api, roma).values()
    assert (call["id"], call["status"], call["reported"]) == (said["call"], "ended", True)


def test_each_of_several_restaurants_gets_its_own_calls(api: Api, each_call_asks_us: Callable[[Json], None]) -> None:
    restaurants = [api.create(f"No. {n} {uuid.uuid4().hex[:4]}") for n in range(4)]
    for restaurant in restaurants:
        each_call_asks_us(restaurant)
    for restaurant in (*restaurants, *reversed(restaurants)):
        answered = json.loads(ring(api, restaurant["phone_number"])["tool_result"]["result"])
        assert answered["restaurant_id"] == restaurant["id"]
    assert [len(calls(api, restaurant)) for restaurant in restaurants] == [2] * 4


# --- a shared number -------------------------------------------------------------------------------------------------


def test_on_a_shared_number_the_active_restaurant_answers_and_can_be_switched(api: Api) -> None:
    first, second = sharing(api)
    assert first["phone_number"] == second["phone_number"]

    def answered(caller: str = CALLER) -> str:
        message = to(second, customer={"number": caller})
        return str(post(api, message)["assistantOverrides"]["variableValues"]["restaurant_name"])

    assert answered() == "Milano"
    assert api.post(f"/api/restaurants/{first['id']}/activate-phone").status_code == 200
    assert answered() == "Roma"
    path = f"/api/restaurants/{second['id']}/callers"
    put = api.client.put(path, json={"callers": ["+1 (415) 555-0142", CALLER]})
    assert (put.status_code, put.json()) == (200, {"callers": [CALLER]})
    assert (answered(), answered("+14155550143")) == ("Milano", "Roma")
    taken = api.client.put(f"/api/restaurants/{first['id']}/callers", json={"callers": [CALLER]})
    assert (taken.status_code, taken.json()["code"]) == (409, "conflict")
    assert "Milano" in taken.json()["detail"]
    message = to(second, "end-of-call-report 2026")
    assert post(api, message) == {}
    assert calls(api, second)[message["call"]["id"]]["restaurant_id"] == second["id"]
    assert api.client.put(path, json={"callers": []}).json() == {"callers": []}
    assert answered() == "Roma"


def test_a_caller_is_taken_and_known_in_either_form_of_its_number(api: Api) -> None:
    first, second = sharing(api)
    path = f"/api/restaurants/{first['id']}/callers"
    put = api.client.put(path, json={"callers": ["+52 1 55 1234 5678", "+541123456789"]})
    assert (put.status_code, put.json()) == (200, {"callers": ["+525512345678", "+541123456789"]})
    for caller in ("+5215512345678", "+525512345678", "+5491123456789"):
        answer = post(api, to(second, customer={"number": caller}))
        assert answer["assistantOverrides"]["variableValues"]["restaurant_name"] == "Roma"
        taken = api.client.put(f"/api/restaurants/{second['id']}/callers", json={"callers": [caller]})
        assert (taken.status_code, taken.json()["code"]) == (409, "conflict")


@pytest.mark.parametrize("callers", [["12"], ["anonymous"], ["4155550142"], [""], [7], "x", None, ["+1415555014" * 9]])
def test_callers_that_are_no_numbers_are_refused_and_change_nothing(api: Api, roma: Json, callers: Any) -> None:
    path = f"/api/restaurants/{roma['id']}/callers"
    assert api.client.put(path, json={"callers": [CALLER]}).status_code == 200
    refused = api.client.put(path, json={"callers": callers})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_input")
    assert api.get(path) == {"callers": [CALLER]}


def test_callers_belong_to_a_restaurant_that_exists(api: Api, roma: Json) -> None:
    assert api.client.put("/api/restaurants/rst_none/callers", json={"callers": []}).status_code == 404
    assert api.client.get("/api/restaurants/rst_none/callers").status_code == 404
    own = {"Authorization": f"Bearer {roma['api_key']}"}
    path = f"/api/restaurants/{roma['id']}/callers"
    assert api.anonymous.get(path, headers=own).json() == {"callers": []}
    assert api.anonymous.put(path, headers=own, json={"callers": []}).status_code == 403


# --- whose number it is ----------------------------------------------------------------------------------------------


def test_a_number_is_looked_up_in_any_notation(api: Api) -> None:
    roma = api.create("Roma", force_twilio=True, area_code=api.area())
    number = roma["phone_number"]
    national = roma["phone_number_national"]
    user = {"id": roma["id"], "name": roma["name"]}
    for written in (number, number[1:], national, national.replace(" ", "/"), f"tel:{number}", number[2:]):
        found = api.get(f"/api/phone-mappings/{quote(written, safe='')}")
        assert found == {
            "number": number,
            "state": "in_service",
            "shared": False,
            "restaurant": user,
            "restaurants": [user | {"active": True}],
            "former_restaurant_id": None,
            "cooling_until": None,
        }


def test_a_shared_number_tells_who_shares_it_and_who_answers(api: Api) -> None:
    first, second = sharing(api)
    found = api.get(f"/api/phone-mappings/{first['phone_number']}")
    assert found["shared"]
    assert found["restaurant"]["id"] == second["id"]
    assert {(user["id"], user["active"]) for user in found["restaurants"]} == {
        (first["id"], False),
        (second["id"], True),
    }


def test_a_number_that_cools_down_tells_whose_it_was(api: Api, setting: Any) -> None:
    setting(number_cooldown_hours=1)
    gone = api.create()
    api.client.delete(f"/api/restaurants/{gone['id']}").raise_for_status()
    found = api.get(f"/api/phone-mappings/{gone['phone_number']}")
    assert (found["state"], found["restaurant"], found["restaurants"]) == ("cooling_down", None, [])
    assert found["former_restaurant_id"] == gone["id"]
    assert found["cooling_until"]


@pytest.mark.parametrize(("number", "status"), [("+19995550100", 404), ("12", 422), ("x" * 400, 422), ("%20", 422)])
def test_a_number_that_is_none_or_unknown_is_said_so(api: Api, number: str, status: int) -> None:
    assert api.client.get(f"/api/phone-mappings/{number}").status_code == status


def test_mappings_are_the_operators(api: Api, roma: Json) -> None:
    own = {"Authorization": f"Bearer {roma['api_key']}"}
    assert api.anonymous.get(f"/api/phone-mappings/{roma['phone_number']}", headers=own).status_code == 403


# --- lists of calls --------------------------------------------------------------------------------------------------


def test_calls_are_paged_newest_first_without_gap_or_repetition(api: Api, roma: Json) -> None:
    ids = []
    for _ in range(7):
        message = to(roma, "end-of-call-report 2026")
        assert post(api, message) == {}
        ids.append(message["call"]["id"])
    path, cursor, seen = f"/api/restaurants/{roma['id']}/calls", None, []
    while True:
        page = api.get(path, limit=3, **({"cursor": cursor} if cursor else {}))
        seen += [call["id"] for call in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == ids[::-1]
    assert [call["id"] for call in api.get("/api/calls", limit=7)["items"]] == ids[::-1]


@pytest.mark.parametrize("cursor", ["x", "cnN0XzBkbTJwOHYxeGs0dDlyM3E", "OTk5OTk5OTk5OTk5OTk5OTk5OSB4", "MTIz"])
def test_a_cursor_of_another_list_is_refused(api: Api, cursor: str) -> None:
    answer = api.client.get("/api/calls", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")


def test_a_restaurants_key_reads_its_own_calls_alone(api: Api, roma: Json) -> None:
    assert post(api, to(roma, "end-of-call-report 2026")) == {}
    own = {"Authorization": f"Bearer {roma['api_key']}"}
    other = api.create()
    answer = api.anonymous.get(f"/api/restaurants/{roma['id']}/calls", headers=own)
    assert len(answer.json()["items"]) == 1
    assert api.anonymous.get(f"/api/restaurants/{other['id']}/calls", headers=own).status_code == 403
    assert [call["restaurant_id"] for call in api.anonymous.get("/api/calls", headers=own).json()["items"]] == [
        roma["id"]
    ]
    assert api.client.get("/api/restaurants/rst_none/calls").status_code == 404
