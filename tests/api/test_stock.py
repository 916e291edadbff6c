"""Numbers for stock over HTTP: bought once whatever happens, taken over only if they are free."""

from __future__ import annotations

from collections.abc import Callable

import httpx2
import pytest

from tests.api.conftest import Api, Json, until
from trunkline.carriers.telnyx import TelnyxCarrier
from trunkline.sandbox import twilio


def for_sale(api: Api, **query: str) -> str:
    return str(api.get("/api/numbers/search", carrier="twilio", limit=1, **query)["items"][0]["number"])


def buy(api: Api, number: str, **body: object) -> httpx2.Response:
    return api.post("/api/numbers", {"number": number} | body)


def held(api: Api, number: str) -> list[Json]:
    return [row for row in api.sandbox.held("twilio") if row["number"] == number]


def own(api: Api, number: str, **wire: str) -> None:
    """Let the Twilio account hold a number that was bought elsewhere."""
    row = {"carrier": "twilio", "number": number, "account": twilio.DEFAULT_ACCOUNT, "wire": wire}
    api.sandbox.control.post("/numbers", json=row).raise_for_status()


def in_vapi(api: Api, number: str) -> list[Json]:
    key = api.services.settings.vapi_api_key
    assert key is not None
    rows = httpx2.get(
        f"{api.sandbox.url}/v2/phone-number",
        params={"limit": 1000, "search": number},
        headers={"Authorization": f"Bearer {key.get_secret_value()}"},
    ).json()
    return [row for row in rows["results"] if row.get("number") == number]


def test_a_number_is_bought_for_stock_and_the_next_restaurant_gets_it(api: Api) -> None:
    number = for_sale(api)
    bought = buy(api, number)
    assert (bought.status_code, bought.headers["Location"]) == (201, f"/api/numbers/{number}")
    assert (bought.json()["state"], bought.json()["carrier"]) == ("idle", "twilio")
    assert (bought.json()["monthly_price"], bought.json()["currency"]) == ("1.15", "USD")
    assert held(api, number)[0]["wire"]["friendly_name"].startswith("trunkline-")
    assert api.owes(number) == []
    served = api.create(contains=number[-7:], area_code=number[2:5])
    assert (served["phone_number"], served["assignment"]["source"]) == (number, "owned")


def test_a_dry_run_says_the_price_and_buys_nothing(api: Api) -> None:
    number = for_sale(api)
    told = buy(api, number, dry_run=True)
    assert (told.status_code, told.json()["number"], told.json()["monthly_price"]) == (200, number, "1.15")
    assert held(api, number) == []


def test_what_is_dearer_than_was_agreed_to_is_not_bought(api: Api) -> None:
    number = for_sale(api)
    refused = buy(api, number, agreed={"max_monthly_price": "1.14"})
    assert (refused.status_code, refused.json()["code"]) == (409, "price_changed")
    assert (
        "1.15 USD a month is not within the max_monthly_price that was agreed to, 1.14 USD" in refused.json()["detail"]
    )
    euros = buy(api, number, agreed={"max_monthly_price": "9", "currency": "EUR"})
    assert euros.json()["code"] == "price_changed", "no rate leads there"
    for nonsense, field in (({}, "agreed"), ({"max_monthly_price": "1", "currency": "XXX"}, "currency")):
        assert buy(api, number, agreed=nonsense).json()["field"] == field
    assert held(api, number) == []
    assert buy(api, number, agreed={"max_monthly_price": "1.15", "max_upfront_price": "0"}).status_code == 201


def test_a_restaurants_number_costs_no_more_than_was_agreed_to(api: Api) -> None:
    """Also in whatever goes on with it: what was agreed to is kept with the run."""
    less = api.create(phone_number=for_sale(api), agreed={"max_monthly_price": "1.14"})
    assert (less["phone_number"], less["assignment"]["reason"]) == (None, "carrier_rejected")
    assert "that was agreed to, 1.14 USD" in less["assignment"]["message"]
    assert less["assignment"]["criteria"]["max_monthly_price"] == "1.14 USD"
    again = api.post(f"/api/assignments/{less['assignment']['id']}/retry").json()
    assert (again["phone_number"], again["reason"]) == (None, "carrier_rejected")
    enough = {"phone_number": for_sale(api), "agreed": {"max_monthly_price": "1.15"}}
    assert api.post(f"/api/restaurants/{less['id']}/phone", enough).json()["phone_number"] == enough["phone_number"]


def test_the_same_purchase_again_buys_nothing(api: Api) -> None:
    number = for_sale(api)
    bought = buy(api, number)
    again = buy(api, number)
    assert (bought.status_code, again.status_code) == (201, 200)
    assert again.json() == bought.json()
    assert (again.headers["Location"], buy(api, number, dry_run=True).status_code) == (f"/api/numbers/{number}", 409)
    assert len(held(api, number)) == 1


@pytest.mark.parametrize("sold", [True, False])
def test_a_lost_reply_is_settled_by_looking_and_never_bought_twice(
    api: Api, setting: Callable[..., None], sold: bool
) -> None:
    setting(provider_timeout_seconds=0.2, listing_lag_seconds=600)  # it may show late: nobody can tell yet
    number = for_sale(api)
    rule = {"provider": "twilio", "operation": "incoming_numbers.create", "kind": "drop"}
    api.sandbox.fault(**rule, when="after" if sold else "before", times=1)
    lost = buy(api, number)
    assert (lost.status_code, lost.json()["code"]) == (502, "outcome_unknown")
    assert api.get(f"/api/numbers/{number}")["state"] == "purchasing"
    owed = [debt for debt in api.all("/api/debts") if debt["kind"] == "intent_unknown"]
    assert [debt["restaurant_id"] for debt in owed] == [None]
    meanwhile = buy(api, number)
    assert meanwhile.status_code in (409, 502)
    setting(listing_lag_seconds=0.1)
    api.hurry(owed[0]["subject"])
    until(lambda: not api.owes(owed[0]["subject"]))
    shown = api.client.get(f"/api/numbers/{number}")
    assert shown.json().get("state") == ("idle" if sold else None)
    assert len(held(api, number)) == int(sold)


def test_a_refused_purchase_says_why_and_leaves_nothing_behind(api: Api) -> None:
    number = for_sale(api)
    api.refuse(
        "incoming_numbers.create", 400, {"code": 21404, "message": "Trial accounts are allowed only one"}, times=1
    )
    refused = buy(api, number)
    assert (refused.status_code, refused.json()["code"]) == (409, "trial_limit")
    assert api.client.get(f"/api/numbers/{number}").status_code == 404  # it never was ours
    assert [d for d in api.all("/api/debts") if d["kind"] == "intent_unknown"] == []
    assert buy(api, number).status_code == 201


def test_a_number_dearer_than_the_limit_is_not_bought(api: Api, setting: Callable[..., None]) -> None:
    setting(max_monthly_price="1.00 USD")
    number = for_sale(api)
    refused = buy(api, number)
    assert (refused.status_code, refused.json()["code"]) == (409, "carrier_rejected")
    assert "1.15 USD a month is not within MAX_MONTHLY_PRICE=1.00 USD" in refused.json()["detail"]
    assert held(api, number) == []


@pytest.mark.parametrize("number", ["+447624806111", "+447797712345"], ids=["Isle of Man", "Jersey"])
def test_a_number_is_bought_in_the_country_that_it_is_sold_in(api: Api, number: str) -> None:
    row = {"carrier": "twilio", "number": number, "country": "GB", "type": "mobile"}
    api.sandbox.control.post("/numbers", json=row).raise_for_status()
    bought = buy(api, number)
    assert (bought.status_code, bought.json().get("country")) == (201, "GB")
    assert len(held(api, number)) == 1


def test_a_number_of_the_account_is_taken_over_into_vapi_and_may_be_again(api: Api) -> None:
    own(api, "+16505550177")
    taken = api.post("/api/numbers/+16505550177/import")
    assert (taken.status_code, taken.json()["state"]) == (200, "idle")
    (row,) = in_vapi(api, "+16505550177")
    assert row["id"] == taken.json()["voice_id"]
    assert row.get("assistantId") is None
    again = api.post("/api/numbers/+16505550177/import", {"carrier": "twilio"})
    assert again.status_code == 200, again.text
    assert again.json()["voice_id"] == row["id"]
    served = api.create(area_code="650", contains="5550177")
    assert (served["phone_number"], served["assignment"]["source"]) == ("+16505550177", "existing")


def test_a_released_number_that_stayed_in_the_account_can_be_taken_over_again(api: Api) -> None:
    number = api.create()["phone_number"]
    api.post(f"/api/numbers/{number}/release", {"force": True})
    until(lambda: api.get(f"/api/numbers/{number}")["state"] == "idle")
    taken = api.post(f"/api/numbers/{number}/import").json()
    assert (taken["state"], [row["id"] for row in in_vapi(api, number)]) == ("idle", [taken["voice_id"]])


def test_a_number_in_service_is_not_taken_over(api: Api) -> None:
    number = api.create()["phone_number"]
    refused = api.post(f"/api/numbers/{number}/import")
    assert (refused.status_code, refused.json()["detail"]) == (409, f"{number} is in service")
    assert (buy(api, number).status_code, buy(api, number).json()["state"]) == (200, "in_service")


def test_a_number_that_something_else_answers_is_left_alone(api: Api) -> None:
    own(api, "+16505550178", voice_url="https://example.com/voice")
    refused = api.post("/api/numbers/+16505550178/import")
    assert (refused.status_code, refused.json()["code"]) == (409, "number_foreign")
    assert in_vapi(api, "+16505550178") == []


def test_a_number_that_the_account_does_not_hold_is_not_found(api: Api) -> None:
    refused = api.post("/api/numbers/+16505550188/import")
    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")


def test_vapi_being_down_leaves_the_number_idle_at_its_carrier(api: Api) -> None:
    own(api, "+16505550179")
    api.sandbox.fault(provider="vapi", operation="phone_numbers.create", kind="status", status=503)
    refused = api.post("/api/numbers/+16505550179/import")
    assert refused.status_code in (502, 503)
    api.sandbox.control.delete("/faults")
    assert api.get("/api/numbers/+16505550179")["state"] == "idle"
    assert api.post("/api/numbers/+16505550179/import").json()["voice_id"]


@pytest.mark.parametrize("number", ["12", "", "hello", "+1415555012399999"])
def test_what_is_no_number_is_refused(api: Api, number: str) -> None:
    refused = buy(api, number)
    assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (422, "invalid_input", "number")


def test_what_nobody_sells_is_gone(api: Api) -> None:
    refused = buy(api, "+16505559999")
    assert (refused.status_code, refused.json()["code"]) == (409, "number_gone")


def test_what_the_account_holds_is_not_gone_and_its_refusal_says_how_to_take_it_over(api: Api) -> None:
    own(api, "+16505550167", voice_url="https://example.com/voice")
    refused = buy(api, "+16505550167")
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert refused.json()["hint"] == "take it over: POST /api/numbers/+16505550167/import"


def test_a_carrier_that_is_not_configured_sells_nothing(api: Api) -> None:
    refused = buy(api, for_sale(api), carrier="byo")
    assert (refused.status_code, refused.json()["code"]) == (409, "carrier_not_configured")


def test_a_number_is_held_read_and_let_go(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(api.services.carriers, "telnyx", TelnyxCarrier(api.services.settings))
    number = str(api.get("/api/numbers/search", carrier="telnyx", limit=1)["items"][0]["number"])
    path = f"/api/numbers/{number}/hold"
    held = api.post(path, {"carrier": "telnyx"})
    assert (held.status_code, held.json()["offer"]["number"]) == (200, number)
    assert api.get(path)["held_until"] == held.json()["held_until"]
    ended = api.client.delete(path).json()
    assert ended["carrier_until"] == held.json()["carrier_until"] > held.json()["held_until"] > ended["held_until"]
    assert api.client.get(path).status_code == 404
    refused = api.post(f"/api/numbers/{for_sale(api)}/hold").json()
    assert (refused["code"], "cannot hold it" in refused["detail"]) == ("cannot_hold", True)
