"""The OpenAPI document: complete, with examples that are true, and kept by the server under generated requests."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest
import schemathesis
from fastapi import Request
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from sqlalchemy.engine import make_url

from tests.api.conftest import Api, Json, until
from tests.support.app_server import SECRET
from trunkline import errors
from trunkline.api import reference, shapes
from trunkline.api.app import create_app
from trunkline.domain.numbers import NumberType
from trunkline.settings import CARRIER_NAMES, load_settings

EXAMPLES = 6  # on each database, and on each other ones
WITHOUT_END = {"streamEvents"}
DOCUMENT: Json = json.loads((Path(__file__).parents[2] / "docs/openapi.json").read_text())  # test_docs: it is fresh
OPERATIONS: dict[str, Json] = {
    operation["operationId"]: operation for methods in DOCUMENT["paths"].values() for operation in methods.values()
}


def codes() -> set[str]:
    def below(kind: type[errors.TrunklineError]) -> Iterator[str]:
        yield kind.code
        for child in kind.__subclasses__():
            yield from below(child)

    return set(below(errors.TrunklineError))


def contents(parts: Json) -> Iterator[tuple[str, Json]]:
    for part in parts.values():
        yield from part.get("content", {}).items()


def test_the_document_is_valid() -> None:
    """By the schema of OpenAPI 3.1 (spec.openapis.org/oas/3.1/schema/2022-10-07, Apache License 2.0)."""
    schema = json.loads((Path(__file__).parent.parent / "support/openapi-3.1.json").read_text())
    wrong = jsonschema.Draft202012Validator(schema).iter_errors(DOCUMENT)
    assert [(list(error.absolute_path), error.message) for error in wrong] == []


def test_what_takes_input_says_how_it_is_refused() -> None:
    for name, operation in OPERATIONS.items():
        places = {parameter["in"] for parameter in operation.get("parameters", [])}
        if name != "vapiWebhook" and ("requestBody" in operation or "query" in places):
            assert "422" in operation["responses"], name


@pytest.mark.parametrize("name", OPERATIONS)
def test_each_operation_is_described(name: str) -> None:
    operation = OPERATIONS[name]
    assert operation["summary"]
    assert operation["description"]
    assert operation["tags"]
    assert bool(operation.get("security")) == (name not in ("health", "readiness"))
    assert all(parameter.get("description") for parameter in operation.get("parameters", []))


def test_operations_have_names_of_their_own() -> None:
    assert len(OPERATIONS) == sum(len(methods) for methods in DOCUMENT["paths"].values())


@pytest.mark.parametrize("name", OPERATIONS)
def test_each_request_and_answer_has_examples_that_fit_its_schema(name: str) -> None:
    operation = OPERATIONS[name]
    for media, content in [*contents(operation["responses"]), *contents({"body": operation.get("requestBody", {})})]:
        if media.startswith("text/"):
            continue
        assert content["examples"], media
        schema = content["schema"] | {"components": DOCUMENT["components"]}
        for example in content["examples"].values():
            jsonschema.validate(example["value"], schema, jsonschema.Draft202012Validator)


@pytest.mark.parametrize("name", OPERATIONS)
def test_each_documented_problem_has_its_status_and_a_code_of_ours(name: str) -> None:
    for status, response in OPERATIONS[name]["responses"].items():
        for media, content in response.get("content", {}).items():
            if media == "application/problem+json":
                for code, example in content["examples"].items():
                    assert code in codes()
                    assert (example["value"]["code"], example["value"]["status"]) == (code, int(status))
            else:
                assert int(status) < 400


def test_what_may_be_chosen_is_what_there_is() -> None:
    assert get_args(shapes.CarrierName) == CARRIER_NAMES
    assert get_args(shapes.TypeName) == tuple(NumberType)


def test_the_served_document_is_the_described_one(api: Api) -> None:
    assert api.anonymous.get("/openapi.json").json() == DOCUMENT


@pytest.mark.anyio
async def test_no_call_waits_while_the_document_is_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    app = create_app(load_settings(_env_file=None))

    def beside_the_loop() -> dict[str, Any]:
        with pytest.raises(RuntimeError, match="no running event loop"):
            asyncio.get_running_loop()
        return {"openapi": "3.1.0"}

    monkeypatch.setattr(app, "openapi", beside_the_loop)
    answer = await reference.document(Request({"type": "http", "app": app}))
    assert json.loads(bytes(answer.body)) == {"openapi": "3.1.0"}


@pytest.fixture(scope="module")
def conformance() -> list[Any]:
    load_all_checks()
    return [
        schemathesis.checks.not_a_server_error,
        status_code_conformance,
        content_type_conformance,
        response_schema_conformance,
        response_headers_conformance,
    ]


@pytest.mark.parametrize("name", sorted(set(OPERATIONS) - WITHOUT_END))
def test_generated_requests_get_documented_answers(
    api: Api, setting: Callable[..., None], conformance: list[Any], name: str
) -> None:
    setting(assign_wait_seconds=0.02)
    schema = schemathesis.openapi.from_dict(DOCUMENT)
    operation = schema.find_operation_by_id(name)

    @seed(zlib.crc32(f"{name} on {make_url(api.services.settings.database_url).drivername}".encode()))
    @given(case=operation.as_strategy())
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def check(case: schemathesis.Case[Any]) -> None:
        answer = case.call(base_url=api.url, headers={"X-Vapi-Secret": SECRET}, timeout=60)
        case.validate_response(answer, checks=conformance)
        if name == "startBatch":  # for all restaurants that other tests have left without a number
            for batch in api.get("/api/batches", status="running")["items"]:
                api.post(f"/api/batches/{batch['id']}/cancel")

    check()
    if name == "setBudget":  # what others buy after this is not bounded by it
        for budget in api.get("/api/budgets")["items"]:
            api.client.delete(f"/api/budgets/{budget['budget']}")
    until(lambda: api.get("/api/assignments", status="running")["items"] == [])
