"""Who may do what: the operator everything, a restaurant's key its own data, anyone else nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from tests.api.conftest import Api
from tests.support.app_server import SECRET
from trunkline.workflows.pace_callers import Callers

OPEN = {"health", "readiness"}
OF_VAPI = {"vapiWebhook"}  # Vapi proves itself in other ways as well
OF_WHOEVER_IS_KNOWN = {"getIdentity"}
OF_A_RESTAURANT = OF_WHOEVER_IS_KNOWN | {
    "getRestaurant",
    "listRestaurants",
    "listAssignments",
    "getAssignment",
    "listCalls",
}


def filled(path: str) -> str:
    """The path with a value in each place."""
    return re.sub(r"\{[^}]+\}", "x", path)


def operations(api: Api) -> Iterator[tuple[str, str, str]]:
    """(operation id, method, path with a value in each place) of every operation of the document but Vapi's."""
    for path, methods in api.get("/openapi.json")["paths"].items():
        for method, operation in methods.items():
            if operation["operationId"] not in OF_VAPI:
                yield operation["operationId"], method.upper(), filled(path)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Vapi-Secret": ""},
        {"X-Vapi-Secret": "wrong"},
        {"X-Vapi-Secret": SECRET + "x"},
        {"X-Vapi-Secret": SECRET[:-1]},
        {"Authorization": "Bearer tlr_" + "0" * 48},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic dHJ1bms6bGluZQ=="},
    ],
)
def test_without_the_right_secret_only_health_answers(api: Api, headers: dict[str, str]) -> None:
    for name, method, path in operations(api):
        answer = api.anonymous.request(method, path, headers=headers)
        if name in OPEN:
            assert answer.status_code == 200, name
        else:
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized"), name
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            assert SECRET not in answer.text


def test_the_secret_is_a_bearer_token_for_who_can_send_nothing_else(api: Api) -> None:
    token = {"Authorization": f"Bearer {SECRET}"}
    for name, method, path in operations(api):
        if name not in OPEN:
            answer = api.anonymous.request(method, path, headers=token)
            assert answer.status_code == (200 if name == "metrics" else 401), name
    key = {"Authorization": f"Bearer {api.create(assign_phone=False)['api_key']}"}
    assert api.anonymous.get("/metrics", headers=key).status_code == 403


@pytest.mark.parametrize("body", [b"{", b"[" * 30_000, b'{"name": "\xff"}', b"x" * 70_000, b'{"colour": 1}'])
def test_who_has_not_shown_a_secret_is_told_nothing_else(api: Api, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    for path in ("/api/restaurants", "/api/batches", "/api/no-such-path"):
        answer = api.anonymous.post(path, content=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized"), path


def test_a_restaurants_key_opens_its_own_data_and_nothing_else(api: Api) -> None:
    mine, other = api.create(), api.create()
    key = {"Authorization": f"Bearer {mine['api_key']}"}
    for name, method, path in operations(api):
        if name not in OPEN | OF_A_RESTAURANT:
            answer = api.anonymous.request(method, path, headers=key)
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), name
    for path in (
        f"/api/restaurants/{other['id']}",
        f"/api/restaurants/{other['id']}x",
        f"/api/assignments/{other['assignment']['id']}",
        "/api/assignments/asg_none",
        f"/api/assignments?restaurant_id={other['id']}",
    ):
        answer = api.anonymous.get(path, headers=key)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), path

    assert api.anonymous.get(f"/api/restaurants/{mine['id']}", headers=key).json()["phone_number"]
    every = api.anonymous.get("/api/restaurants", headers=key).json()["items"]
    assert [row["id"] for row in every] == [mine["id"]]
    listed = api.anonymous.get("/api/assignments", headers=key).json()["items"]
    assert [row["id"] for row in listed] == [mine["assignment"]["id"]]
    read = api.anonymous.get(f"/api/assignments/{mine['assignment']['id']}", headers=key).json()
    assert {step["detail"] for step in read["steps"]} == {None}


def test_a_restaurants_key_does_not_show_who_shares_its_number(api: Api) -> None:
    api.create()
    api.trial(True)
    mine = api.create(area_code=api.area())
    key = {"Authorization": f"Bearer {mine['api_key']}"}
    seen = api.anonymous.get(f"/api/restaurants/{mine['id']}", headers=key).json()
    assert mine["shared_with"]
    assert (seen["shared"], seen["shared_with"]) == (True, [])
    api.client.delete(f"/api/restaurants/{mine['id']}")


def test_the_key_ends_with_its_restaurant(api: Api) -> None:
    mine = api.create(assign_phone=False)
    api.client.delete(f"/api/restaurants/{mine['id']}")
    key = {"Authorization": f"Bearer {mine['api_key']}"}
    assert api.anonymous.get(f"/api/restaurants/{mine['id']}", headers=key).status_code == 401


def test_a_wrong_secret_is_not_made_good_by_a_key(api: Api) -> None:
    mine = api.create(assign_phone=False)
    both = {"Authorization": f"Bearer {mine['api_key']}", "X-Vapi-Secret": "wrong"}
    assert api.anonymous.get(f"/api/restaurants/{mine['id']}", headers=both).status_code == 401


def test_the_key_is_shown_once(api: Api) -> None:
    mine = api.create(assign_phone=False)
    read = api.client.get(f"/api/restaurants/{mine['id']}")
    assert mine["api_key"] not in read.text
    assert "api_key" not in read.text


def test_who_asks_too_often_is_told_when_he_may_again(api: Api, setting: Callable[..., None]) -> None:
    key = api.key("restaurants:read")
    setting(api_rate_per_minute=2)
    answers = [api.anonymous.get("/api/restaurants", headers=key) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert (answers[-1].json()["code"], 1 <= int(answers[-1].headers["Retry-After"]) <= 60) == (
        "too_many_requests",
        True,
    )
    assert api.get("/api/restaurants")["items"] is not None  # the secret is nobody's in particular
    assert api.post("/api/vapi/server", {"message": {"type": "status-update"}}).status_code == 200


def test_a_wrong_key_costs_time_and_one_that_was_right_goes_on(api: Api, setting: Callable[..., None]) -> None:
    api.services.callers = Callers(lambda: 0.0)
    setting(wrong_keys_allowed=1)
    key, new = api.key("restaurants:read"), api.key("restaurants:read")
    assert api.anonymous.get("/api/restaurants", headers=key).status_code == 200
    answers = [api.anonymous.get("/api/restaurants", headers={"X-Vapi-Secret": f"wrong {n}"}) for n in range(3)]
    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert (answers[-1].json()["code"], answers[-1].headers["Retry-After"]) == ("too_many_requests", "1")
    assert [api.anonymous.get("/api/restaurants", headers=sent).status_code for sent in (key, new)] == [200, 429]
    assert api.anonymous.get("/api/restaurants").status_code == 401
    api.services.callers = Callers()
