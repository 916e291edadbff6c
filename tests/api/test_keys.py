"""Restaurants' keys: what yields them, and how they are renewed."""

from __future__ import annotations

import hashlib
import hmac
import uuid

import pytest
from pydantic import SecretStr

from tests.api.conftest import Api, Json
from tests.support.app_server import SECRET
from trunkline.domain.keys import api_key_of, follows_from, hash_key


def reads(api: Api, restaurant: Json, key: str) -> int:
    """The status that the key gets for its restaurant."""
    path = f"/api/restaurants/{restaurant['id']}"
    return api.anonymous.get(path, headers={"Authorization": f"Bearer {key}"}).status_code


@pytest.mark.parametrize("known", [SECRET, "a-secret-that-was-leaked-and-changed"])
def test_who_knows_the_operators_secret_and_an_id_cannot_compute_a_key(api: Api, known: str) -> None:
    mine = api.create(assign_phone=False)
    for text in (f"api-key:{mine['id']}", f"api-key::{mine['id']}", mine["id"]):
        digest = hmac.new(known.encode(), text.encode(), hashlib.sha256).hexdigest()
        assert reads(api, mine, f"tlr_{digest[:48]}") == 401
    assert reads(api, mine, mine["api_key"]) == 200


def test_neither_another_salt_nor_another_secret_yields_the_key() -> None:
    keys = {api_key_of(SecretStr(secret), salt, "rst_1") for secret in ("one", "two") for salt in ("a", "b")}
    assert len(keys) == 4
    assert not any(follows_from(SecretStr("one"), "rst_1", hash_key(key)) for key in keys)


def test_a_renewed_key_opens_at_once_and_the_one_before_no_more(api: Api) -> None:
    mine, other = api.create(assign_phone=False), api.create(assign_phone=False)
    answer = api.post(f"/api/restaurants/{mine['id']}/rotate-key")
    assert answer.status_code == 200
    renewed = answer.json()
    assert renewed["id"] == mine["id"]
    assert (reads(api, mine, mine["api_key"]), reads(api, mine, renewed["api_key"])) == (401, 200)
    assert (reads(api, other, renewed["api_key"]), reads(api, other, other["api_key"])) == (403, 200)
    again = api.post(f"/api/restaurants/{mine['id']}/rotate-key").json()
    assert (reads(api, mine, renewed["api_key"]), reads(api, mine, again["api_key"])) == (401, 200)


def test_a_repeated_creation_shows_the_key_while_it_is_the_restaurants(api: Api) -> None:
    body, key = {"name": "Again", "assign_phone": False}, str(uuid.uuid4())
    first = api.post("/api/restaurants", body, Idempotency_Key=key).json()
    assert api.post("/api/restaurants", body, Idempotency_Key=key).json()["api_key"] == first["api_key"]
    api.post(f"/api/restaurants/{first['id']}/rotate-key")
    assert api.post("/api/restaurants", body, Idempotency_Key=key).json() == first | {"api_key": None}


def test_there_is_no_key_of_a_restaurant_that_is_gone(api: Api) -> None:
    mine = api.create(assign_phone=False)
    api.client.delete(f"/api/restaurants/{mine['id']}")
    answer = api.post(f"/api/restaurants/{mine['id']}/rotate-key")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
