"""Restaurants' keys: they follow from nothing, are renewed, and open nothing of others."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from itertools import product

from tests.api.conftest import Api, Json, bearer
from tests.api.test_auth import OPEN
from trunkline.domain.keys import hash_key
from trunkline.domain.scopes import OF_KEYS, Scope


def reads(api: Api, restaurant: Json, key: str) -> int:
    """The status that the key gets for its restaurant."""
    return api.anonymous.get(f"/api/restaurants/{restaurant['id']}", headers=bearer(key)).status_code


def former(api: Api, restaurant: Json) -> str:
    """A key as restaurants were once created with, in the place of its own."""
    key = f"tlr_{uuid.uuid4().hex}{uuid.uuid4().hex[:16]}"
    (own,) = api.get("/api/keys", restaurant_id=restaurant["id"])["items"]
    api.post(f"/api/keys/{own['id']}/revoke")
    api.age("restaurants", restaurant["id"], api_key_hash=hash_key(key))
    return key


def test_a_restaurants_key_is_a_key_like_others_that_sees_it_alone(api: Api) -> None:
    mine = api.create(assign_phone=False)
    (own,) = api.get("/api/keys", restaurant_id=mine["id"])["items"]
    assert mine["api_key"].startswith(own["prefix"])
    assert (own["scopes"], own["restaurant_id"]) == (["restaurants:read", "calls:read"], mine["id"])
    assert mine["api_key_hint"] is None


def test_a_renewed_key_and_the_one_before_work_for_a_day(api: Api) -> None:
    mine, other = api.create(assign_phone=False), api.create(assign_phone=False)
    path = f"/api/restaurants/{mine['id']}/rotate-key"
    renewed = api.post(path).json()
    assert renewed["id"] == mine["id"]
    assert (reads(api, mine, mine["api_key"]), reads(api, mine, renewed["api_key"])) == (200, 200)
    assert (reads(api, other, renewed["api_key"]), reads(api, other, other["api_key"])) == (403, 200)
    again = api.post(path)
    assert (again.status_code, again.json()["field"]) == (409, "force")
    forced = api.post(path, {"force": True}).json()["api_key"]
    assert [reads(api, mine, key) for key in (mine["api_key"], renewed["api_key"], forced)] == [401, 401, 200]


def test_a_former_key_works_until_it_is_renewed_and_a_day_more(api: Api) -> None:
    mine, other = api.create(assign_phone=False), api.create(assign_phone=False)
    old, older = former(api, mine), former(api, other)
    assert (reads(api, mine, old), reads(api, other, old)) == (200, 403)
    renewed = api.post(f"/api/restaurants/{mine['id']}/rotate-key").json()["api_key"]
    assert (reads(api, mine, old), reads(api, mine, renewed)) == (200, 200)
    (own,) = api.get("/api/keys", restaurant_id=mine["id"])["items"]
    assert own["previous_until"]
    api.age("keys", own["id"], previous_until="2026-01-01 00:00:00+00:00")
    assert (reads(api, mine, old), reads(api, mine, renewed)) == (401, 200)
    forced = api.post(f"/api/restaurants/{other['id']}/rotate-key", {"force": True}).json()["api_key"]
    assert (reads(api, other, older), reads(api, other, forced)) == (401, 200)


def test_a_repeated_creation_answers_all_but_the_key(api: Api) -> None:
    body, key = {"name": "Again", "assign_phone": False}, str(uuid.uuid4())
    first = api.post("/api/restaurants", body, Idempotency_Key=key).json()
    again = api.post("/api/restaurants", body, Idempotency_Key=key).json()
    assert "rotate-key" in again["api_key_hint"]
    assert again == first | {"api_key": None, "api_key_hint": again["api_key_hint"]}


def test_who_could_not_make_a_restaurants_key_is_not_told_it(api: Api) -> None:
    some = api.key("restaurants:write", "restaurants:read", "keys:write")
    made = api.anonymous.post("/api/restaurants", json={"name": "Roma", "assign_phone": False}, headers=some).json()
    assert (made["api_key"], "calls:read" in made["api_key_hint"]) == (None, True)
    rows = {"rows": [{"name": "Napoli"}], "assign_phone": False}
    (row,) = api.anonymous.post("/api/restaurants/bulk", json=rows, headers=some).json()["created"]
    assert row["api_key"] is None
    refused = api.anonymous.post(f"/api/restaurants/{made['id']}/rotate-key", headers=some)
    assert (refused.status_code, refused.json()["field"]) == (403, "scopes")


def test_there_is_no_key_of_a_restaurant_that_is_gone(api: Api) -> None:
    mine = api.create(assign_phone=False)
    api.client.delete(f"/api/restaurants/{mine['id']}")
    answer = api.post(f"/api/restaurants/{mine['id']}/rotate-key")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


# --- nothing of others -----------------------------------------------------------------------------------------------


def requests(api: Api, values: dict[str, list[str]]) -> Iterator[tuple[str, str, str, Json]]:
    """(operation id, method, path, query) of every operation but the open ones, with each of these values in the places
    of its path that are so called, and with one that names another restaurant where that is asked for."""
    for path, methods in api.get("/openapi.json")["paths"].items():
        for method, operation in methods.items():
            if operation["operationId"] in OPEN or path.endswith("/api/vapi/server"):
                continue
            parameters = operation.get("parameters", [])
            places = [one["name"] for one in parameters if one["in"] == "path"]
            asked = [
                {},
                *({one["name"]: v} for one in parameters if one["in"] == "query" for v in values.get(one["name"], [])),
            ]
            for chosen, query in product(product(*(values.get(place, ["x"]) for place in places)), asked):
                filled = path
                for place, value in zip(places, chosen, strict=True):
                    filled = filled.replace("{" + place + "}", value)
                yield operation["operationId"], method.upper(), filled, query


def test_a_restaurants_key_with_every_scope_learns_nothing_of_another(api: Api) -> None:
    mark = uuid.uuid4().hex[:8]
    mine = api.create("Mine")
    theirs = api.create(f"Trattoria {mark}", external_id=f"pos-{mark}", metadata={"owner": f"owner {mark}"})
    number, caller = theirs["phone_number"], "+442071838750"
    api.client.put(f"/api/restaurants/{theirs['id']}/callers", json={"callers": [caller]}).raise_for_status()
    their_key = api.get("/api/keys", restaurant_id=theirs["id"])["items"][0]
    key = api.key(*(OF_KEYS - {Scope.KEYS_WRITE}), restaurant=mine["id"])
    keeper = api.key(Scope.KEYS_WRITE, restaurant=mine["id"])
    secret = {mark, number, number[2:], caller, theirs["id"], theirs["assignment"]["id"], their_key["id"]}
    values = {
        "restaurant_id": [theirs["id"], mine["id"]],
        "assignment_id": [theirs["assignment"]["id"], mine["assignment"]["id"]],
        "number": [number, mine["phone_number"]],
        "key_id": [their_key["id"]],
        "search": [mark],
        "subject": [number, theirs["id"], theirs["name"]],
        "external_id": [f"pos-{mark}"],
        "called": [number],
    }
    bodies: list[Json | None] = [
        None,
        {"to": theirs["id"], "other": theirs["id"]},
        {"name": "Mine too", "external_id": f"pos-{mark}"},
        {"phone_number": number},
        {"scopes": ["calls:read"], "restaurant": theirs["id"]},
        {"callers": [caller]},
    ]
    told = 0
    for name, method, path, query in requests(api, values):
        let_in = [key, keeper]
        for body in bodies if method in ("POST", "PUT", "PATCH") else [None]:
            for asks in tuple(let_in):
                with api.anonymous.stream(method, path, params=query, json=body, headers=asks) as answer:
                    told += answer.status_code < 300
                    if answer.status_code == 403 and body is None:
                        let_in.remove(asks)  # whatever it sends
                    if answer.headers["Content-Type"].startswith("text/event-stream"):
                        continue  # it never ends: read below
                    text = answer.read().decode()
                assert answer.status_code < 500, (name, text)
                asked = f"{path} {query} {body}"
                assert not any(known in text for known in secret if known not in asked), (name, asked, text)
    assert told > 5
    api.client.patch(f"/api/restaurants/{mine['id']}", json={"name": "the end"}).raise_for_status()
    all_of_it = {"Last-Event-ID": "evt_that_is_not_kept_any_more"}
    with api.anonymous.stream("GET", "/api/events/stream", headers=key | all_of_it) as answer:
        for line in answer.iter_lines():
            assert not any(known in line for known in secret), line
            if "the end" in line:
                break
    assert api.get(f"/api/restaurants/{theirs['id']}")["phone_number"] == number
    assert api.get(f"/api/keys/{their_key['id']}")["revoked_at"] is None
