"""What a restaurant's key is not told of other restaurants' numbers, and does not get of them."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from tests.api.conftest import Api, until


def test_it_is_not_told_whose_number_cools_down(api: Api, setting: Callable[..., None]) -> None:
    """All the digits of a number in `contains` are a pick, where somebody asks who may pick."""
    setting(number_cooldown_hours=168)
    secret = f"Trattoria {uuid.uuid4().hex[:8]}"
    theirs, mine = api.create(secret), api.create("Mine", assign_phone=False)
    number = theirs["phone_number"]
    assert api.post(f"/api/numbers/{number}/unassign").status_code == 200
    key = api.key("numbers:buy", "restaurants:read", restaurant=mine["id"])
    path = f"/api/restaurants/{mine['id']}/phone"
    picked = api.anonymous.post(path, json={"phone_number": number}, headers=key)
    assert (picked.status_code, picked.json()["field"]) == (403, "phone_number")
    answer = api.anonymous.post(path, json={"contains": number.removeprefix("+1")}, headers=key)
    assert (answer.status_code, answer.json()["phone_number"]) == (201, None)
    assert secret not in answer.text


def test_it_does_not_get_the_number_of_a_deleted_restaurant(api: Api, setting: Callable[..., None]) -> None:
    setting(number_cooldown_hours=168)
    theirs, mine = api.create(), api.create("Mine", assign_phone=False)
    number = theirs["phone_number"]
    assert api.client.delete(f"/api/restaurants/{theirs['id']}").status_code == 200
    until(lambda: not api.owes(number))
    key = api.key("numbers:buy", "restaurants:read", restaurant=mine["id"])
    body = {"contains": number.removeprefix("+1")}
    answer = api.anonymous.post(f"/api/restaurants/{mine['id']}/phone", json=body, headers=key)
    assert (answer.status_code, answer.json()["phone_number"]) == (201, None)


def test_it_does_not_ask_again_for_what_the_operator_has_picked(api: Api) -> None:
    """Another restaurant has that number by now."""
    number, secret = api.idle(), f"Trattoria {uuid.uuid4().hex[:8]}"
    down = api.sandbox.fault(provider="vapi", operation="phone_numbers.update", kind="status", status=503)
    mine = api.create("Mine", phone_number=number)
    assert mine["phone_number"] is None
    api.sandbox.control.delete(f"/faults/{down}").raise_for_status()
    assert api.create(secret, phone_number=number)["phone_number"] == number
    key = api.key("numbers:buy", "restaurants:read", restaurant=mine["id"])
    answer = api.anonymous.post(f"/api/assignments/{mine['assignment']['id']}/retry", headers=key)
    assert (answer.status_code, answer.json()["field"]) == (403, "phone_number")
    assert secret not in answer.text
