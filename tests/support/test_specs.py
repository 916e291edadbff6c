"""The checker of official documents refuses what it should."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.specs import Spec

ITEM: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "pattern": "^I"},
        "name": {"type": "string", "nullable": True},
        "kind": {"type": "string", "enum": ["a", "b"], "nullable": True},
        "at": {"type": "string", "format": "date-time-rfc-2822"},
        "size": {"type": "integer", "minimum": 0, "exclusiveMinimum": True},
    },
}


def document() -> dict[str, Any]:
    answer = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/item"}}}}
    big = {
        "allOf": [{"$ref": "#/components/schemas/part"}, {"type": "object", "properties": {"b": {"type": "string"}}}]
    }
    return {
        "openapi": "3.0.1",
        "servers": [{"url": "https://api.example.com/v2"}],
        "paths": {
            "/items/{Id}.json": {"get": {"responses": {"200": answer}}, "delete": {"responses": {"204": {}}}},
            "/items/special.json": {"get": {"responses": {"2XX": {"$ref": "#/components/responses/big"}}}},
        },
        "components": {
            "schemas": {
                "item": ITEM,
                "part": {"type": "object", "properties": {"a": {"type": "string"}}},
            },
            "responses": {"big": {"content": {"application/json": {"schema": big}}}},
        },
    }


@pytest.fixture(params=[False, True], ids=["open", "closed"])
def spec(request: pytest.FixtureRequest) -> Spec:
    return Spec(document(), closed=request.param)


def test_a_true_answer_passes_and_names_its_operation(spec: Spec) -> None:
    body = {"id": "I1", "name": None, "kind": None, "at": "Thu, 30 Jul 2015 20:00:00 +0000", "size": 1}
    assert spec.check("GET", "http://localhost:1/v2/items/7.json?x=1", 200, body) == "GET /items/{Id}.json"
    assert spec.check("DELETE", "/v2/items/7.json", 204, None) == "DELETE /items/{Id}.json"


@pytest.mark.parametrize(
    "body", [{"id": "X"}, {"id": None}, {"kind": "c"}, {"at": "yesterday"}, {"size": 0}, {"name": 7}, [], None]
)
def test_a_wrong_value_is_an_error(spec: Spec, body: Any) -> None:
    with pytest.raises(AssertionError, match=r"GET /items/\{Id\}.json 200"):
        spec.check("GET", "/v2/items/7.json", 200, body)


@pytest.mark.parametrize(
    ("method", "url", "status", "body"),
    [
        ("GET", "/v2/things/7.json", 200, {}),
        ("POST", "/v2/items/7.json", 200, {}),
        ("GET", "/v2/items/7.json", 201, {}),
        ("DELETE", "/v2/items/7.json", 204, {"id": "I"}),
    ],
)
def test_what_the_document_does_not_know_is_an_error(spec: Spec, method: str, url: str, status: int, body: Any) -> None:
    with pytest.raises(AssertionError):
        spec.check(method, url, status, body)


def test_the_literal_path_wins_over_the_template(spec: Spec) -> None:
    assert spec.operation("GET", "/v2/items/special.json") == "GET /items/special.json"


def test_a_closed_document_refuses_unnamed_keys_even_behind_all_of() -> None:
    spec = Spec(document(), closed=True)
    spec.check("GET", "/v2/items/special.json", 200, {"a": "1", "b": "2"})
    with pytest.raises(AssertionError, match="'c' was unexpected"):
        spec.check("GET", "/v2/items/special.json", 200, {"a": "1", "c": "2"})
    with pytest.raises(AssertionError, match="'extra' was unexpected"):
        spec.check("GET", "/v2/items/7.json", 200, {"id": "I1", "extra": 1})
