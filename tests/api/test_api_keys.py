"""Keys: made, shown once, renewed, revoked, and who may do so."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from tests.api.conftest import Api, Json, bearer, until
from trunkline.domain.keys import checksum, hash_key, may_be_key


def make(api: Api, *scopes: str, by: dict[str, str] | None = None, **wish: Any) -> httpx2.Response:
    asked = {"scopes": scopes or ("restaurants:read",)} | wish
    return api.anonymous.post("/api/keys", json=asked, headers=by) if by else api.post("/api/keys", asked)


def opens(api: Api, made: Json) -> int:
    """The status that the key gets."""
    return api.anonymous.get("/api/restaurants", headers=bearer(made["key"])).status_code


def refused(answer: httpx2.Response, status: int, field: str | None) -> str:
    problem = answer.json()
    assert (answer.status_code, problem.get("field")) == (status, field), problem
    return str(problem["detail"])


def test_a_key_is_shown_once_and_read_ever_after_without_it(api: Api) -> None:
    made = make(api, "restaurants:read", "calls:read", comment="for the shop").json()
    assert re.fullmatch(r"trk_[0-9A-Za-z]{32}_[0-9A-Za-z]{6}", made["key"])
    _, random, check = made["key"].split("_")
    assert check == checksum(random)
    assert made["key"].startswith(made["prefix"])
    read = api.client.get(f"/api/keys/{made['id']}")
    assert made["key"] not in read.text
    assert hash_key(made["key"]) not in read.text
    assert (read.json()["scopes"], read.json()["comment"]) == (["restaurants:read", "calls:read"], "for the shop")
    assert made["id"] in [one["id"] for one in api.all("/api/keys")]


def test_a_scanner_knows_a_key_by_its_checksum(api: Api) -> None:
    key = make(api).json()["key"]
    assert may_be_key(key)
    for other in (key[:-1], key + "0", key[:-1] + ("1" if key[-1] == "0" else "0"), key[:4] + key[5:], "trk_", "trk__"):
        assert not may_be_key(other)
        assert "not a key" in refused(api.anonymous.get("/api/keys", headers=bearer(other)), 401, "Authorization")


@pytest.mark.parametrize(
    ("wish", "status", "field"),
    [
        ({"scopes": ["numbers:sell"]}, 422, "scopes"),
        ({"scopes": []}, 422, "scopes"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, 422, "expires_at"),
        ({"expires_at": "soon"}, 422, "expires_at"),
        ({"comment": "x" * 201}, 422, "comment"),
        ({"restaurant": "rst_0000000000000000"}, 404, None),
    ],
)
def test_what_cannot_be_is_refused_by_its_field(api: Api, wish: Json, status: int, field: str | None) -> None:
    refused(api.post("/api/keys", {"scopes": ["calls:read"]} | wish), status, field)


def test_a_scope_that_opens_nothing_to_a_key_is_given_to_none(api: Api) -> None:
    answer = make(api, "restaurants:read", "webhook")
    assert "X-Vapi-Secret alone" in refused(answer, 422, "scopes")
    assert "webhook" not in answer.json()["hint"]
    listed = api.get("/openapi.json")["components"]["schemas"]["NewKey"]["properties"]["scopes"]["items"]["enum"]
    assert make(api, *listed).status_code == 201


def test_nobody_gives_what_he_has_not(api: Api) -> None:
    mine, other = api.create(assign_phone=False), api.create(assign_phone=False)
    end = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    some = api.key("keys:write", "restaurants:read")
    assert "numbers:buy" in refused(make(api, "restaurants:read", "numbers:buy", by=some), 403, "scopes")
    assert make(api, "restaurants:read", by=some).status_code == 201
    short = api.key("keys:write", "restaurants:read", expires_at=end)
    refused(make(api, by=short), 403, "expires_at")
    assert make(api, by=short, expires_at=end).status_code == 201
    own = api.key("keys:write", "restaurants:read", restaurant=mine["id"])
    refused(make(api, by=own, restaurant=other["id"]), 403, "restaurant")
    assert make(api, by=own).json()["restaurant_id"] == mine["id"]

    rich = make(api, "numbers:buy").json()
    refused(api.anonymous.post(f"/api/keys/{rich['id']}/rotate", headers=some), 403, "scopes")
    theirs = make(api, restaurant=other["id"]).json()
    for of in (rich["id"], theirs["id"], "key_none"):
        for way in (f"/api/keys/{of}/rotate", f"/api/keys/{of}/revoke"):
            refused(api.anonymous.post(way, headers=own), 403, None)
        refused(api.anonymous.get(f"/api/keys/{of}", headers=own), 403, None)
    listed = api.anonymous.get("/api/keys", headers=own).json()["items"]
    assert {one["restaurant_id"] for one in listed} == {mine["id"]}
    refused(api.anonymous.get("/api/keys", params={"restaurant_id": other["id"]}, headers=own), 403, None)


def test_a_renewed_key_and_the_one_before_work_for_a_day(api: Api) -> None:
    first = make(api).json()
    path = f"/api/keys/{first['id']}"
    second = api.post(f"{path}/rotate").json()
    assert (opens(api, first), opens(api, second)) == (200, 200)
    assert second["key"].startswith(second["prefix"])
    left = datetime.fromisoformat(second["previous_until"]) - datetime.fromisoformat(second["rotated_at"])
    assert left == timedelta(hours=24)
    refused(api.post(f"{path}/rotate"), 409, "force")
    third = api.post(f"{path}/rotate", {"force": True}).json()
    assert (opens(api, first), opens(api, second), opens(api, third)) == (401, 401, 200)
    fourth = api.post(f"{path}/rotate").json()
    assert (opens(api, third), opens(api, fourth)) == (200, 200)
    api.age("keys", first["id"], previous_until="2026-01-01 00:00:00+00:00")
    assert opens(api, fourth) == 200
    answer = api.anonymous.get("/api/restaurants", headers=bearer(third["key"]))
    assert "was renewed" in refused(answer, 401, "Authorization")


def test_a_revoked_key_opens_nothing_and_stays_readable(api: Api) -> None:
    made = make(api).json()
    path = f"/api/keys/{made['id']}"
    gone = api.post(f"{path}/revoke").json()
    assert gone["revoked_at"] == api.post(f"{path}/revoke").json()["revoked_at"] == api.get(path)["revoked_at"]
    answer = api.anonymous.get("/api/restaurants", headers=bearer(made["key"]))
    assert "was revoked" in refused(answer, 401, "Authorization")
    refused(api.post(f"{path}/rotate"), 409, "key_id")
    assert made["id"] not in [one["id"] for one in api.all("/api/keys")]
    assert made["id"] in [one["id"] for one in api.all("/api/keys", revoked=True)]


def test_an_expired_key_says_so(api: Api) -> None:
    made = make(api, expires_at=(datetime.now(UTC) + timedelta(days=1)).isoformat()).json()
    assert opens(api, made) == 200
    api.age("keys", made["id"], expires_at="2026-01-01 00:00:00+00:00")
    answer = api.anonymous.get("/api/restaurants", headers=bearer(made["key"]))
    assert "expired at 2026-01-01" in refused(answer, 401, "Authorization")
    refused(api.post(f"/api/keys/{made['id']}/rotate"), 409, "key_id")


def test_a_repeated_request_makes_one_key_and_tells_it_once(api: Api) -> None:
    once = {"Idempotency-Key": str(uuid.uuid4())}
    first, again = (make(api, by=dict(api.client.headers) | once, comment="once") for _ in range(2))
    assert again.json() == first.json() | {"key": None}
    assert again.headers["Idempotent-Replayed"] == "true"


def test_the_key_ends_with_its_restaurant(api: Api) -> None:
    mine = api.create(assign_phone=False)
    made = make(api, restaurant=mine["id"]).json()
    path, key = f"/api/restaurants/{mine['id']}", bearer(made["key"])
    assert api.anonymous.get(path, headers=key).status_code == 200
    api.client.delete(path)
    assert api.anonymous.get(path, headers=key).status_code == 401


def test_when_and_from_where_a_key_was_used_is_kept(api: Api) -> None:
    made = make(api).json()
    path = f"/api/keys/{made['id']}"
    assert (made["last_used_at"], made["last_used_from"]) == (None, None)
    assert opens(api, made) == 200
    until(lambda: api.get(path)["last_used_at"])
    used = api.get(path)
    assert used["last_used_from"] == "127.0.0.1"
    for _ in range(3):
        assert opens(api, made) == 200
    assert api.get(path)["last_used_at"] == used["last_used_at"]


def test_a_key_is_made_together_with_its_budget_or_not_at_all(api: Api) -> None:
    made = make(api, "numbers:buy", budget={"max_purchases": 2, "max_spending": "5.50"}).json()
    budget = api.get(f"/api/budgets/{made['id']}")
    assert (budget["kind"], budget["max_purchases"], budget["max_numbers"]) == ("key", 2, None)
    before = {one["id"] for one in api.all("/api/keys")}
    for scopes, limits, status, field in (
        (["keys:write"], {"max_purchases": 2}, 409, None),  # it could raise it
        (["numbers:buy"], {"max_purchases": -1}, 422, "budget.max_purchases"),
        (["numbers:buy"], {}, 422, "max_numbers"),
    ):
        refused(make(api, *scopes, budget=limits), status, field)
    roma = api.create(assign_phone=False)
    own = api.key("keys:write", "numbers:buy", restaurant=roma["id"])
    refused(make(api, "numbers:buy", by=own, budget={"max_purchases": 2}), 403, "budget")
    after = {one["id"] for one in api.all("/api/keys")}
    assert len(after - before) == 2  # of the restaurant, and the one that asked


def test_a_key_revokes_none_that_may_more(api: Api) -> None:
    strong = api.post("/api/keys", {"scopes": ["restaurants:write", "numbers:buy", "keys:write"]}).json()
    weak = api.key("keys:write")
    for act in ("rotate", "revoke"):
        refused = api.anonymous.post(f"/api/keys/{strong['id']}/{act}", headers=weak)
        assert (refused.status_code, refused.json()["field"]) == (403, "scopes"), act
