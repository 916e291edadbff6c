"""GET /api/numbers, the search for offers, and releases."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from tests.api.conftest import Api, path_of, until
from trunkline.carriers.telnyx import TelnyxCarrier


def test_a_number_tells_whom_it_serves_and_what_it_costs(api: Api) -> None:
    made = api.create(area_code=api.area())
    number = api.get(f"/api/numbers/{made['phone_number']}")
    assert (number["state"], number["carrier"], number["country"]) == ("in_service", "twilio", "US")
    assert (number["monthly_price"], number["currency"], number["number_type"]) == ("1.15", "USD", "local")
    assert number["restaurants"] == [{"id": made["id"], "name": made["name"], "active": True}]
    assert number["national"] == made["phone_number_national"]
    assert number["carrier_ref"].startswith("PN")
    assert [(m["restaurant_id"], m["active"], m["ended_at"]) for m in number["mappings"]] == [(made["id"], True, None)]
    assert number["releases"] == []


def test_a_number_is_found_in_any_notation(api: Api) -> None:
    made = api.create()
    for written in (made["phone_number_national"], made["phone_number_international"], made["phone_number"]):
        assert api.get(f"/api/numbers/{written}")["number"] == made["phone_number"]


@pytest.mark.parametrize(
    ("number", "status", "code"), [("12", 422, "invalid_input"), ("+14155550000", 404, "not_found")]
)
def test_what_is_no_number_or_not_ours_is_named_so(api: Api, number: str, status: int, code: str) -> None:
    for answer in (api.client.get(f"/api/numbers/{number}"), api.post(f"/api/numbers/{number}/release", {})):
        assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_numbers_are_paged_and_narrowed_by_state_and_carrier(api: Api) -> None:
    mine = {api.create(force_twilio=True)["phone_number"] for _ in range(3)}
    seen, cursor = [], None
    while True:
        page = api.get("/api/numbers", state="in_service", limit=2, **({"cursor": cursor} if cursor else {}))
        seen += [row["number"] for row in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert mine <= set(seen)
    assert seen == sorted(set(seen))
    assert {row["carrier"] for row in api.get("/api/numbers", carrier="twilio", limit=200)["items"]} == {"twilio"}
    assert api.get("/api/numbers", carrier="byo")["items"] == []


def test_a_search_shows_priced_offers_and_buys_nothing(api: Api) -> None:
    held = len(api.sandbox.held("twilio"))
    found = api.get("/api/numbers/search", country="GB", number_type="mobile", limit=3)
    assert len(found["items"]) == 3
    offer = found["items"][0]
    assert offer["number"].startswith("+447")
    assert offer["national"].startswith("07")
    assert (offer["carrier"], offer["monthly_price"], offer["currency"]) == ("twilio", "1.30", "USD")
    assert offer["needs"] == []
    assert found["refusals"] == []
    assert len(api.sandbox.held("twilio")) == held


def test_a_search_says_which_papers_a_number_needs(api: Api) -> None:
    offers = api.get("/api/numbers/search", country="DE", number_type="local")["items"]
    assert "address" in offers[0]["needs"]


def test_a_search_asks_every_carrier_and_one_that_refuses_takes_nothing_from_the_others(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(api.services.carriers, "telnyx", TelnyxCarrier(api.services.settings))
    both = api.get("/api/numbers/search", limit=2)
    assert [offer["carrier"] for offer in both["items"]] == ["twilio", "twilio", "telnyx", "telnyx"]
    prices = [Decimal(offer["monthly_price"]) for offer in both["items"]]
    assert all(price > 0 for price in prices)
    api.sandbox.fault(provider="telnyx", kind="status", status=401)
    one = api.get("/api/numbers/search", limit=2)
    assert [offer["carrier"] for offer in one["items"]] == ["twilio", "twilio"]
    assert [(refusal["carrier"], refusal["code"]) for refusal in one["refusals"]] == [
        ("telnyx", "carrier_action_required")
    ]
    pinned = api.client.get("/api/numbers/search", params={"carrier": "telnyx"})
    assert (pinned.status_code, pinned.json()["code"]) == (409, "carrier_action_required")


@pytest.mark.parametrize(
    ("query", "status", "code", "field"),
    [
        ({"carrier": "vonage"}, 409, "carrier_not_configured", None),
        ({"carrier": "acme"}, 422, "invalid_input", "carrier"),
        ({"country": "XX"}, 422, "invalid_input", "country"),
        ({"area_code": "12"}, 422, "invalid_input", "area_code"),
        ({"limit": "0"}, 422, "invalid_input", "limit"),
        ({"colour": "red"}, 422, "invalid_input", "colour"),
    ],
)
def test_a_search_that_cannot_be_is_refused(
    api: Api, query: dict[str, str], status: int, code: str, field: str | None
) -> None:
    answer = api.client.get("/api/numbers/search", params=query)
    assert (answer.status_code, answer.json()["code"], answer.json().get("field")) == (status, code, field)


def test_a_carrier_that_has_no_such_numbers_offers_nothing_and_says_so(api: Api) -> None:
    found = api.get("/api/numbers/search", number_type="mobile")
    assert found["items"] == []
    assert [(r["carrier"], r["code"], r["detail"]) for r in found["refusals"]] == [
        ("twilio", "carrier_rejected", "Twilio sells no mobile numbers in US")
    ]


def test_a_carrier_that_asks_to_slow_down_is_passed_on_as_such(api: Api) -> None:
    api.refuse("available_numbers.search", 429, headers={"Retry-After": "1"})
    answer = api.client.get("/api/numbers/search")
    assert (answer.status_code, answer.json()["code"]) == (503, "carrier_unavailable")
    assert answer.headers["Retry-After"] == "1"


def test_a_number_is_given_back_to_its_carrier(api: Api) -> None:
    number = api.idle()
    answer = api.post(f"/api/numbers/{number}/release", {"give_back": True})
    assert answer.status_code == 202
    release = answer.json()
    assert (release["number"], release["give_back"]) == (number, True)
    path = f"/api/releases/{release['id']}"
    assert answer.headers["Location"] == path
    until(lambda: api.get(path)["status"] == "done")
    ended = api.get(path)
    assert path_of(ended) == ["detach_assistant", "delete_import", "release_carrier"]
    assert number not in {row["number"] for row in api.sandbox.held("twilio")}
    detail = api.get(f"/api/numbers/{number}")
    assert (detail["state"], detail["voice_id"]) == ("released", None)
    assert [row["id"] for row in detail["releases"]] == [release["id"]]
    again = api.post(f"/api/numbers/{number}/release", {})
    assert (again.status_code, again.json()["code"]) == (409, "conflict")


def test_a_number_stays_in_the_carriers_account_unless_told_otherwise(api: Api) -> None:
    number = api.idle()
    release = api.post(f"/api/numbers/{number}/release").json()
    assert release["give_back"] is False
    until(lambda: api.get(f"/api/releases/{release['id']}")["status"] == "done")
    assert number in {row["number"] for row in api.sandbox.held("twilio")}


def test_a_number_in_service_is_released_only_by_force(api: Api) -> None:
    made = api.create()
    path = f"/api/numbers/{made['phone_number']}/release"
    refused = api.post(path, {"give_back": True})
    assert (refused.status_code, refused.json()["code"]) == (409, "number_in_service")
    assert api.get(f"/api/restaurants/{made['id']}")["phone_number"] == made["phone_number"]
    forced = api.post(path, {"give_back": True, "force": True})
    assert forced.status_code == 202
    until(lambda: api.get(f"/api/releases/{forced.json()['id']}")["status"] == "done")
    assert api.get(f"/api/restaurants/{made['id']}")["phone_number"] is None


def test_a_release_is_owed_while_the_carrier_is_down(api: Api, setting: Callable[..., None]) -> None:
    setting(retry_for_seconds=0.2)
    number = api.idle()
    api.refuse("*", 503)
    release = api.post(f"/api/numbers/{number}/release", {"give_back": True}).json()
    until(lambda: api.get(f"/api/releases/{release['id']}")["status"] == "owed")
    owed = api.owes(number)
    assert [(debt["kind"], debt["run_id"]) for debt in owed] == [("release_owed", release["id"])]
    assert "503" in owed[0]["reason"]
    api.sandbox.control.delete("/faults")
    api.hurry(number)
    until(lambda: api.get(f"/api/releases/{release['id']}")["status"] == "done")
    assert api.owes(number) == []


def test_a_release_that_does_not_exist_is_not_found(api: Api) -> None:
    assert api.client.get("/api/releases/rel_none").json()["code"] == "not_found"
