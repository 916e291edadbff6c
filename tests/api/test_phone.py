"""POST /api/restaurants/{id}/phone and /activate-phone: later, again after a failure, and on a trial account."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.conftest import Api, path_of

GONE = {"code": 21422, "message": "is not available", "more_info": "", "status": 400}
KEYS = {"code": 20003, "message": "Authenticate", "more_info": "", "status": 401}


def test_a_restaurant_gets_its_number_later(api: Api) -> None:
    made = api.create(assign_phone=False)
    answer = api.post(f"/api/restaurants/{made['id']}/phone")
    assert answer.status_code == 201
    assert answer.json()["phone_number"] is not None
    assert answer.headers["Location"] == f"/api/restaurants/{made['id']}"
    assert "api_key" not in answer.json()


def test_the_later_number_is_as_it_was_asked_for(api: Api) -> None:
    made = api.create(assign_phone=False)
    code = api.area()
    answer = api.post(f"/api/restaurants/{made['id']}/phone", {"area_code": code, "force_twilio": True})
    assert answer.json()["phone_number"].startswith(f"+1{code}")


def test_who_has_a_number_of_its_own_gets_no_second_one(api: Api) -> None:
    made = api.create()
    answer = api.post(f"/api/restaurants/{made['id']}/phone", {})
    assert (answer.status_code, answer.json()["code"]) == (409, "already_assigned")
    assert made["phone_number"] in answer.json()["detail"]


def test_a_second_assignment_is_refused_while_one_runs(api: Api) -> None:
    made = api.create(assign_phone=False)
    path = f"/api/restaurants/{made['id']}/phone"
    api.sandbox.fault(provider="twilio", operation="available_numbers.search", kind="latency", seconds=0.5, times=1)
    first = api.post(path, {"area_code": api.area()}, Prefer="respond-async")
    assert (first.status_code, first.headers["Preference-Applied"]) == (202, "respond-async")
    second = api.post(path, {})
    assert (second.status_code, second.json()["code"]) == (409, "assignment_running")
    api.ended(first.json()["assignment"]["id"])


def test_a_restaurant_that_does_not_exist_gets_none(api: Api) -> None:
    answer = api.post("/api/restaurants/rst_none/phone", {})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


NOTHING: dict[str, Any] = {"available_phone_numbers": []}
# What Twilio answers; what is asked for ({}: an area code that has stock); how the assignment ends, and its hint.
FAILURES: dict[str, tuple[dict[str, Any], dict[str, Any], str, str, str]] = {
    "carrier down": ({"status": 503}, {}, "failed", "carrier_unavailable", "try again"),
    "wrong keys": ({"status": 401, "body": KEYS}, {}, "unassigned", "carrier_action_required", "TWILIO_AUTH_TOKEN"),
    "no stock": (
        {"operation": "available_numbers.search", "status": 200, "body": NOTHING},
        {},
        "unassigned",
        "no_numbers_found",
        "leave out contains, area_code or number_type",
    ),
    "every number gone": (
        {"operation": "incoming_numbers.create", "status": 400, "body": GONE},
        {},
        "unassigned",
        "no_numbers_found",
        "try again",
    ),
    "address needed": (
        {},
        {"country": "GB", "number_type": "local"},
        "unassigned",
        "carrier_action_required",
        "TWILIO_ADDRESS_SID",
    ),
    "carrier not configured": ({}, {"carrier": "vonage"}, "unassigned", "carrier_not_configured", "CARRIERS"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_carriers_failure_leaves_a_restaurant_with_a_reason_and_it_gets_its_number_later(
    api: Api, setting: Callable[..., None], name: str
) -> None:
    fault, wish, status, reason, hint = FAILURES[name]
    setting(retry_for_seconds=0.3)
    code = api.area()
    if fault:
        api.refuse(**({"operation": "*"} | fault))
    made = api.create(**(wish or {"area_code": code}))
    assert made["phone_number"] is None
    assignment = made["assignment"]
    assert (assignment["status"], assignment["reason"]) == (status, reason)
    assert assignment["message"]
    assert hint in assignment["hint"]
    assert f"POST /api/restaurants/{made['id']}/phone" in assignment["hint"]
    api.sandbox.control.delete("/faults")
    later = api.post(f"/api/restaurants/{made['id']}/phone", {"area_code": code})
    assert later.json()["phone_number"].startswith(f"+1{code}"), later.text


def test_a_number_gone_between_search_and_purchase_is_followed_by_the_next(api: Api) -> None:
    api.refuse("incoming_numbers.create", 400, GONE, times=2)
    assignment = api.create(area_code=api.area())["assignment"]
    assert assignment["status"] == "assigned"
    bought = api.sandbox.requests(provider="twilio", operation="incoming_numbers.create")[-3:]
    assert [request["status"] for request in bought] == [400, 400, 201]


def test_the_voice_platform_being_down_is_named_as_such(api: Api, setting: Callable[..., None]) -> None:
    setting(retry_for_seconds=0.2)
    api.sandbox.fault(provider="vapi", kind="status", status=503)
    assignment = api.create()["assignment"]
    assert (assignment["status"], assignment["reason"]) == ("failed", "voice_platform_unavailable")


def test_on_a_trial_account_restaurants_share_the_number_and_say_so(api: Api) -> None:
    first = api.create()
    api.trial(True)
    code = api.area()
    second = api.create(area_code=code)
    assert (second["shared"], second["active"]) == (True, True)
    assert second["assignment"]["source"] == "shared"
    assert path_of(second["assignment"])[-1] == "reuse_trial_number"
    assert second["phone_number"] == first["phone_number"]
    assert second["shared_with"] == [{"id": first["id"], "name": first["name"]}]
    before = api.get(f"/api/restaurants/{first['id']}")
    assert (before["shared"], before["active"]) == (True, False)
    assert before["shared_with"] == [{"id": second["id"], "name": second["name"]}]

    switched = api.post(f"/api/restaurants/{first['id']}/activate-phone")
    assert (switched.status_code, switched.json()["active"]) == (200, True)
    assert api.get(f"/api/restaurants/{second['id']}")["active"] is False

    api.trial(False)
    own = api.post(f"/api/restaurants/{second['id']}/phone", {"area_code": code}).json()
    assert (own["shared"], own["assignment"]["source"]) == (False, "purchased")
    assert api.get(f"/api/restaurants/{first['id']}")["shared"] is False


def test_without_a_number_there_is_nothing_to_activate(api: Api) -> None:
    made = api.create(assign_phone=False)
    answer = api.post(f"/api/restaurants/{made['id']}/activate-phone")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
