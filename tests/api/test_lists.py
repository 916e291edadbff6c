"""Orders and narrowings of lists over the API, and why a call went where it went."""

from __future__ import annotations

import uuid

import pytest

from tests.api.conftest import Api


def freed(api: Api) -> str:
    """A number that serves nobody any more."""
    gone = api.create()
    assert api.client.delete(f"/api/restaurants/{gone['id']}").status_code == 200
    return str(gone["phone_number"])


@pytest.mark.parametrize("sort", ["number", "idle_since", "price"])
def test_numbers_are_listed_in_each_order_page_by_page(api: Api, sort: str) -> None:
    idle, serving = freed(api), api.create(force_twilio=True, area_code=api.area())["phone_number"]
    found = [row["number"] for row in api.all("/api/numbers", sort=sort, limit=1)]
    assert len(found) == len(set(found))
    assert idle in found
    assert (serving in found) is (sort != "idle_since")


def test_a_cursor_is_of_one_order_alone(api: Api) -> None:
    for _ in range(2):
        api.create(force_twilio=True, area_code=api.area())
    cursor = api.get("/api/numbers", sort="price", limit=1)["next_cursor"]
    answer = api.client.get("/api/numbers", params={"sort": "idle_since", "cursor": cursor})
    assert (answer.status_code, answer.json()["field"]) == (422, "cursor")


def test_counts_are_those_of_the_list(api: Api) -> None:
    freed(api)
    made = api.create(force_twilio=True, area_code=api.area())
    counted = api.get("/api/numbers/counts")
    assert counted["total"] == len(api.all("/api/numbers")) == sum(counted["by_state"].values())
    idle = api.all("/api/numbers", state=["idle", "cooling_down"])
    assert len(idle) == sum(counted["by_state"].get(state, 0) for state in ("idle", "cooling_down"))
    assert [n["number"] for n in api.all("/api/numbers", restaurant_id=made["id"])] == [made["phone_number"]]
    there = api.get("/api/restaurants/counts")
    assert there["total"] == len(api.all("/api/restaurants"))
    assert there["with_number"] == len(api.all("/api/restaurants", has_number=True))


def test_a_name_is_found_without_regard_to_case(api: Api) -> None:
    mark = uuid.uuid4().hex[:8]
    made = api.create(f"CAFÉ {mark}", assign_phone=False)
    assert [row["id"] for row in api.get("/api/restaurants", search=f"café {mark}")["items"]] == [made["id"]]


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("/api/numbers", {"sort": "colour"}, "sort"),
        ("/api/numbers", {"state": "sold"}, "state"),
        ("/api/numbers", {"idle_before": "yesterday"}, "idle_before"),
        ("/api/calls", {"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}, "until"),
        ("/api/calls", {"since": "0001-01-01T00:00:00+14:00"}, "since"),
        ("/api/restaurants", {"created_before": "9999-12-31T23:59:59-14:00"}, "created_before"),
        ("/api/assignments", {"reason": "bad_luck"}, "reason"),
        ("/api/debts", {"kind": "money"}, "kind"),
        ("/api/batches", {"status": "tired"}, "status"),
    ],
)
def test_what_cannot_be_asked_for_is_named(api: Api, path: str, query: dict[str, str], field: str) -> None:
    answer = api.client.get(path, params=query)
    assert answer.status_code == 422, answer.text
    assert answer.json()["field"].startswith(field)


def test_restaurants_are_listed_by_name_page_by_page(api: Api) -> None:
    mark = uuid.uuid4().hex[:8]
    names = [f"{mark} {name}" for name in ("beta", "Alfa", "alfa", "GAMMA", "ёлка \U0001f355" * 20)]
    made = {api.create(name, assign_phone=False)["id"]: name for name in names}
    found = api.all("/api/restaurants", sort="name", limit=1, search=mark)
    assert [row["name"] for row in found] == [names[place] for place in (1, 2, 0, 3, 4)]
    assert {row["id"] for row in found} == set(made)
    listed = [row["id"] for row in api.all("/api/restaurants", sort="name", limit=3)]
    assert len(listed) == len(set(listed)) == api.get("/api/restaurants/counts")["total"]
    first = api.get("/api/restaurants", sort="name", limit=1)["next_cursor"]
    refused = api.client.get("/api/restaurants", params={"cursor": first})
    assert (refused.status_code, refused.json()["field"]) == (422, "cursor")
