"""Budgets as people set them, and what they are told when one does not do."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.conftest import Api, Json, until


@pytest.fixture
def restaurant(api: Api) -> str:
    return str(api.create(f"Roma {uuid.uuid4().hex[:6]}", assign_phone=False)["id"])


@pytest.fixture
def for_all(api: Api) -> Iterator[str]:
    """Other tests buy beyond it afterwards."""
    yield "/api/budgets/all"
    api.client.delete("/api/budgets/all")


def put(api: Api, budget: str, **limits: Any) -> Json:
    answer = api.client.put(f"/api/budgets/{budget}", json=limits)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def assign(api: Api, restaurant: str, **wish: Any) -> Json:
    answer = api.post(f"/api/restaurants/{restaurant}/phone", {"force_twilio": True, "area_code": api.area()} | wish)
    assert answer.status_code == 201, answer.text
    return dict(answer.json()["assignment"])


def test_a_restaurant_buys_within_its_budget_and_what_it_gives_back_counts_no_more(api: Api, restaurant: str) -> None:
    budget = put(api, restaurant, max_numbers=1, max_monthly_price="1.20")
    assert (budget["kind"], budget["currency"], budget["percent"]) == ("restaurant", "USD", 0)
    number = assign(api, restaurant)["phone_number"]
    now = api.get(f"/api/budgets/{restaurant}")
    assert (now["used"]["numbers"], now["used"]["monthly_price"], now["percent"]) == (1, "1.15", 100)
    release = api.post(f"/api/numbers/{number}/release", {"give_back": True, "force": True}).json()["id"]
    until(lambda: api.get(f"/api/releases/{release}")["status"] == "done")
    assert api.get(f"/api/budgets/{restaurant}")["used"]["numbers"] == 0
    assert assign(api, restaurant)["status"] == "assigned"


def test_a_number_that_was_given_up_and_is_kept_counts_for_who_had_it(api: Api, restaurant: str, setting: Any) -> None:
    setting(number_cooldown_hours=24)
    put(api, restaurant, max_numbers=1)
    number = assign(api, restaurant)["phone_number"]
    assert api.post(f"/api/numbers/{number}/unassign", {}).status_code == 200
    assert api.get(f"/api/budgets/{restaurant}")["used"]["numbers"] == 1


def test_what_was_bought_this_month_stays_bought(api: Api, restaurant: str) -> None:
    put(api, restaurant, max_purchases=1, max_spending="5")
    number = assign(api, restaurant)["phone_number"]
    release = api.post(f"/api/numbers/{number}/release", {"give_back": True, "force": True}).json()["id"]
    until(lambda: api.get(f"/api/releases/{release}")["status"] == "done")
    refused = assign(api, restaurant)
    assert (refused["status"], refused["reason"]) == ("unassigned", "budget_exceeded")
    assert refused["message"] == "the restaurant's budget allows 1 number bought in a month: 0 left"
    assert f"trunkline budgets set {restaurant}, or next month" in refused["hint"]


def test_a_quote_and_a_plan_say_beforehand_that_the_budget_will_not_do(api: Api, for_all: str) -> None:
    number = f"+1{api.area()}5550100"
    put(api, "all", max_purchases=0)
    answer = api.post("/api/numbers", {"number": number, "dry_run": True})
    assert (answer.status_code, answer.json()["code"]) == (409, "budget_exceeded")
    assert api.post("/api/numbers", {"number": number}).json()["code"] == "budget_exceeded"
    rows = [{"name": f"Bulk {n} {uuid.uuid4().hex[:6]}", "area_code": number[2:5]} for n in range(2)]
    plan = api.post("/api/restaurants/bulk", {"rows": rows, "dry_run": True}).json()["numbers"]
    assert (plan["bought"], plan["short"], plan["beyond_budget"]) == (0, 2, 2)
    assert "the budget for all allows 0 numbers bought in a month: 0 left" in plan["notes"][0]


def paused_after(api: Api, batch: str, assigned: int) -> Json:
    """The batch as it is when its budget has let it buy so many, and no more. What is about to be bought when it is
    paused is not, so that it is resumed for those."""

    def at_rest() -> bool:
        now.update(api.get(f"/api/batches/{batch}"))
        return now["status"] == "paused" and not now["counts"]["running"]

    now: Json = {}
    until(at_rest)
    while now["counts"]["assigned"] < assigned:
        assert api.post(f"/api/batches/{batch}/resume").status_code == 202
        until(at_rest)
    assert now["counts"]["assigned"] == assigned
    return now


def test_a_plan_counts_what_it_plans_and_a_batch_pauses_where_nothing_more_may_be_bought(
    api: Api, for_all: str
) -> None:
    area, mark = api.area(), uuid.uuid4().hex[:6]
    for n in range(3):
        api.create(f"{mark} {n}", assign_phone=False)
    used = put(api, "all", max_numbers=1_000)["used"]["numbers"]
    put(api, "all", max_numbers=used + 2)
    asked = {"search": mark, "force_twilio": True, "area_code": area}
    plan = api.post("/api/batches", asked | {"dry_run": True}).json()
    assert (plan["bought"], plan["beyond_budget"]) == (2, 1)
    batch = api.post("/api/batches", asked).json()["id"]
    now = paused_after(api, batch, 2)
    assert "the budget for all allows" in now["message"]
    assert f"trunkline budgets set all; then resume the batch: POST /api/batches/{batch}/resume" in now["hint"]


@pytest.mark.parametrize(
    ("limits", "field"),
    [
        ({"max_numbers": -1}, "max_numbers"),
        ({"max_monthly_price": "-0.01"}, "max_monthly_price"),
        ({"max_spending": "0.00001"}, "max_spending"),
        ({"max_spending": "1", "currency": "XXX"}, "currency"),
        ({"max_spending": "1", "currency": "EUR"}, "currency"),
        ({}, "max_numbers"),
        ({"max_number": 1}, "max_number"),
    ],
)
def test_what_cannot_be_a_budget_names_its_field(api: Api, roma: Json, limits: Json, field: str) -> None:
    for method, path, body in (
        ("PUT", f"/api/budgets/{roma['id']}", limits),
        ("PATCH", f"/api/restaurants/{roma['id']}", {"budget": limits}),
    ):
        answer = api.client.request(method, path, json=body)
        assert answer.status_code == 422, answer.text
        assert answer.json()["field"].removeprefix("budget.") == field
    assert api.client.get(f"/api/budgets/{roma['id']}").status_code == 404


def test_another_currency_counts_with_its_rate_and_is_refused_without(api: Api, restaurant: str, setting: Any) -> None:
    from decimal import Decimal

    setting(budget_rates={"EUR": Decimal("1.25")})
    put(api, restaurant, max_monthly_price="1.00", currency="eur")
    assert assign(api, restaurant)["status"] == "assigned"
    now = api.get(f"/api/budgets/{restaurant}")
    assert (now["currency"], now["used"]["monthly_price"], now["percent"]) == ("EUR", "0.92", 92)
    setting(budget_rates={})
    now = api.get(f"/api/budgets/{restaurant}")
    assert (now["used"]["monthly_price"], now["percent"]) == (None, None)
    number = f"+1{api.area()}5550100"
    put(api, "all", max_monthly_price="1000")
    setting(budget_rates={"EUR": Decimal("1.25")})
    put(api, "all", max_monthly_price="1000", currency="EUR")
    setting(budget_rates={})
    refused = api.post("/api/numbers", {"number": number, "dry_run": True}).json()
    api.client.delete("/api/budgets/all")
    assert (refused["code"], "cannot be counted in EUR" in refused["detail"]) == ("budget_exceeded", True)
    assert "BUDGET_RATES" in refused["hint"]


def test_a_budget_is_set_with_a_restaurant_listed_and_removed(api: Api, restaurant: str) -> None:
    path = f"/api/restaurants/{restaurant}"
    changed = api.client.patch(path, json={"budget": {"max_purchases": 2}}).json()
    assert changed["budget"] == {
        "max_numbers": None,
        "max_monthly_price": None,
        "max_purchases": 2,
        "max_spending": None,
        "currency": None,
    }
    assert api.client.patch(path, json={"name": "Napoli"}).json()["budget"]["max_purchases"] == 2
    put(api, "all", max_numbers=10_000)
    first = api.get("/api/budgets", limit=1)
    assert first["items"][0]["budget"] == "all"
    rest = api.get("/api/budgets", limit=200, cursor=first["next_cursor"])["items"]
    assert ("Napoli", restaurant) in [(one["name"], one["budget"]) for one in rest]
    assert api.client.delete("/api/budgets/all").status_code == 200
    assert api.client.delete("/api/budgets/all").status_code == 404
    assert api.client.patch(path, json={"budget": None}).json()["budget"] is None
    put(api, restaurant, max_numbers=3)
    assert api.client.delete(path).status_code == 200
    assert api.client.get(f"/api/budgets/{restaurant}").status_code == 404


def key(api: Api, *scopes: str) -> tuple[str, dict[str, str]]:
    """The id of a new one, and the header that it opens with."""
    made = api.post("/api/keys", {"scopes": list(scopes)}).json()
    return str(made["id"]), {"Authorization": f"Bearer {made['key']}"}


def test_a_keys_budget_binds_what_it_buys_itself_or_by_a_batch(api: Api) -> None:
    mine, opens = key(api, "restaurants:write", "numbers:buy", "batches:write", "numbers:read")
    put(api, mine, max_purchases=2)
    area, mark = api.area(), uuid.uuid4().hex[:6]
    body = {"name": mark, "force_twilio": True, "area_code": area}
    made = api.anonymous.post("/api/restaurants", json=body, headers=opens).json()
    assert made["assignment"]["status"] == "assigned"
    for n in range(2):
        api.create(f"{mark} {n}", assign_phone=False)
    asked = {"search": f"{mark} ", "force_twilio": True, "area_code": area}
    plan = api.anonymous.post("/api/batches", json=asked | {"dry_run": True}, headers=opens).json()
    assert (plan["bought"], plan["beyond_budget"]) == (1, 1)
    batch = api.anonymous.post("/api/batches", json=asked, headers=opens).json()["id"]
    assert paused_after(api, batch, 1)["counts"]["running"] == 0
    assert api.get(f"/api/budgets/{mine}")["used"]["purchases"] == 2
    assert api.create(force_twilio=True, area_code=area)["assignment"]["status"] == "assigned"  # by another hand


def test_nobody_raises_his_own_budget(api: Api, restaurant: str) -> None:
    raises, _ = key(api, "keys:write")
    assert api.client.put(f"/api/budgets/{raises}", json={"max_purchases": 1}).status_code == 409
    _, opens = key(api, "restaurants:write", "numbers:read")
    for method, path, body in (
        ("PUT", "/api/budgets/all", {"max_purchases": 9}),
        ("DELETE", "/api/budgets/all", None),
        ("PATCH", f"/api/restaurants/{restaurant}", {"budget": None}),
    ):
        answer = api.anonymous.request(method, path, json=body, headers=opens)
        assert answer.status_code == 403, answer.text
    assert api.anonymous.get("/api/budgets", headers=opens).status_code == 200


def test_most_and_all_of_a_limit_are_told_once(api: Api, restaurant: str) -> None:
    put(api, restaurant, max_spending="2.00", max_numbers=2)
    assert assign(api, restaurant)["status"] == "assigned"
    told = [e["type"] for e in api.all("/api/events", subject=restaurant)]
    assert [kind for kind in told if kind.startswith("budget.")] == ["budget.changed"]
    put(api, restaurant, max_spending="1.40")
    found = [f for f in api.get("/api/doctor")["items"] if f["subject"] == "budgets"]
    assert any(f"{restaurant}: 82 % of max_spending 1.4 are taken" in f["text"] for f in found)
    number = api.get(f"/api/restaurants/{restaurant}")["phone_number"]
    release = api.post(f"/api/numbers/{number}/release", {"give_back": True, "force": True}).json()["id"]
    until(lambda: api.get(f"/api/releases/{release}")["status"] == "done")
    for _ in range(2):
        assert assign(api, restaurant)["reason"] == "budget_exceeded"
    told = [e["type"] for e in api.all("/api/events", subject=restaurant)]
    assert sorted(kind for kind in told if kind.startswith("budget.")) == [
        "budget.changed",
        "budget.changed",
        "budget.exceeded",
        "budget.warned",
    ]
