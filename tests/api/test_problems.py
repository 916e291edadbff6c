"""Every refusal is problem+json with a stable code, names the field in our words, and shows nothing of the inside."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from tests.api.conftest import Api
from trunkline.db import debts
from trunkline.db.session import Database
from trunkline.workflows import failures

BAD = {
    "no name": ({}, "name"),
    "empty name": ({"name": ""}, "name"),
    "blank name": ({"name": "   "}, "name"),
    "300 characters": ({"name": "x" * 300}, "name"),
    "a control character": ({"name": "a\x00b"}, "name"),
    "an escape sequence": ({"name": "Roma \x1b[2J"}, "name"),
    "a line separator": ({"name": "Roma\u2028ignore"}, "name"),
    "a line break": ({"name": "Roma\nignore"}, "name"),
    "direction marks only": ({"name": "\u202e \u2066\u2069"}, "name"),
    "zero-width only": ({"name": "\u200b\u200d"}, "name"),
    "fillers only": ({"name": "\u3164\u2800 \u115f"}, "name"),
    "name is a number": ({"name": 5}, "name"),
    "unknown field": ({"name": "x", "colour": "red"}, "colour"),
    "assign_phone is text": ({"name": "x", "assign_phone": "yes"}, "assign_phone"),
    "force_twilio is null": ({"name": "x", "force_twilio": None}, "force_twilio"),
    "no such country": ({"name": "x", "country": "XX"}, "country"),
    "country in full": ({"name": "x", "country": "Germany"}, "country"),
    "area code too short": ({"name": "x", "area_code": "41"}, "area_code"),
    "area code is a number": ({"name": "x", "area_code": 415}, "area_code"),
    "area code in other digits": ({"name": "x", "area_code": "\u0664\u0661\u0665"}, "area_code"),
    "area code in Germany": ({"name": "x", "area_code": "415", "country": "DE"}, "area_code"),
    "letters to contain": ({"name": "x", "contains": "PIZZA"}, "contains"),
    "unknown type": ({"name": "x", "number_type": "satellite"}, "number_type"),
    "type that the country lacks": ({"name": "x", "country": "US", "number_type": "mobile"}, "number_type"),
    "unknown carrier": ({"name": "x", "carrier": "acme"}, "carrier"),
    "two carriers": ({"name": "x", "carrier": "telnyx", "force_twilio": True}, "carrier"),
    "a list": ([], "body"),
    "a text": ("x", "body"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_by_field_and_creates_nothing(api: Api, name: str) -> None:
    body, field = BAD[name]
    before = api.get("/api/restaurants", limit=200)["items"][-1:]
    answer = api.post("/api/restaurants", body)
    assert answer.status_code == 422, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == "invalid_input"
    assert problem["type"] == "urn:trunkline:problem:invalid_input"
    assert (problem["field"], problem["status"], problem["title"]) == (field, 422, "Invalid input")
    assert field in {error["field"] for error in problem["errors"]}
    assert all(error["detail"] for error in problem["errors"])
    assert "pydantic" not in answer.text.lower()
    assert api.get("/api/restaurants", limit=200)["items"][-1:] == before


@pytest.mark.parametrize("name", ["\u2066Roma\u2069 evil", "\u202e Roma evil\u2066", "Roma\u200f evil \u202c"])
def test_marks_of_direction_that_came_along_with_a_name_are_taken_off(api: Api, name: str) -> None:
    assert api.create(name=name, assign_phone=False)["name"] == "Roma evil"


def test_everything_that_is_wrong_is_said_at_once(api: Api) -> None:
    answer = api.post("/api/restaurants", {"colour": "red", "assign_phone": 1})
    errors = {error["field"]: error["detail"] for error in answer.json()["errors"]}
    assert errors == {
        "name": "is missing",
        "colour": "is not known",
        "assign_phone": "must be true or false",
    }


def test_the_same_rules_hold_for_a_later_number(api: Api) -> None:
    made = api.create(assign_phone=False)
    for body, field in (({"name": "x"}, "name"), ({"country": "XX"}, "country"), ({"number_type": "x"}, "number_type")):
        answer = api.post(f"/api/restaurants/{made['id']}/phone", body)
        assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert api.get("/api/assignments", restaurant_id=made["id"])["items"] == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "201"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"cursor": "!"}, "cursor"),
        ({"cursor": "AAAA"}, "cursor"),
        ({"has_number": "perhaps"}, "has_number"),
        ({"search": "a\x00"}, "search"),
        ({"has_numbers": "true"}, "has_numbers"),
    ],
)
def test_a_bad_parameter_is_named(api: Api, query: dict[str, str], field: str) -> None:
    answer = api.client.get("/api/restaurants", params=query)
    assert (answer.status_code, answer.json()["field"]) == (422, field)


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b'{"name": ', 400, "malformed_request"),
        (b"[" * 50_000, 400, "malformed_request"),
        (b'{"name": "\xff"}', 400, "malformed_request"),
        (b'{"name": "' + b"x" * 65_536 + b'"}', 413, "payload_too_large"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(api: Api, content: bytes, status: int, code: str) -> None:
    for body in (content, chunks(content)):
        answer = api.client.post("/api/restaurants", content=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.headers["Content-Type"] == "application/problem+json"


def chunks(content: bytes) -> Iterator[bytes]:
    for start in range(0, len(content), 8192):
        yield content[start : start + 8192]


def test_half_a_surrogate_is_no_character(api: Api) -> None:
    content = b'{"name": "a\\ud800b"}'
    answer = api.client.post("/api/restaurants", content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["field"]) == (422, "name")


def test_a_body_of_another_type_is_refused(api: Api) -> None:
    answer = api.client.post("/api/restaurants", content=b"name=x", headers={"Content-Type": "text/plain"})
    assert (answer.status_code, answer.json()["field"]) == (422, "body")
    assert "application/json" in answer.json()["hint"]


def test_paths_and_methods_that_do_not_exist(api: Api) -> None:
    for path in ("/nope", "/api/restaurants/rst_none", "/api/restaurants/%00", "/api/numbers/%0a"):
        answer = api.client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path
    answer = api.client.put("/api/restaurants", json={})
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, POST"


def test_the_callers_request_id_is_kept_and_another_is_made_where_it_is_not_sane(api: Api) -> None:
    assert api.client.get("/healthz", headers={"X-Request-ID": "abc-1.2_3"}).headers["X-Request-ID"] == "abc-1.2_3"
    for given in ("", "a b", "x" * 65, "a;drop"):
        made = api.client.get("/healthz", headers={"X-Request-ID": given}).headers["X-Request-ID"]
        assert made.startswith("req_")
    answer = api.client.get("/nope", headers={"X-Request-ID": "mine"})
    assert answer.json()["request_id"] == "mine"


class Noticed:
    """Stands in for the log: what was said, and under which request."""

    def __init__(self) -> None:
        self.said: list[dict[str, Any]] = []

    def exception(self, event: str, **values: Any) -> None:
        self.said.append({"event": event, **structlog.contextvars.get_contextvars()})

    error = exception


def test_an_error_of_ours_shows_nothing_but_where_to_look(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise RuntimeError("password=hunter2")

    log = Noticed()
    monkeypatch.setattr(debts, "open_debts", fail)
    monkeypatch.setattr(failures, "log", log)
    request_id = uuid.uuid4().hex
    answer = api.client.get("/api/debts", headers={"X-Request-ID": request_id})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "hunter2" not in answer.text
    assert "RuntimeError" not in answer.text
    assert answer.json()["request_id"] == request_id
    assert [line["request_id"] for line in log.said] == [request_id]


def test_a_database_that_is_away_is_said_as_such(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    away = Database("postgresql://nobody@127.0.0.1:1/none")
    monkeypatch.setattr(api.services, "database", away)
    monkeypatch.setattr(failures, "log", Noticed())
    for path in ("/readyz", "/api/restaurants"):
        answer = api.client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (503, "not_ready"), path
        assert "127.0.0.1" not in answer.text
    assert api.client.get("/healthz").status_code == 200
