"""Idempotency-Key: the same key and body get the same answer, and nothing happens twice."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import SecretStr

from tests.api.conftest import Api


def new_key() -> str:
    return str(uuid.uuid4())


def test_the_same_key_and_body_get_the_same_answer(api: Api) -> None:
    key, body = new_key(), {"name": "Once"}
    first = api.post("/api/restaurants", body, Idempotency_Key=key)
    again = api.post("/api/restaurants", body, Idempotency_Key=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"]
    mine = {"Authorization": f"Bearer {again.json()['api_key']}"}
    assert api.anonymous.get(f"/api/restaurants/{again.json()['id']}", headers=mine).status_code == 200


def test_what_the_body_leaves_out_is_what_it_says(api: Api) -> None:
    key = new_key()
    first = api.post("/api/restaurants", {"name": " Same "}, Idempotency_Key=key).json()
    said = {"name": "Same", "assign_phone": True, "force_twilio": False, "country": None}
    assert api.post("/api/restaurants", said, Idempotency_Key=key).json() == first


def test_the_same_key_with_another_body_is_refused(api: Api) -> None:
    key = new_key()
    api.post("/api/restaurants", {"name": "One", "assign_phone": False}, Idempotency_Key=key)
    answer = api.post("/api/restaurants", {"name": "Two", "assign_phone": False}, Idempotency_Key=key)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert api.get("/api/restaurants", search="Two")["items"] == []


def test_twenty_at_once_create_one_restaurant_and_get_one_answer(api: Api) -> None:
    key, name = new_key(), f"Twenty {uuid.uuid4().hex}"
    before = len(api.sandbox.held("twilio"))
    with ThreadPoolExecutor(20) as pool:
        answers = list(
            pool.map(
                lambda _: api.post("/api/restaurants", {"name": name, "force_twilio": True}, Idempotency_Key=key),
                range(20),
            )
        )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert len(api.get("/api/restaurants", search=name)["items"]) == 1
    assert len(api.sandbox.held("twilio")) <= before + 1


def test_who_comes_back_before_the_end_gets_the_end(api: Api) -> None:
    key, body = new_key(), {"name": "Back", "area_code": api.area()}
    api.sandbox.fault(provider="twilio", operation="available_numbers.search", kind="latency", seconds=0.4, times=1)
    first = api.post("/api/restaurants", body, Idempotency_Key=key, Prefer="respond-async")
    assert (first.status_code, first.json()["assignment"]["status"]) == (202, "running")
    again = api.post("/api/restaurants", body, Idempotency_Key=key)
    assert (again.status_code, again.json()["assignment"]["status"]) == (201, "assigned")
    assert again.json()["api_key"] == first.json()["api_key"]
    assert again.headers["Idempotent-Replayed"] == "true"


def test_the_answer_is_kept_after_the_restaurant_is_gone(api: Api) -> None:
    key, body = new_key(), {"name": "Gone", "assign_phone": False}
    first = api.post("/api/restaurants", body, Idempotency_Key=key)
    api.client.delete(f"/api/restaurants/{first.json()['id']}")
    assert api.post("/api/restaurants", body, Idempotency_Key=key).content == first.content


def test_asking_for_a_number_twice_with_one_key_is_asking_once(api: Api) -> None:
    made, key = api.create(assign_phone=False), new_key()
    path = f"/api/restaurants/{made['id']}/phone"
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda _: api.post(path, {}, Idempotency_Key=key), range(5)))
    assert {answer.status_code for answer in answers} == {201}, [answer.text for answer in answers]
    assert len({answer.content for answer in answers}) == 1
    assert len(api.get("/api/assignments", restaurant_id=made["id"])["items"]) == 1
    other = api.post(path, {"area_code": "206"}, Idempotency_Key=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize("key", ["", "x" * 201, "caf\u00e9"])
def test_an_unusable_key_is_refused(api: Api, key: str) -> None:
    headers = {b"Idempotency-Key": key.encode("latin-1")}
    answer = api.client.post("/api/restaurants", json={"name": "Never"}, headers=headers)
    assert (answer.status_code, answer.json()["field"]) == (422, "Idempotency-Key")


def test_after_a_change_of_the_secret_no_wrong_key_is_shown(api: Api, setting: Callable[..., None]) -> None:
    key, body = new_key(), {"name": "Rotated", "assign_phone": False}
    api.post("/api/restaurants", body, Idempotency_Key=key)
    setting(vapi_secret_key=SecretStr("another-secret"))
    answer = api.post("/api/restaurants", body, Idempotency_Key=key, X_Vapi_Secret="another-secret")
    assert (answer.status_code, answer.json()["api_key"]) == (201, None)
