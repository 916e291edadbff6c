"""Batches over HTTP: planned, watched, stopped, gone on with, and refused."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest
from sqlalchemy import event

from tests.api.conftest import Api, Json, until
from trunkline.db import batches, number_lists
from trunkline.domain.ids import new_id


class Crowd:
    """Restaurants without a number whose names have one word that no others have."""

    def __init__(self, api: Api, size: int) -> None:
        self.api = api
        self.word = uuid.uuid4().hex[:10]
        self.ids = [api.create(f"{self.word} {n}", assign_phone=False)["id"] for n in range(size)]

    def start(self, **body: object) -> Json:
        answer = self.api.post("/api/batches", {"search": self.word, "carrier": "twilio"} | body)
        assert answer.status_code == 202, answer.text
        batch = dict(answer.json())
        assert answer.headers["Location"] == f"/api/batches/{batch['id']}"
        return batch

    def numbers(self) -> list[str | None]:
        return [self.api.get(f"/api/restaurants/{i}")["phone_number"] for i in self.ids]


def events(answer: httpx2.Response) -> Iterator[tuple[str, str | None, Json]]:
    """(event, id, data) of a stream."""
    event: dict[str, str] = {}
    for line in answer.iter_lines():
        if line:
            name, _, value = line.partition(": ")
            event[name] = value
        elif "data" in event:
            yield event["event"], event.get("id"), json.loads(event["data"])
            event = {}


def watch(api: Api, batch_id: str, **headers: str) -> list[tuple[str, str | None, Json]]:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    with api.client.stream("GET", f"/api/batches/{batch_id}/events", headers=names) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        return list(events(answer))


@contextmanager
def counted(api: Api) -> Iterator[list[str]]:
    """Every statement that the server sends to the database meanwhile."""
    statements: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    engine = api.services.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


def ended(api: Api, batch_id: str) -> Json:
    return watch(api, batch_id)[-1][2]


def slow(api: Api, seconds: float) -> None:
    api.sandbox.fault(provider="twilio", operation="incoming_numbers.create", kind="latency", seconds=seconds)


def test_a_batch_gives_every_restaurant_a_number_and_says_what_it_cost(api: Api) -> None:
    crowd = Crowd(api, 5)
    batch = crowd.start(force_twilio=True)
    assert batch["status"] == "running"
    assert batch["total"] == 5
    after = ended(api, batch["id"])
    assert after == api.get(f"/api/batches/{batch['id']}")
    assert after["status"] == "done"
    assert after["counts"] == {
        "queued": 0,
        "running": 0,
        "assigned": 5,
        "unassigned": 0,
        "failed": 0,
        "cancelled": 0,
    }
    bought = after["sources"]["purchased"]
    assert bought + after["sources"]["owned"] == 5
    assert after["costs"] == ([{"monthly_price": f"{bought * 1.15:.2f}", "currency": "USD"}] if bought else [])
    assert len(set(crowd.numbers()) - {None}) == 5
    assert batch["id"] in [b["id"] for b in api.get("/api/batches")["items"]]


def test_a_dry_run_counts_and_prices_and_does_nothing(api: Api) -> None:
    crowd = Crowd(api, 3)
    before = len(api.sandbox.held("twilio"))
    answer = api.post("/api/batches", {"search": crowd.word, "limit": 2, "area_code": "415", "dry_run": True})
    assert answer.status_code == 200
    plan = answer.json()
    assert (plan["restaurants"], plan["carrier"], plan["currency"]) == (2, "twilio", "USD")
    assert plan["reused"] + plan["bought"] == 2
    assert plan["monthly_price"] == f"{plan['bought'] * 1.15:.2f}"
    assert len(api.sandbox.held("twilio")) == before
    assert crowd.numbers() == [None, None, None]


def test_items_are_listed_in_order_by_page_and_by_status(api: Api) -> None:
    crowd = Crowd(api, 3)
    batch = crowd.start()
    ended(api, batch["id"])
    path = f"/api/batches/{batch['id']}/items"
    first = api.get(path, limit=2)
    second = api.get(path, limit=2, cursor=first["next_cursor"])
    items = first["items"] + second["items"]
    assert [item["restaurant_id"] for item in items] == crowd.ids
    assert second["next_cursor"] is None
    assert [item["phone_number"] for item in items] == crowd.numbers()
    assert items[0]["restaurant_name"] == f"{crowd.word} 0"
    assert items[0]["monthly_price"] == "1.15"
    assert api.get(path, status="failed")["items"] == []


def test_each_item_is_an_event_and_the_stream_goes_on_after_the_last_one_seen(api: Api) -> None:
    crowd = Crowd(api, 4)
    batch = crowd.start()
    told = watch(api, batch["id"])
    assert [name for name, _, _ in told][-1] == "end"
    assert {data["restaurant_id"] for name, _, data in told if name == "item"} == set(crowd.ids)
    assert all(data["phone_number"] for name, _, data in told if name == "item")
    last = [id_ for name, id_, _ in told if name == "item"][-1]
    assert last is not None
    again = watch(api, batch["id"], Last_Event_ID=last)
    assert again[-1] == told[-1]
    assert {i for i, _, _ in watch(api, batch["id"], Last_Event_ID="nonsense")} == {"item", "end"}


def test_a_batch_of_any_size_is_begun_worked_on_and_watched_in_pieces(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PIECE", "CHUNK"):
        monkeypatch.setattr(batches, name, 2)
    monkeypatch.setattr(number_lists, "PIECE", 2)
    crowd = Crowd(api, 6)
    batch = crowd.start(limit=5)
    told = [data for name, _, data in watch(api, batch["id"]) if name == "item"]
    assert sorted(item["restaurant_id"] for item in told) == sorted(crowd.ids[:5])
    assert {item["monthly_price"] for item in told} == {"1.15"}
    again = [data["restaurant_id"] for name, _, data in watch(api, batch["id"]) if name == "item"]
    assert sorted(again) == sorted(crowd.ids[:5])
    assert [number is not None for number in crowd.numbers()] == [True] * 5 + [False]


def test_an_item_without_a_number_says_why(api: Api) -> None:
    crowd = Crowd(api, 2)
    api.refuse("incoming_numbers.create", 400, {"code": 21404, "message": "must verify a phone number"})
    batch = crowd.start(force_twilio=True, contains="5550199999")
    after = ended(api, batch["id"])
    assert after["counts"]["unassigned"] == 2
    (one, two) = api.get(f"/api/batches/{batch['id']}/items", status="unassigned")["items"]
    assert one["reason"] == two["reason"] == "no_numbers_found"
    assert one["message"]
    assert after["costs"] == []


def test_who_watches_is_told_nothing_once_its_key_is_revoked(api: Api) -> None:
    made = api.post("/api/keys", {"scopes": ["numbers:read"]}).json()
    headers = {"Authorization": f"Bearer {made['key']}"}
    hold = api.sandbox.fault(provider="twilio", operation="incoming_numbers.create", kind="hold")
    batch_id = Crowd(api, 1).start()["id"]
    with api.anonymous.stream("GET", f"/api/batches/{batch_id}/events", headers=headers) as answer:
        told = events(answer)
        assert next(told)[0] == "progress"
        api.post(f"/api/keys/{made['id']}/revoke").raise_for_status()
        api.sandbox.control.delete(f"/faults/{hold}").raise_for_status()
        assert ended(api, batch_id)["status"] == "done"
        assert [event for event, _, _ in told if event != "progress"] == []


def test_a_cancelled_batch_stops_buying_and_goes_on_when_resumed(api: Api) -> None:
    crowd = Crowd(api, 45)
    slow(api, 0.15)
    before = len(api.sandbox.held("twilio"))
    batch = crowd.start(force_twilio=True)
    path = f"/api/batches/{batch['id']}"
    until(lambda: len(api.sandbox.held("twilio")) > before)
    cancelled = api.post(f"{path}/cancel")
    assert cancelled.status_code == 200
    assert cancelled.json()["status"] == "cancelled"
    counts = ended(api, batch["id"])["counts"]
    assert counts["cancelled"] > 0
    assert counts["assigned"] + counts["cancelled"] == 45
    again = api.post(f"{path}/cancel")
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    api.sandbox.control.delete("/faults")
    resumed = api.post(f"{path}/resume")
    assert (resumed.status_code, resumed.json()["status"]) == (202, "running")
    assert ended(api, batch["id"])["counts"]["assigned"] == 45
    assert len(set(crowd.numbers())) == 45
    refused = api.post(f"{path}/resume")
    assert (refused.status_code, refused.json()["detail"]) == (409, "every restaurant of the batch has its number")


def test_a_second_resume_is_refused_while_the_batch_runs(api: Api) -> None:
    crowd = Crowd(api, 3)
    slow(api, 0.3)
    batch = crowd.start(force_twilio=True)
    path = f"/api/batches/{batch['id']}"
    assert api.post(f"{path}/resume").json()["detail"] == "the batch is running"
    ended(api, batch["id"])


def test_those_who_share_a_number_are_served_if_asked_for(api: Api) -> None:
    crowd = Crowd(api, 2)
    api.create(f"{crowd.word} holder", force_twilio=True)
    api.trial(True)
    shared = api.create(f"{crowd.word} shares", force_twilio=True)
    assert shared["shared"]
    api.trial(False)
    wish = {"search": f"{crowd.word} shares", "dry_run": True}
    refused = api.post("/api/batches", wish)
    assert (refused.status_code, refused.json()["field"]) == (422, "search")
    assert api.post("/api/batches", wish | {"include_shared": True}).json()["restaurants"] == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"search": "nobody has such a name"}, "search"),
        ({"country": "XX"}, "country"),
        ({"area_code": "12"}, "area_code"),
        ({"carrier": "telnyx", "force_twilio": True}, "carrier"),
        ({"limit": 0}, "limit"),
        ({"limit": "5"}, "limit"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_batch_that_cannot_be_is_refused_and_nothing_is_started(api: Api, body: Json, field: str) -> None:
    before = api.get("/api/batches")["items"]
    answer = api.post("/api/batches", body)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "invalid_input", field)
    assert api.get("/api/batches")["items"] == before


def test_many_who_watch_a_batch_ask_the_database_as_one(api: Api) -> None:
    """Five looks a second by a hundred watchers would keep a process busy with nothing else."""
    slow(api, 1.5)
    batch = Crowd(api, 2).start(force_twilio=True)
    with counted(api) as statements, ThreadPoolExecutor(40) as pool:
        seen = list(pool.map(lambda _: watch(api, batch["id"]), range(40)))
    assert {told[-1][0] for told in seen} == {"end"}
    assert {tuple(name for name, _, _ in told).count("item") for told in seen} == {2}
    looks = [statement for statement in statements if "count(" in statement and "GROUP BY batch_items" in statement]
    assert 0 < len(looks) < 40


@pytest.mark.parametrize("path", ["", "/items", "/events"])
def test_an_unknown_batch_is_not_found(api: Api, path: str) -> None:
    answer = api.client.get(f"/api/batches/{new_id('bat')}{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("cursor", ["nonsense", "cnN0XzBkbTJwOHY"])
def test_a_cursor_of_another_list_is_refused(api: Api, cursor: str) -> None:
    batch = Crowd(api, 1).start()
    ended(api, batch["id"])
    answer = api.client.get(f"/api/batches/{batch['id']}/items", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["field"]) == (422, "cursor")


def test_a_restaurants_key_reads_no_batch(api: Api) -> None:
    key = api.create(assign_phone=False)["api_key"]
    answer = api.anonymous.get("/api/batches", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 403
