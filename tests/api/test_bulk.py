"""POST /api/restaurants/bulk: every row is judged before any is written, and a file may be sent again."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.api.conftest import Api, until
from trunkline.sandbox import twilio

PATH = "/api/restaurants/bulk"


def unique() -> str:
    return uuid.uuid4().hex[:10]


def bulk(api: Api, rows: list[dict[str, Any]], status: int = 201, **more: Any) -> Any:
    answer = api.post(PATH, {"rows": rows, **more})
    assert answer.status_code == status, answer.text
    return answer.json()


def test_a_file_is_judged_imported_and_changes_nothing_when_it_comes_again(api: Api) -> None:
    first, second = unique(), unique()
    rows: list[dict[str, Any]] = [
        {"name": "Roma", "external_id": first, "metadata": {"city": "Rome"}},
        {"name": "Napoli", "external_id": second, "area_code": "212"},
    ]
    plan = bulk(api, rows, 200, dry_run=True, assign_phone=False)
    assert plan["counts"] == {"new": 2, "same": 0, "changed": 0, "refused": 0}
    assert api.get("/api/restaurants", search=first)["items"] == []
    done = bulk(api, rows, assign_phone=False)
    assert [made["external_id"] for made in done["created"]] == [first, second]
    assert done["batch_id"] is None
    roma = done["created"][0]
    own = api.anonymous.get(f"/api/restaurants/{roma['id']}", headers={"Authorization": f"Bearer {roma['api_key']}"})
    assert own.json()["name"] == "Roma"
    rows[1]["name"] = "Nuova Napoli"
    again = bulk(api, rows, 200, dry_run=True)
    assert [(item["fate"], item["changes"]) for item in again["items"]] == [("same", []), ("changed", ["name"])]
    assert (again["items"][1]["restaurant_id"], again["numbers"]) == (done["created"][1]["id"], None)
    repeated = bulk(api, rows)
    assert (repeated["created"], repeated["changed"], repeated["same"]) == ([], 1, 1)
    assert api.get(f"/api/restaurants/{done['created'][1]['id']}")["name"] == "Nuova Napoli"


def test_a_file_that_is_sent_twice_with_a_key_is_imported_once(api: Api) -> None:
    key, rows = unique(), [{"name": f"Once {unique()}"} for _ in range(3)]
    body = {"rows": rows, "assign_phone": False}
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: api.post(PATH, body, Idempotency_Key=key), range(2)))
    answers.append(api.post(PATH, body, Idempotency_Key=key))
    made, *repeated = sorted((a.json()["created"] for a in answers), key=lambda created: created[0]["api_key"] is None)
    assert all(one["api_key"].startswith("trk_") for one in made)
    assert repeated == [[one | {"api_key": None} for one in made]] * 2
    assert [one["id"] for one in api.get("/api/restaurants", search=rows[0]["name"])["items"]] == [made[0]["id"]]
    assert answers[-1].headers["Idempotent-Replayed"] == "true"


def test_one_refused_row_stops_all(api: Api) -> None:
    mark = unique()
    rows: list[dict[str, Any]] = [
        {"name": f"Good {mark}"},
        {"name": "Bad", "country": "XX"},
        {"name": "", "external_id": mark},
        {"name": "Twin", "external_id": f"{mark}-t"},
        {"name": "Twin", "external_id": f"{mark}-t"},
        {"name": "No such number", "phone_number": "+12025550199"},
        {"name": "Two wishes", "phone_number": "+12025550198", "area_code": "202"},
        {"name": "No such type", "number_type": "satellite"},
    ]
    plan = bulk(api, rows, 200, dry_run=True)
    refused = [(item["row"], item["field"]) for item in plan["items"] if item["fate"] == "refused"]
    assert refused == [
        (2, "country"),
        (3, "name"),
        (5, "external_id"),
        (6, "phone_number"),
        (7, "phone_number"),
        (8, "number_type"),
    ]
    problem = bulk(api, rows, 422)
    assert (problem["code"], problem["field"]) == ("invalid_input", "rows.1.country")
    assert "row 3, name" in problem["detail"]
    assert api.get("/api/restaurants", search=mark)["items"] == []


def test_new_restaurants_get_numbers_within_the_bounds_and_one_that_is_named(api: Api) -> None:
    area, mark = api.area(size=3), unique()
    held = f"+1{area}5550199"
    there = {"carrier": "twilio", "number": held, "account": twilio.DEFAULT_ACCOUNT}
    api.sandbox.control.post("/numbers", json=there).raise_for_status()
    rows: list[dict[str, Any]] = [
        {"name": f"Bought {n}", "external_id": f"{mark}-{n}", "area_code": area, "carrier": "twilio"} for n in range(2)
    ]
    rows.append({"name": "Moved in", "external_id": f"{mark}-held", "phone_number": held})
    plan = bulk(api, rows, 200, dry_run=True)
    assert [plan["numbers"][name] for name in ("restaurants", "reused", "bought")] == [3, 1, 2]
    done = bulk(api, rows, max_purchases=1)
    path = f"/api/batches/{done['batch_id']}"
    until(lambda: api.get(path)["status"] == "done")
    items = {item["restaurant_id"]: item for item in api.get(f"{path}/items")["items"]}
    ids = [made["id"] for made in done["created"]]
    assert items[ids[2]]["phone_number"] == held
    assert sorted(items[one]["status"] for one in ids[:2]) == ["assigned", "unassigned"]


def test_a_row_is_kept_the_number_that_it_names_of_a_restaurant_that_was_deleted(
    api: Api, setting: Callable[..., None]
) -> None:
    setting(number_cooldown_hours=1)
    gone = api.create()
    number = gone["phone_number"]
    assert api.client.delete(f"/api/restaurants/{gone['id']}").status_code == 200
    until(lambda: api.get(f"/api/numbers/{number}")["state"] == "cooling_down" and not api.owes(number))
    done = bulk(api, [{"name": "Heir", "phone_number": number}])
    until(lambda: api.get(f"/api/batches/{done['batch_id']}")["status"] == "done")
    assert api.get(f"/api/restaurants/{done['created'][0]['id']}")["phone_number"] == number


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"rows": []}, "rows"),
        ({"rows": [{"name": "Roma", "city": "Rome"}]}, "rows.0.city"),
        ({"rows": [{"external_id": "R"}]}, "rows.0.name"),
        ({"rows": [{"name": "Roma", "metadata": {"a": 1}}]}, "rows.0.metadata.a"),
        ({"rows": [{"name": "x"}] * 10_001}, "rows"),
    ],
    ids=["none", "unknown field", "no name", "a number in metadata", "too many"],
)
def test_what_is_no_file_names_the_field(api: Api, body: Any, field: str) -> None:
    answer = api.post(PATH, body)
    assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text
