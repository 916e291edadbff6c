"""Cursors and event ids that are not ours: refused by name, or the beginning; never an error of ours."""

from __future__ import annotations

import base64

import pytest

from tests.api.conftest import Api, Json, until

LISTS = ["restaurants", "assignments", "numbers", "debts", "batches", "calls"]


def cursor(text: str | bytes) -> str:
    return base64.urlsafe_b64encode(text.encode() if isinstance(text, str) else text).decode().rstrip("=")


HOSTILE = {
    "garbage": "!!!!",
    "empty": "",
    "seventy digits": cursor("9" * 70),
    "beyond 64 bits": cursor(str(2**63)),
    "beyond 32 bits": cursor(str(2**31)),
    "negative": cursor("-5"),
    "a sign alone": cursor("-"),
    "superscript": cursor("\u00b2"),
    "other digits": cursor("\u0664"),
    "SQL": cursor("' OR '1'='1"),
    "NUL": cursor("rst_a\0b"),
    "not UTF-8": cursor(b"\xff\xfe"),
    "a line break": "QQ\n",
    "a time too far": cursor("99999999999999999 x"),
    "a time without an id": cursor("17 "),
    "too long": "A" * 501,
}


@pytest.fixture(scope="module")
def batch(running: Api) -> Json:
    """A batch over one restaurant, which has ended."""
    name = running.create(assign_phone=False)["name"]
    begun = running.post("/api/batches", {"search": name}).json()
    until(lambda: running.get(f"/api/batches/{begun['id']}")["status"] == "done")
    return dict(begun)


@pytest.mark.parametrize("what", HOSTILE)
def test_a_cursor_that_is_not_ours_is_refused_by_its_name(api: Api, batch: Json, what: str) -> None:
    for path in (*(f"/api/{noun}" for noun in LISTS), f"/api/batches/{batch['id']}/items"):
        answer = api.client.get(path, params={"cursor": HOSTILE[what]})
        assert (answer.status_code, answer.json()["field"]) == (422, "cursor"), (path, answer.text)


@pytest.mark.parametrize(
    "event_id",
    [
        "0001-01-01T00:00:00+00:00",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2026-13-01T00:00:00+00:00",
        "2026-03-01",
        "\u0664",
        "x" * 5000,
        "",
    ],
)
def test_an_event_id_that_is_not_ours_is_the_beginning(api: Api, batch: Json, event_id: str) -> None:
    headers = {b"Last-Event-ID": event_id.encode()}
    answer = api.client.get(f"/api/batches/{batch['id']}/events", headers=headers)
    assert answer.status_code == 200
    assert [line for line in answer.text.splitlines() if line.startswith("event:")] == ["event: item", "event: end"]
