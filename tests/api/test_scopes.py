"""Every operation names its scope, and nobody gets on without it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from pydantic import SecretStr

from tests.api.conftest import Api, Json
from tests.api.test_auth import OF_WHOEVER_IS_KNOWN, OPEN, filled
from trunkline.domain.scopes import OF_KEYS, Scope


def operations(api: Api) -> Iterator[tuple[str, str, str, Scope]]:
    """(operation id, method, path with a value in each place, scope) of every operation that is not open to all."""
    for path, methods in api.get("/openapi.json")["paths"].items():
        for method, operation in methods.items():
            if operation["operationId"] not in OPEN | OF_WHOEVER_IS_KNOWN:
                yield operation["operationId"], method.upper(), filled(path), scope_of(operation)


def scope_of(operation: Json) -> Scope:
    """The one that it names, to whoever shows himself in whichever way."""
    named = {tuple(scopes) for way in operation["security"] for scopes in way.values()}
    assert len(named) == 1, operation["operationId"]
    (scope,) = named.pop()
    assert {name for way in operation["security"] for name in way} == {"OperatorSecret", "Key"}
    return Scope(scope)


def test_each_operation_refuses_who_has_all_scopes_but_its_own(api: Api) -> None:
    others = {scope: api.key(*(OF_KEYS - {scope})) for scope in Scope}
    for name, method, path, scope in operations(api):
        answer = api.anonymous.request(method, path, headers=others[scope])
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), name
        assert scope in answer.json()["detail"], name


def test_each_operation_takes_who_has_its_scope_alone(api: Api) -> None:
    alone = {scope: api.key(scope) for scope in OF_KEYS}
    for name, method, path, scope in operations(api):
        if scope is not Scope.WEBHOOK:
            with api.anonymous.stream(method, path, headers=alone[scope], json=[]) as answer:  # some never end
                assert answer.status_code not in (401, 403, 500), name


def test_what_may_buy_needs_that_scope_too(api: Api) -> None:
    poor = api.key(*(OF_KEYS - {Scope.NUMBERS_BUY}))
    rows = {"rows": [{"name": "Roma"}]}
    for path, body in (("/api/restaurants", {"name": "Roma"}), ("/api/restaurants/bulk", rows)):
        for assign, status in ((True, 403), (False, 201)):
            answer = api.anonymous.post(path, json=body | {"assign_phone": assign}, headers=poor)
            assert answer.status_code == status, answer.text
    answer = api.anonymous.post(
        "/api/numbers/+14155550100/move", json={"to": "rst_x", "new_number_for_old": True}, headers=poor
    )
    assert (answer.status_code, "numbers:buy" in answer.json()["detail"]) == (403, True)


def test_the_secret_may_be_narrowed_to_what_vapi_needs(api: Api, setting: Callable[..., None]) -> None:
    key = api.key("restaurants:read")
    setting(vapi_secret_scopes=["webhook"])
    for name, method, path, scope in operations(api):
        if scope is not Scope.WEBHOOK:
            answer = api.client.request(method, path)
            assert (answer.status_code, scope in answer.json()["detail"]) == (403, True), name
    assert api.post("/api/vapi/server", {"message": {"type": "status-update"}}).status_code == 200
    assert api.anonymous.get("/api/restaurants", headers=key).status_code == 200


@pytest.mark.parametrize("header", ["X-Vapi-Secret", "Authorization"])
def test_the_secret_before_counts_while_it_is_changed(api: Api, setting: Callable[..., None], header: str) -> None:
    before = {header: "the-secret-before" if header == "X-Vapi-Secret" else "Bearer the-secret-before"}
    path = "/api/restaurants" if header == "X-Vapi-Secret" else "/metrics"
    assert api.anonymous.get(path, headers=before).status_code == 401
    setting(vapi_secret_key_previous=SecretStr("the-secret-before"))
    assert api.anonymous.get(path, headers=before).status_code == 200
    assert api.client.get(path).status_code == 200
