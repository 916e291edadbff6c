"""What is kept of calls: each is the same whatever order its messages come in, and no strange field costs a call."""

from __future__ import annotations

import itertools
import json
import random
import uuid
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from tests.api.conftest import Api, Json, until
from tests.api.vapi import PATH, UNMAPPED, calls, counted, post, to
from tests.support.vapi_messages import SHAPES, TOKEN
from trunkline.db.addresses import driver_url

STATUSES = ("status-update in-progress", "status-update forwarding", "status-update ended")


def test_a_report_is_in_the_log_when_it_is_answered(api: Api, roma: Json) -> None:
    message = to(roma, "end-of-call-report 2026")
    assert post(api, message) == {}
    (call,) = calls(api, roma).values()
    assert call.pop("first_seen_at")
    assert call == {
        "id": message["call"]["id"],
        "restaurant_id": roma["id"],
        "former": False,
        "caller": "+14155550142",
        "called": roma["phone_number"],
        "status": "ended",
        "ended_reason": "customer-ended-call",
        "started_at": "2026-03-02T18:00:01Z",
        "ended_at": "2026-03-02T18:01:31.500000Z",
        "duration_seconds": "90.5",
        "cost": "0.0912",
        "currency": "USD",
        "reported": True,
    }


def test_a_call_is_the_same_whatever_order_its_messages_come_in_and_however_often(api: Api, roma: Json) -> None:
    rng, shown = random.Random(11), []
    for order in itertools.permutations((*STATUSES, "end-of-call-report 2024")):
        call_id = str(uuid.uuid4())
        for name in (*order, *rng.choices(order, k=2)):
            assert post(api, to(roma, name, call_id)) == {}
        until(lambda call_id=call_id: counted(api, "trunkline_call_reports_waiting") == 0)  # type: ignore[misc]
        shown.append(calls(api, roma)[call_id] | {"id": None, "first_seen_at": None})
    assert all(call == shown[0] for call in shown)
    assert (shown[0]["status"], shown[0]["ended_reason"]) == ("ended", "customer-ended-call")
    assert (shown[0]["duration_seconds"], shown[0]["cost"]) == ("90.5", "0.0912")


def test_a_call_that_the_assistant_answered_without_us_counts_once(api: Api, roma: Json) -> None:
    def heard(name: str, call_id: str, **changes: Any) -> float:
        assert post(api, to(roma, name, call_id, **changes)) == {}
        until(lambda: counted(api, "trunkline_call_reports_waiting") == 0)
        return counted(api, "trunkline_calls_connected_total") - before

    before, both = counted(api, "trunkline_calls_connected_total"), str(uuid.uuid4())
    for _ in range(2):
        assert heard("status-update in-progress", both) == 1
        assert heard("status-update ended", both) == 1
        assert heard("end-of-call-report 2026", both) == 1
    for _ in range(2):
        assert heard("end-of-call-report 2026", f"{both[:-1]}x") == 2
    moment = "2026-03-02T18:00:01.000Z"
    assert heard("end-of-call-report 2026", f"{both[:-1]}y", startedAt=moment, endedAt=moment) == 2
    assert heard("status-update ended", f"{both[:-1]}z") == 2
    assert isinstance(post(api, to(roma)), dict)
    assert counted(api, "trunkline_calls_connected_total") == before + 2


STRANGE: dict[str, Any] = {
    "endedReason": [1],
    "cost": "a lot",
    "costBreakdown": 7,
    "startedAt": {"at": 1},
    "endedAt": "tomorrow",
    "durationSeconds": -1,
    "durationMs": True,
    "timestamp": None,
    "artifact": "none",
    "analysis": None,
    "assistant": 3,
    "customer": "somebody",
    "phoneNumber": [],
}


@pytest.mark.parametrize("field", STRANGE)
def test_a_strange_field_costs_only_itself(api: Api, roma: Json, field: str) -> None:
    message = to(roma, "end-of-call-report 2026")
    if field == "phoneNumber":
        message["call"]["phoneNumberId"] = api.get(f"/api/numbers/{roma['phone_number']}")["voice_id"]
    message[field] = STRANGE[field]
    assert post(api, message) == {}
    call = calls(api, roma)[message["call"]["id"]]
    assert call["reported"]
    lost = {
        "endedReason": "ended_reason",
        "startedAt": "started_at",
        "endedAt": "ended_at",
        "phoneNumber": "called",
    }
    assert [key for key, value in call.items() if value is None] == ([lost[field]] if field in lost else [])


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("+1\x00415", "+1415"),
        ("\ud83d half", "\ufffd half"),
        ("9" * 500, "9" * 80),
        ("sip:ann@example.test", "sip:ann@example.test"),
        ("anonymous", "anonymous"),
    ],
)
def test_a_callers_name_is_kept_as_a_database_can_hold_it(api: Api, roma: Json, value: str, shown: str) -> None:
    message = to(roma, "end-of-call-report 2026", customer=None)
    message["call"]["customer"] = {"number": value}
    assert post(api, message) == {}
    assert calls(api, roma)[message["call"]["id"]]["caller"] == shown


def test_numbers_that_json_does_not_have_spoil_nothing(api: Api, roma: Json) -> None:
    message = to(roma, "end-of-call-report 2026")
    body = json.dumps({"message": message}).replace("0.0912", "NaN").replace("90.5", "1e999")
    assert api.client.post(PATH, content=body.encode() + b" ").status_code == 200
    call = calls(api, roma)[message["call"]["id"]]
    assert (call["cost"], call["duration_seconds"]) == ("0.09", "90.5")


def test_a_report_that_names_no_call_is_kept_once(api: Api, roma: Json) -> None:
    message = to(roma, "end-of-call-report 2026")
    del message["call"]["id"]
    for _ in range(2):
        assert post(api, message) == {}
    (call,) = calls(api, roma).values()
    assert call["id"].startswith("unnamed-")
    assert post(api, message | {"type": "status-update", "status": "ended"}) == {}
    assert len(calls(api, roma)) == 1


def test_a_call_that_we_made_has_the_restaurant_as_its_caller(api: Api, roma: Json) -> None:
    message = to(roma, "end-of-call-report 2026")
    message["call"]["type"] = "outboundPhoneCall"
    assert post(api, message) == {}
    (call,) = calls(api, roma).values()
    assert (call["caller"], call["called"]) == (roma["phone_number"], "+14155550142")


def test_a_call_to_nobodys_number_is_in_the_log_too(api: Api) -> None:
    message = to({"phone_number": "+19995550100"}, "end-of-call-report 2026")
    assert post(api, message) == {}
    call = calls(api)[message["call"]["id"]]
    assert (call["restaurant_id"], call["called"], call["reported"]) == (None, "+19995550100", True)


def test_a_call_to_a_number_that_cools_down_belongs_to_its_former_restaurant(api: Api, setting: Any) -> None:
    setting(number_cooldown_hours=1)
    restaurant = api.create()
    assert api.client.delete(f"/api/restaurants/{restaurant['id']}").status_code == 200
    before = counted(api, 'trunkline_unrouted_calls_total{reason="cooling_down"}')
    assert post(api, to(restaurant)) == UNMAPPED
    assert counted(api, 'trunkline_unrouted_calls_total{reason="cooling_down"}') == before + 1
    (result,) = post(api, to(restaurant, "tool-calls flat"))["results"]
    assert "error" in result
    message = to(restaurant, "end-of-call-report 2026")
    assert post(api, message) == {}
    call = calls(api, restaurant)[message["call"]["id"]]
    assert (call["restaurant_id"], call["former"]) == (restaurant["id"], True)


def test_a_call_stays_with_whom_it_began(api: Api, setting: Any) -> None:
    setting(number_cooldown_hours=1)
    restaurant = api.create()
    message = to(restaurant, "status-update in-progress")
    assert post(api, message) == {}
    until(lambda: calls(api, restaurant))
    assert api.client.delete(f"/api/restaurants/{restaurant['id']}").status_code == 200
    assert post(api, to(restaurant, "end-of-call-report 2026", message["call"]["id"])) == {}
    call = calls(api, restaurant)[message["call"]["id"]]
    assert (call["former"], call["reported"]) == (False, True)


def test_no_secret_of_a_message_is_kept(api: Api, roma: Json) -> None:
    for name in SHAPES:
        post(api, to(roma, name))
    until(lambda: counted(api, "trunkline_call_reports_waiting") == 0)
    engine = create_engine(driver_url(api.services.settings.database_url, asynchronous=False))
    with engine.connect() as connection:
        kept = repr(connection.execute(text("SELECT * FROM calls WHERE restaurant_id = :id"), roma).all())
    engine.dispose()
    assert roma["id"] in kept
    for secret in (TOKEN, "another-secret-of-2024", "yet-another-secret"):
        assert secret not in kept


def test_a_tool_call_is_answered_for_whom_the_call_was_given_to(api: Api, roma: Json) -> None:
    """The number is moved while somebody talks to the restaurant that had it."""
    other, call_id = api.create(assign_phone=False), str(uuid.uuid4())
    post(api, to(roma, "assistant-request 2026", call_id))
    assert post(api, to(roma, "status-update in-progress", call_id)) == {}
    until(lambda: counted(api, "trunkline_call_reports_waiting") == 0)
    moved = api.post(f"/api/numbers/{roma['phone_number']}/move", {"to": other["id"]})
    assert moved.json()["status"] == "done", moved.text

    def asked_in(call: str) -> str:
        tool = {"id": "t1", "type": "function", "function": {"name": "get_restaurant", "arguments": "{}"}}
        message = to(roma, "status-update in-progress", call) | {"type": "tool-calls", "toolCallList": [tool]}
        (result,) = post(api, message)["results"]
        return str(json.loads(result["result"])["restaurant_id"])

    assert asked_in(call_id) == roma["id"]
    assert asked_in(str(uuid.uuid4())) == other["id"]
