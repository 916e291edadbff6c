"""Numbers that are moved, swapped, taken off and described over HTTP, by whatever a restaurant is called."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from tests.api.conftest import Api, until
from trunkline.db import routes


def named(api: Api, phone: bool = True) -> tuple[str, str]:
    """(id, name) of a new restaurant."""
    made = api.create(f"Casa {uuid.uuid4().hex[:8]}", assign_phone=phone)
    return made["id"], made["name"]


def test_a_number_is_moved_to_a_restaurant_by_its_name_and_once_for_one_key(api: Api) -> None:
    (old, _), (new, name) = named(api), named(api, phone=False)
    number = api.get(f"/api/restaurants/{old}")["phone_number"]
    key = {"Idempotency-Key": uuid.uuid4().hex}
    body = {"to": name, "reason": "sold"}
    answers = [api.post(f"/api/numbers/{number}/move", body, **key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    moved = answers[0].json()
    assert (moved["from_restaurant_id"], moved["to_restaurant_id"], moved["status"]) == (old, new, "done")
    assert answers[1].json() == moved
    assert answers[1].headers["Idempotent-Replayed"] == "true"
    assert api.get(answers[0].headers["Location"])["steps"] == moved["steps"]
    assert [step["name"] for step in moved["steps"]] == ["check_connection", "hand_over"]
    assert api.get(f"/api/restaurants/{name}")["phone_number"] == number
    again = api.post(f"/api/numbers/{number}/move", {"to": new})
    assert (again.status_code, again.json()["message"]) == (200, f"{number} serves {name} already")


def test_what_cannot_be_moved_is_said_with_what_to_do(api: Api) -> None:
    (old, _), (new, name) = named(api), named(api)
    number, own = (api.get(f"/api/restaurants/{one}")["phone_number"] for one in (old, new))
    refused = api.post(f"/api/numbers/{number}/move", {"to": new})
    assert (refused.status_code, refused.json()["code"]) == (409, "already_assigned")
    assert refused.json()["detail"] == f"{name} has {own}"
    assert api.post("/api/numbers/+12025550199/move", {"to": new}).status_code == 404
    assert api.post(f"/api/numbers/{number}/move", {"to": "nobody has this name"}).status_code == 404
    swapped = api.post(f"/api/restaurants/{old}/swap-phone", {"other": name})
    assert (swapped.status_code, swapped.json()["own_number"]) == (200, "swap")
    assert api.get(f"/api/restaurants/{old}")["phone_number"] == own
    api.client.delete(f"/api/restaurants/{new}").raise_for_status()
    assert api.post(f"/api/numbers/{own}/move", {"to": new}).status_code == 404


def test_a_number_is_described_and_taken_off(api: Api) -> None:
    restaurant, _ = named(api)
    number = api.get(f"/api/restaurants/{restaurant}")["phone_number"]
    said = {"protected": True, "labels": ["vanity", "vanity"], "release_after": "2030-01-01T00:00:00Z"}
    changed = api.client.patch(f"/api/numbers/{number}", json=said).json()
    assert {k: changed[k] for k in said} == said | {"labels": ["vanity"]}
    changed = api.client.patch(f"/api/numbers/{number}", json={"release_after": None, "protected": False}).json()
    assert (changed["release_after"], changed["protected"], changed["labels"]) == (None, False, ["vanity"])
    wrong = api.client.patch(f"/api/numbers/{number}", json={"labels": [" "]})
    assert (wrong.status_code, wrong.json()["field"]) == (422, "labels")
    taken = api.post(f"/api/numbers/{number}/unassign", {}).json()
    assert (taken["restaurants"], taken["idle_since"] is not None) == ([], True)
    assert api.post(f"/api/numbers/{number}/unassign", {}).status_code == 409


def test_a_loop_that_runs_twice_makes_no_twins(api: Api) -> None:
    body = {"name": "Casa", "external_id": uuid.uuid4().hex, "metadata": {"a": "1"}, "assign_phone": False}
    first, second = api.post("/api/restaurants", body), api.post("/api/restaurants", body)
    assert (first.status_code, second.status_code) == (201, 200)
    made = second.json()
    assert (made["id"], made["api_key"], second.headers["Location"]) == (
        first.json()["id"],
        None,
        f"/api/restaurants/{first.json()['id']}",
    )
    change = {"name": "Casa Nuova", "metadata": {"a": "", "b": "2"}, "criteria": {"country": "us"}}
    changed = api.client.patch(f"/api/restaurants/{body['external_id']}", json=change).json()
    assert (changed["name"], changed["metadata"], changed["criteria"]) == ("Casa Nuova", {"b": "2"}, {"country": "US"})
    cleared = api.client.patch(f"/api/restaurants/{made['id']}", json={"metadata": None, "external_id": None}).json()
    assert (cleared["metadata"], cleared["external_id"]) == ({}, None)
    wrong = api.client.patch(f"/api/restaurants/{made['id']}", json={"name": None})
    assert (wrong.status_code, wrong.json()["field"]) == (422, "name")


def test_a_name_of_several_is_no_name(api: Api) -> None:
    name = f"Casa {uuid.uuid4().hex[:8]}"
    ids = [api.create(name, assign_phone=False)["id"] for _ in range(2)]
    refused = api.client.delete(f"/api/restaurants/{name}")
    assert (refused.status_code, refused.json()["detail"]) == (
        409,
        f"several restaurants are called {name}: {', '.join(ids)}",
    )


def test_a_picked_number_that_cannot_be_had_is_refused_before_anything_is_made(api: Api) -> None:
    restaurant, name = named(api)
    number = api.get(f"/api/restaurants/{restaurant}")["phone_number"]
    taken = api.post("/api/restaurants", {"name": "Casa", "phone_number": number})
    assert (taken.status_code, taken.json()["code"], taken.json()["field"]) == (
        409,
        "number_in_service",
        "phone_number",
    )
    assert taken.json()["detail"] == f"{number} serves {name}"
    both = api.post("/api/restaurants", {"name": "Casa", "phone_number": number, "country": "US"})
    assert (both.status_code, both.json()["field"]) == (422, "phone_number")


def test_a_move_that_fails_leaves_whose_the_number_was(api: Api, setting: Callable[..., None]) -> None:
    setting(number_cooldown_hours=168)
    roma, other = api.create(), api.create(assign_phone=False)
    number = roma["phone_number"]
    assert api.post(f"/api/numbers/{number}/unassign").status_code == 200
    until(lambda: not api.owes(number))
    api.sandbox.fault(provider="vapi", operation="phone_numbers.list_v2", kind="status", status=503)
    assert api.post(f"/api/numbers/{number}/move", {"to": other["id"]}).status_code >= 400
    api.sandbox.control.delete("/faults").raise_for_status()
    former: list[str | None] = []

    async def look() -> None:
        async with api.services.database.read() as session:
            route = await routes.one(session, [], number)
        former.append(route.former.restaurant_id if route and route.former else None)

    api.app.do(look())
    assert former == [roma["id"]]
    assert api.get(f"/api/numbers/{number}")["former_restaurant_id"] == roma["id"]
    back = api.post(f"/api/restaurants/{roma['id']}/phone", {"phone_number": number})
    assert (back.status_code, back.json()["phone_number"]) == (201, number)


def test_a_move_that_vapi_stops_is_asked_for_again_later(api: Api) -> None:
    number, (to, _) = api.idle(), named(api, phone=False)
    down = api.sandbox.fault(provider="vapi", operation="phone_numbers.list_v2", kind="status", status=503)
    refused = api.post(f"/api/numbers/{number}/move", {"to": to})
    api.sandbox.control.delete(f"/faults/{down}").raise_for_status()
    assert (refused.status_code, refused.json()["code"]) == (503, "carrier_unavailable")
    assert refused.json()["hint"] == f"try again with POST /api/numbers/{number}/move"
