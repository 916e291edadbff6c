"""The sandbox's own interface: what it takes, what it refuses, and how it says so."""

from __future__ import annotations

import fnmatch
from typing import Any

import httpx2
import pytest

from tests.sandbox.twilio_client import TwilioApi
from tests.support.sandbox_server import SandboxServer
from trunkline.sandbox import telnyx, twilio, vapi, vonage
from trunkline.sandbox.server import build_sandbox
from trunkline.sandbox.words import WORDS

NUMBER = "+14155550100"


def error_of(answer: httpx2.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    return str(answer.json()["error"])


def test_a_number_that_is_held_is_not_overwritten(sandbox: SandboxServer) -> None:
    api = TwilioApi(sandbox)
    api.buy(NUMBER)
    rows = [{"carrier": "twilio", "number": n} for n in ("+14159990001", NUMBER)]
    said = error_of(sandbox.control.post("/numbers", json=rows), 409)
    assert f"{NUMBER} is held by {twilio.DEFAULT_ACCOUNT}" in said
    assert "?replace=true" in said
    assert api.listed() == [NUMBER]
    assert api.found(Contains="+14159990001") == []


def test_a_number_that_is_held_is_replaced_where_that_is_asked_for(sandbox: SandboxServer) -> None:
    api = TwilioApi(sandbox)
    api.buy(NUMBER)
    row = {"carrier": "twilio", "number": NUMBER}
    sandbox.control.post("/numbers", params={"replace": "true"}, json=row).raise_for_status()
    assert api.listed() == []
    assert api.found(Contains=NUMBER) == [NUMBER]


def test_a_number_for_sale_may_be_put_up_again(sandbox: SandboxServer) -> None:
    row = {"carrier": "twilio", "number": NUMBER, "price": "9.99"}
    sandbox.control.post("/numbers", json=row).raise_for_status()
    assert sandbox.control.get("/numbers", params={"number": NUMBER}).json()[0]["price"] == "9.99"


def test_a_vendor_changes_its_prices(sandbox: SandboxServer) -> None:
    change = {"price": "2.30", "currency": "EUR"}
    answer = sandbox.control.patch("/numbers", params={"carrier": "twilio", "country": "GB"}, json=change)
    assert answer.json() == {"changed": 40}
    priced = TwilioApi(sandbox).http.get("/v1/PhoneNumbers/Countries/GB").json()
    assert priced["price_unit"] == "EUR"
    assert {price["current_price"] for price in priced["phone_number_prices"]} == {"2.30"}
    us = TwilioApi(sandbox).http.get("/v1/PhoneNumbers/Countries/US").json()
    assert (us["price_unit"], us["phone_number_prices"][0]["current_price"]) == ("USD", "1.15")


def test_a_record_is_changed_as_by_a_hand_in_a_dashboard(sandbox: SandboxServer) -> None:
    api = TwilioApi(sandbox)
    name = api.buy(NUMBER, FriendlyName="mark")["friendly_name"]
    wire = {"voice_url": "https://pbx.example/v"}
    sandbox.control.patch("/numbers", params={"number": NUMBER}, json={"wire": wire}).raise_for_status()
    (row,) = api.get("/IncomingPhoneNumbers.json").json()["incoming_phone_numbers"]
    assert (row["voice_url"], row["friendly_name"]) == ("https://pbx.example/v", name)


@pytest.mark.parametrize(
    ("method", "path", "body", "names"),
    [
        ("POST", "/numbers", {"carrier": "twilio"}, "number"),
        ("POST", "/numbers", {"carrier": "twilio", "number": "+1", "prize": "1"}, "prize"),
        ("POST", "/numbers", {"carrier": "twilio", "number": "+1", "price": "dear"}, "price"),
        ("POST", "/numbers", {"carrier": "tele", "number": "+1"}, "carrier"),
        ("PATCH", "/numbers", {"account": "x"}, "price, currency"),
        ("PATCH", "/numbers?colour=red", {"price": "1"}, "colour"),
        ("PUT", "/accounts/twilio/AC1", {"balance": "much"}, "balance"),
        ("PUT", "/accounts/twilio/AC1", {"trail": True}, "trail"),
        ("PUT", "/accounts/twilio/AC1", {"extra": {"regoin": "ie1"}}, "api_keys, parent, status"),
        ("PUT", "/accounts/tele/1", {}, "known are telnyx, twilio, vapi, vonage"),
        ("PUT", "/accounts/twilio/AC1", [], "object"),
        ("PUT", "/switches", [], "object"),
        ("GET", "/requests?after=x", None, "after"),
        ("POST", "/reset", {"seed": "x"}, "seed"),
        ("POST", "/reset", {"sead": 1}, "sead"),
        ("POST", "/faults", {"provider": "twilio", "times": "often"}, "times"),
        ("POST", "/faults", {"provider": "twilio", "when": "later"}, "when"),
        ("POST", "/faults", {"provider": "twilio", "status": 99}, "status"),
        ("POST", "/faults", {"provider": "twilio", "probability": 7}, "probability"),
        ("POST", "/faults", {"provider": "twilio", "seconds": -1}, "seconds"),
        ("POST", "/faults", {"operation": "*"}, "provider"),
        ("PUT", "/switches", {"twilio_rebuyy": 1}, "twilio_rebuy"),
        ("PUT", "/switches", {"twilio_rebuy": "upgrade"}, "'update' or 'ignore'"),
        ("PUT", "/switches", {"telnyx_order_polls": "2"}, "telnyx_order_polls"),
    ],
)
def test_an_unusable_request_is_400_and_names_the_field(
    sandbox: SandboxServer, method: str, path: str, body: Any, names: str
) -> None:
    assert names in error_of(sandbox.control.request(method, path, json=body), 400)


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ({"provider": "twillio"}, "unknown provider 'twillio'; known are telnyx, twilio, vapi, vonage"),
        (
            {"provider": "twilio", "operation": "incoming_number.create"},
            "incoming_numbers.create, incoming_numbers.delete",
        ),
        ({"provider": "t*", "operation": "phone_numbers.creat"}, "at telnyx, twilio"),
        ({"provider": "twilio", "kind": "explode"}, "known are latency, status, drop"),
        ({"provider": "twilio", "operation": "incoming_numbers.create", "kind": "miss"}, "incoming_numbers.list"),
        ({"provider": "vapi", "operation": "*", "kind": "other_number"}, "known are none"),
    ],
)
def test_a_fault_that_could_never_apply_is_422_and_names_what_is_known(
    sandbox: SandboxServer, rule: dict[str, Any], says: str
) -> None:
    assert says in error_of(sandbox.control.post("/faults", json=rule), 422)
    assert sandbox.control.get("/faults").json() == []


def test_the_operations_that_a_fault_can_name_are_listed(sandbox: SandboxServer) -> None:
    known = sandbox.control.get("/operations").json()
    assert set(known) == {"telnyx", "twilio", "vapi", "vonage"}
    for provider, operations in known.items():
        for operation in operations:
            sandbox.fault(provider=provider, operation=operation)


def test_an_unknown_control_path_is_404_and_says_where_to_read(sandbox: SandboxServer) -> None:
    assert "docs/sandbox.md" in error_of(sandbox.control.get("/fault"), 404)


def test_an_unserved_path_is_answered_in_the_vendors_own_words(sandbox: SandboxServer) -> None:
    api = TwilioApi(sandbox)
    path = f"{api.base}/Messages.json"
    twilios = {"code": 20404, "message": f"The requested resource {path} was not found", "status": 404}
    bodies = {
        path: twilios | {"more_info": "https://www.twilio.com/docs/errors/20404"},
        "/squad/1": {"message": "Cannot GET /squad/1", "error": "Not Found", "statusCode": 404},
        "/account/secrets": {"title": "Not Found", "detail": "The requested resource does not exist"},
    }
    for path, body in bodies.items():
        answer = api.http.get(path)
        assert (answer.status_code, answer.json()) == (404, body)
    (error,) = api.http.get("/v2/messages").json()["errors"]
    assert (error["code"], error["title"]) == ("10005", "Resource not found")
    asked = sandbox.requests(operation="unserved")
    assert [request["provider"] for request in asked] == ["twilio", "vapi", "vonage", "telnyx"]


def test_a_method_that_a_path_does_not_have_is_unserved(sandbox: SandboxServer) -> None:
    answer = httpx2.put(f"{sandbox.url}/phone-number", json={})
    assert (answer.status_code, answer.json()["message"]) == (404, "Cannot PUT /phone-number")


def test_a_stranger_is_not_told_which_paths_twilio_has(sandbox: SandboxServer) -> None:
    assert TwilioApi(sandbox, password="wrong").get("/Messages.json").status_code == 401


def test_the_default_keys_open_the_default_accounts(sandbox: SandboxServer) -> None:
    state = sandbox.control.get("/state").json()
    assert {account["carrier"]: account["id"] for account in state["accounts"] if "test" not in account["extra"]} == {
        "twilio": twilio.DEFAULT_ACCOUNT,
        "vapi": vapi.DEFAULT_ACCOUNT,
        "telnyx": telnyx.DEFAULT_ACCOUNT,
        "vonage": vonage.DEFAULT_ACCOUNT,
    }
    assert {account["secret"] for account in state["accounts"]} == {"***"}


def test_each_short_word_stands_for_an_operation() -> None:
    known = build_sandbox().operations()
    assert set(WORDS) == set(known)
    for provider, words in WORDS.items():
        for pattern in words.values():
            assert fnmatch.filter(known[provider], pattern), pattern
