"""What numbers cost: the sums move with what is bought, idle and given back."""

from __future__ import annotations

from decimal import Decimal

from tests.api.conftest import Api, Json, until


def dollars(api: Api) -> dict[str, Decimal]:
    for total in api.get("/api/costs")["totals"]:
        if total["currency"] == "USD":
            return {name: Decimal(value) for name, value in total.items() if name != "currency"}
    return dict.fromkeys(["numbers", "monthly", "idle_monthly", "new_numbers", "new_monthly", "upfront"], Decimal(0))


def test_the_sums_move_with_what_is_bought_and_given_back(api: Api) -> None:
    before = dollars(api)
    made = api.create(force_twilio=True, area_code=api.area())
    bought = dollars(api)
    assert {name: bought[name] - before[name] for name in bought} == {
        "numbers": 1,
        "monthly": Decimal("1.15"),
        "idle_monthly": 0,
        "new_numbers": 1,
        "new_monthly": Decimal("1.15"),
        "upfront": 0,
    }
    path = f"/api/numbers/{made['phone_number']}/release"
    release = api.post(path, {"give_back": True, "force": True}).json()["id"]
    until(lambda: api.get(f"/api/releases/{release}")["status"] == "done")
    released = dollars(api)
    assert (released["numbers"], released["monthly"]) == (before["numbers"], before["monthly"])
    assert released["new_numbers"] == bought["new_numbers"]


def test_each_restaurant_has_a_line_while_it_has_a_number(api: Api) -> None:
    made = api.create(force_twilio=True, area_code=api.area())
    without = api.create(assign_phone=False)
    lines: Json = {}
    cursor = None
    while True:
        page = api.get("/api/costs/restaurants", limit=2, **({"cursor": cursor} if cursor else {}))
        lines |= {line["id"]: line for line in page["items"]}
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert without["id"] not in lines
    line = lines[made["id"]]
    assert (line["phone_number"], line["monthly_price"], line["currency"]) == (made["phone_number"], "1.15", "USD")


def test_a_restaurants_key_does_not_see_what_things_cost(api: Api) -> None:
    made = api.create(assign_phone=False)
    for path in ("/api/costs", "/api/costs/restaurants"):
        answer = api.anonymous.get(path, headers={"Authorization": f"Bearer {made['api_key']}"})
        assert answer.status_code == 403, answer.text
