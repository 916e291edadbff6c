"""Buying at the sandbox's Twilio: what is sold to whom, each refusal, each switch."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import httpx2
import pytest

from tests.sandbox.twilio_client import TwilioApi, refused
from tests.support.sandbox_server import SandboxServer
from trunkline.sandbox.twilio import DEFAULT_ACCOUNT

NUMBER, OTHER = "+14155550100", "+14155550101"
ONLY_ONE = (
    "Trial accounts are allowed only one Twilio number. To purchase additional numbers, please upgrade your account."
)
VERIFY = "Trial accounts must verify a phone number before purchasing a Twilio number."
NO_ADDRESS = "Phone Number Requires an Address but the 'AddressSid' parameter was empty."
NO_BUNDLE = (
    "To purchase or transfer this number you must provide a bundle compliant with the rules for the country and number"
    " type. More information here:"
    " https://www.twilio.com/docs/phone-numbers/regulatory/phone-numbers-regulatory-requirements-customers"
)
ADDRESS, BUNDLE = "AD" + "a" * 32, "BU" + "b" * 32


@pytest.fixture
def api(sandbox: SandboxServer) -> TwilioApi:
    return TwilioApi(sandbox)


def create(api: TwilioApi, kind: str = "", **form: Any) -> httpx2.Response:
    return api.post(f"/IncomingPhoneNumbers{kind}.json", **form)


def test_a_purchase_is_paid_from_the_balance(api: TwilioApi) -> None:
    before = Decimal(api.balance())
    api.buy(NUMBER)
    api.buy("+18335550100")
    assert before - Decimal(api.balance()) == Decimal("1.15") + Decimal("2.15")
    assert api.get("/Balance.json").json() == {"account_sid": DEFAULT_ACCOUNT, "balance": "96.70", "currency": "USD"}


def test_buying_an_owned_number_again_updates_it_and_costs_nothing(api: TwilioApi) -> None:
    first = api.buy(NUMBER, FriendlyName="a", VoiceUrl="https://a.example/v")
    balance = api.balance()
    again = api.buy(NUMBER, FriendlyName="b")
    assert (again["sid"], again["friendly_name"], again["voice_url"]) == (first["sid"], "b", "https://a.example/v")
    assert api.listed() == [NUMBER]
    assert api.balance() == balance


def test_buying_an_owned_number_again_ignores_the_parameters_if_so_switched(api: TwilioApi) -> None:
    api.switch(rebuy="ignore")
    first = api.buy(NUMBER, FriendlyName="a")
    assert api.buy(NUMBER, FriendlyName="b") == first


def test_a_number_of_somebody_else_or_of_nobody_is_not_available(api: TwilioApi) -> None:
    api.subaccount().buy(OTHER)
    refused(create(api, PhoneNumber=OTHER), 21422, f"{OTHER} is not available")
    refused(create(api, PhoneNumber="+14159990000"), 21422, "+14159990000 is not available")


@pytest.mark.parametrize("number", ["33", "4155550100", "+0155550100", "+1415555010O", "+1" + "4" * 20])
def test_what_is_no_e164_number_is_not_valid(api: TwilioApi, number: str) -> None:
    refused(create(api, PhoneNumber=number), 21421, f"{number} is not a valid number")


def test_an_area_code_buys_some_number_of_it(api: TwilioApi) -> None:
    first, second = create(api, AreaCode="212"), create(api, AreaCode="212", FriendlyName="mark")
    assert (first.status_code, second.status_code) == (201, 201)
    numbers = [first.json()["phone_number"], second.json()["phone_number"]]
    assert numbers == ["+12125550100", "+12125550101"]
    assert second.json()["friendly_name"] == "mark"
    assert create(api, AreaCode="416").json()["phone_number"] == "+14165550100"


def test_area_codes_that_buy_nothing(api: TwilioApi) -> None:
    refused(create(api, AreaCode="907"), 21452, "No phone numbers found")
    refused(create(api, AreaCode="1"), 21451, "Invalid area code")
    for kind in ("/Local", "/TollFree", "/Mobile"):
        refused(create(api, kind, AreaCode="212"), 21457, "AreaCode Parameter not Supported")
    assert api.listed() == []


def test_a_purchase_under_a_type_takes_numbers_of_that_type(api: TwilioApi) -> None:
    refused(create(api, "/TollFree", PhoneNumber=NUMBER), 21458, f"{NUMBER} is not a toll free number")
    refused(create(api, "/Mobile", PhoneNumber=NUMBER), 21458, f"{NUMBER} is not a mobile number")
    assert create(api, "/Local", PhoneNumber=NUMBER).status_code == 201
    assert "type" not in create(api, "/TollFree", PhoneNumber="+18335550100").json()


def test_a_purchase_of_nothing_in_particular(api: TwilioApi) -> None:
    refused(create(api), 21421, "An area code or number must be provided")
    api.switch(refusal_no_number={"status": 422, "code": 20422, "message": "which?"})
    refused(create(api, FriendlyName="x"), 20422, "which?", 422)


def test_a_trial_account_gets_one_number_until_it_is_upgraded(api: TwilioApi) -> None:
    api.set_account(trial=True)
    assert api.get(".json").json()["type"] == "Trial"
    balance = api.balance()
    first = api.buy(NUMBER)
    refused(create(api, PhoneNumber=OTHER), 21404, ONLY_ONE)
    refused(create(api, AreaCode="212"), 21404, ONLY_ONE)
    assert api.buy(NUMBER)["sid"] == first["sid"]
    assert api.balance() == balance
    api.set_account(trial=False)
    assert api.get(".json").json()["type"] == "Full"
    assert api.buy(OTHER)["status"] == "in-use"
    assert api.listed() == [OTHER, NUMBER]


def test_a_trial_account_may_buy_again_after_a_release(api: TwilioApi) -> None:
    api.set_account(trial=True)
    sid = api.buy(NUMBER)["sid"]
    api.http.delete(f"{api.base}/IncomingPhoneNumbers/{sid}.json")
    assert api.buy(OTHER)["phone_number"] == OTHER


def test_a_hidden_purchase_counts_for_the_trial_limit(api: TwilioApi) -> None:
    api.set_account(trial=True)
    api.switch(listing_lag_seconds=3600)
    api.buy(NUMBER)
    refused(create(api, PhoneNumber=OTHER), 21404, ONLY_ONE)


def test_the_trial_limit_can_be_10002(api: TwilioApi) -> None:
    api.set_account(trial=True)
    api.switch(trial_limit=10002)
    api.buy(NUMBER)
    refused(create(api, PhoneNumber=OTHER), 10002, "Trial accounts do not support the feature you tried to use")
    api.switch(refusal_10002={"status": 403, "code": 10002, "message": "other words"})
    refused(create(api, PhoneNumber=OTHER), 10002, "other words", 403)


def test_an_unverified_trial_account_buys_nothing(api: TwilioApi) -> None:
    api.set_account(trial=True)
    api.switch(trial_verified=False)
    refused(create(api, PhoneNumber=NUMBER), 21404, VERIFY)
    api.switch(trial_verified=True)
    api.buy(NUMBER)


def test_a_trial_subaccount_buys_nothing(api: TwilioApi) -> None:
    api.set_account(trial=True)
    sub = api.subaccount()
    assert sub.get(".json").json()["type"] == "Trial"
    refused(create(sub, PhoneNumber=NUMBER), 10002, "Trial accounts do not support the feature you tried to use")


def test_a_trial_accounts_own_number_is_listed_if_so_switched(api: TwilioApi) -> None:
    api.set_account(trial=True)
    assert api.listed() == []
    api.switch(trial_auto_number=True)
    assert api.listed("/TollFree") == ["+18335550100"]
    refused(create(api, PhoneNumber=NUMBER), 21404, ONLY_ONE)
    api.set_account(trial=False)
    assert api.listed() == ["+18335550100"]


def test_a_number_with_an_address_requirement_needs_an_address(api: TwilioApi) -> None:
    number = "+442079460000"
    assert api.search("GB", "Local", PageSize=1)[0]["address_requirements"] == "local"
    refused(create(api, PhoneNumber=number), 21631, NO_ADDRESS)
    refused(create(api, PhoneNumber=number, AddressSid="AD1"), 20001, "AddressSid is not valid")
    bought = api.buy(number, AddressSid=ADDRESS)
    assert (bought["address_sid"], bought["address_requirements"]) == (ADDRESS, "local")


def test_a_regulated_number_needs_a_bundle(api: TwilioApi) -> None:
    number = "+493023125000"
    refused(create(api, PhoneNumber=number, AddressSid=ADDRESS), 21649, NO_BUNDLE)
    assert api.buy(number, AddressSid=ADDRESS, BundleSid=BUNDLE)["bundle_sid"] == BUNDLE


def test_an_empty_balance_buys_nothing_unless_switched_off(api: TwilioApi) -> None:
    api.set_account(balance="1.14")
    refused(create(api, PhoneNumber=NUMBER), 20005, "Account not active")
    api.switch(refusal_empty_balance={"status": 402, "code": 10001, "message": "Account is not active"})
    refused(create(api, PhoneNumber=NUMBER), 10001, "Account is not active", 402)
    assert api.listed() == []
    api.switch(refusal_empty_balance=None)
    api.buy(NUMBER)
    assert api.balance() == "-0.01"


def test_a_subaccount_is_paid_by_its_parent(api: TwilioApi) -> None:
    sub = api.subaccount()
    sub.buy(NUMBER)
    assert api.balance() == sub.balance() == "98.85"


def test_a_new_account_may_be_capped(api: TwilioApi) -> None:
    api.switch(purchase_cap=1)
    api.buy(NUMBER)
    message = "This account is restricted from provisioning new long code phone numbers"
    refused(create(api, PhoneNumber=OTHER), 22300, message)
    api.switch(refusal_22300={"status": 403, "code": 22300, "message": "no more"})
    refused(create(api, PhoneNumber=OTHER), 22300, "no more", 403)


def test_a_thousand_purchases_beside_two_thousand_numbers_stay_fast(api: TwilioApi) -> None:
    """Each purchase with the search before and the look after it; the last hundred cost what the first cost."""
    api.set_account(balance="9999")
    api.sell(*(f"+1646{i:07}" for i in range(2000000, 2002000)), account=DEFAULT_ACCOUNT)
    api.sell(*(f"+1917{i:07}" for i in range(2000000, 2001100)))

    def hundred() -> float:
        started = time.process_time()
        for _ in range(100):
            number = api.found(AreaCode="917", PageSize=1)[0]
            api.buy(number, FriendlyName="mark")
            assert api.listed(PhoneNumber=number) == [number]
        return time.process_time() - started

    first = hundred()
    for _ in range(800):
        assert create(api, AreaCode="917").status_code == 201
    assert hundred() < 3 * first + 0.5
    assert len(api.listed(PageSize=1000)) == 1000
