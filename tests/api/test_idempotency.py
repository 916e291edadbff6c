"""Idempotency-Key: the same key and body get the same answer, and nothing happens twice."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.api.conftest import Api, Json, until, without_key


def new_key() -> str:
    return str(uuid.uuid4())


def test_the_same_key_and_body_get_the_same_answer(api: Api) -> None:
    key, body = new_key(), {"name": "Once"}
    first = api.post("/api/restaurants", body, Idempotency_Key=key)
    again = api.post("/api/restaurants", body, Idempotency_Key=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert without_key(again.json()) == without_key(first.json())
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"]


def test_what_the_body_leaves_out_is_what_it_says(api: Api) -> None:
    key = new_key()
    first = api.post("/api/restaurants", {"name": " Same "}, Idempotency_Key=key).json()
    said = {"name": "Same", "assign_phone": True, "force_twilio": False, "country": None}
    assert without_key(api.post("/api/restaurants", said, Idempotency_Key=key).json()) == without_key(first)


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
    answered = [answer.json() for answer in answers]
    assert all(without_key(one) == without_key(answered[0]) for one in answered)
    assert len([one for one in answered if one["api_key"]]) == 1
    assert len(api.get("/api/restaurants", search=name)["items"]) == 1
    assert len(api.sandbox.held("twilio")) <= before + 1


def test_who_comes_back_before_the_end_gets_the_end(api: Api) -> None:
    key, body = new_key(), {"name": "Back", "area_code": api.area()}
    api.sandbox.fault(provider="twilio", operation="available_numbers.search", kind="latency", seconds=0.4, times=1)
    first = api.post("/api/restaurants", body, Idempotency_Key=key, Prefer="respond-async")
    assert (first.status_code, first.json()["assignment"]["status"]) == (202, "running")
    again = api.post("/api/restaurants", body, Idempotency_Key=key)
    assert (again.status_code, again.json()["assignment"]["status"]) == (201, "assigned")
    assert (bool(first.json()["api_key"]), again.json()["api_key"]) == (True, None)
    assert again.headers["Idempotent-Replayed"] == "true"


def test_the_answer_is_kept_after_the_restaurant_is_gone(api: Api) -> None:
    key, body = new_key(), {"name": "Gone", "assign_phone": False}
    first = api.post("/api/restaurants", body, Idempotency_Key=key)
    api.client.delete(f"/api/restaurants/{first.json()['id']}")
    again = api.post("/api/restaurants", body, Idempotency_Key=key)
    assert without_key(again.json()) == without_key(first.json())


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


def offered(api: Api) -> str:
    return f"+1{api.area(1)}5550100"


def idle(api: Api) -> str:
    """A number that was bought for stock."""
    number = offered(api)
    assert api.post("/api/numbers", {"number": number}).status_code == 201
    return number


def stopped(api: Api, change: str) -> str:
    """A batch that has been cancelled, or the assignment of a restaurant that has lost its number."""
    made = api.create(assign_phone=False)
    if change == "retry":
        assignment = api.post(f"/api/restaurants/{made['id']}/phone", {}).json()["assignment"]
        api.post(f"/api/numbers/{assignment['phone_number']}/release", {"force": True})
        return str(assignment["id"])
    api.sandbox.fault(provider="twilio", operation="available_numbers.search", kind="latency", seconds=0.4, times=1)
    batch = api.post("/api/batches", {"search": made["name"], "area_code": api.area()}).json()["id"]
    assert api.post(f"/api/batches/{batch}/cancel").status_code == 200
    until(lambda: not api.get(f"/api/batches/{batch}")["counts"]["running"])
    return str(batch)


# What begins something: its path and body, and another body if it has any.
BEGUN: dict[str, Callable[[Api], tuple[str, Json, Json | None]]] = {
    "buy": lambda api: ("/api/numbers", {"number": offered(api)}, {"number": offered(api)}),
    "import": lambda api: (f"/api/numbers/{idle(api)}/import", {}, {"carrier": "twilio"}),
    "release": lambda api: (f"/api/numbers/{idle(api)}/release", {"give_back": True}, {"give_back": False}),
    "retry": lambda api: (f"/api/assignments/{stopped(api, 'retry')}/retry", {}, None),
    "batch": lambda api: ("/api/batches", {"search": api.create(assign_phone=False)["name"]}, {}),
    "resume": lambda api: (f"/api/batches/{stopped(api, 'batch')}/resume", {}, None),
    "repoint": lambda api: ("/api/numbers/repoint", {}, None),
}


@pytest.mark.parametrize("name", BEGUN)
def test_whatever_is_begun_with_a_key_is_begun_once(api: Api, name: str) -> None:
    path, body, other_body = BEGUN[name](api)
    key = new_key()
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda _: api.post(path, body, Idempotency_Key=key), range(3)))
    assert {answer.status_code for answer in answers} <= {200, 201, 202}, [answer.text for answer in answers]
    assert len({(answer.status_code, answer.content, answer.headers.get("Location")) for answer in answers}) == 1
    assert [answer.headers.get("Idempotent-Replayed") for answer in answers].count(None) == 1
    other_path = path if other_body is not None else "/api/batches"
    other = api.post(other_path, other_body, Idempotency_Key=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    until(lambda: "running" not in [batch["status"] for batch in api.get("/api/batches")["items"]])


def test_a_purchase_that_is_asked_for_again_is_told_as_it_ended(api: Api, setting: Callable[..., None]) -> None:
    """One that was refused is refused again; one whose reply was lost is told once it has turned out."""
    refused, lost = offered(api), offered(api)
    key, path = new_key(), "/api/numbers"
    api.sandbox.fault(provider="twilio", operation="incoming_numbers.create", kind="status", status=400, times=1)
    first = api.post(path, {"number": refused}, Idempotency_Key=key)
    again = api.post(path, {"number": refused}, Idempotency_Key=key)
    assert first.status_code >= 400
    assert (again.status_code, again.json()["code"]) == (first.status_code, first.json()["code"])
    assert refused not in str(api.sandbox.held("twilio"))

    key = new_key()
    api.sandbox.fault(provider="twilio", operation="incoming_numbers.create", kind="drop", when="after", times=1)
    assert api.post(path, {"number": lost}, Idempotency_Key=key).json()["code"] == "outcome_unknown"
    [owed] = [debt["subject"] for debt in api.get("/api/debts")["items"] if debt["kind"] == "intent_unknown"]
    setting(provider_timeout_seconds=0.1, listing_lag_seconds=0.1)  # it shows in the carrier's list by now
    api.hurry(owed)
    until(lambda: api.post(path, {"number": lost}, Idempotency_Key=key).status_code == 201)
    assert api.get(f"/api/numbers/{lost}")["state"] == "idle"


def test_every_operation_that_begins_something_takes_a_key(api: Api) -> None:
    settled = {"cancelBatch", "activatePhone", "rotateKey", "acceptAccount", "takeOverInstallation", "vapiWebhook"}
    settled |= {"unassignNumber", "eraseCaller", "eraseRestaurant", "holdNumber", "revokeKey", "rotateApiKey"}
    settled |= {"cancelApply", "rotateEndpoint", "sendExample", "recoverEndpoint", "resendEvent"}
    posts = [methods["post"] for methods in api.get("/openapi.json")["paths"].values() if "post" in methods]
    keyed = {
        operation["operationId"]
        for operation in posts
        if any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", []))
    }
    assert {operation["operationId"] for operation in posts} - keyed == settled


@pytest.mark.parametrize("key", ["", "x" * 201, "caf\u00e9"])
def test_an_unusable_key_is_refused(api: Api, key: str) -> None:
    headers = {b"Idempotency-Key": key.encode("latin-1")}
    answer = api.client.post("/api/restaurants", json={"name": "Never"}, headers=headers)
    assert (answer.status_code, answer.json()["field"]) == (422, "Idempotency-Key")
