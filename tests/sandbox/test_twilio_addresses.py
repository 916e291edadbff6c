"""Addresses at the sandbox's Twilio: which numbers they fit, and what is said where one does not."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from tests.sandbox.twilio_client import SUB, TwilioApi, refused
from tests.support.sandbox_server import SandboxServer

NUMBER = "+442079460000"
UNKNOWN = "AD" + "1" * 32
NOT_THERE = "Document does not satisfy regulatory requirement"
NOT_LOCAL = "Phone Number Requires a Local Address"


@pytest.fixture
def api(sandbox: SandboxServer) -> TwilioApi:
    return TwilioApi(sandbox)


def address(api: TwilioApi, city: str = "London", country: str = "GB", region: str = "England") -> str:
    form = {"CustomerName": "Roma", "Street": "1", "PostalCode": "1", "Region": region}
    answer = api.post("/Addresses.json", City=city, IsoCountry=country, **form)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["sid"])


def create(api: TwilioApi, sid: str, number: str = NUMBER, **form: Any) -> httpx2.Response:
    return api.post("/IncomingPhoneNumbers.json", PhoneNumber=number, AddressSid=sid, **form)


def test_an_address_of_the_numbers_town_fits(api: TwilioApi) -> None:
    sid = address(api, "london")
    assert create(api, sid).json()["address_sid"] == sid


def test_an_address_of_another_town_or_country_does_not(api: TwilioApi) -> None:
    for sid in (address(api, "Leeds"), address(api, "London", "CA")):
        refused(create(api, sid), 21615, NOT_LOCAL)
    assert api.listed() == []


def test_how_near_an_address_must_be_is_a_switch(api: TwilioApi) -> None:
    api.sell("+441132000001", country="GB", locality="Leeds", region="Yorkshire", address="local")
    api.sell("+441132000002", country="GB", locality="Leeds", region="Yorkshire", address="local")
    near, far = address(api, "York", region="Yorkshire"), address(api)
    api.switch(local_address="region")
    refused(create(api, far, "+441132000001"), 21615, NOT_LOCAL)
    assert create(api, near, "+441132000001").status_code == 201
    api.switch(local_address="country")
    assert create(api, far, "+441132000002").status_code == 201


def test_any_address_will_do_or_only_one_of_abroad(api: TwilioApi) -> None:
    api.sell("+33199001299", country="FR", address="any")
    api.sell("+33199001298", country="FR", address="foreign")
    home, abroad = address(api, "Paris", "FR"), address(api)
    assert create(api, abroad, "+33199001299").status_code == 201
    refused(create(api, home, "+33199001298"), 21651, NOT_THERE)
    assert create(api, abroad, "+33199001298").status_code == 201


def test_an_address_that_is_not_there_is_refused_where_that_is_switched(api: TwilioApi) -> None:
    assert create(api, UNKNOWN).status_code == 201
    api.switch(unknown_address="refuse")
    refused(create(api, UNKNOWN, "+442079460001"), 21651, NOT_THERE)
    words = {"status": 400, "code": 21631, "message": "no such address"}
    api.switch(refusal_address=words)
    refused(create(api, UNKNOWN, "+442079460001"), 21631, "no such address")


def test_an_address_belongs_to_one_account(api: TwilioApi) -> None:
    sub, sid = api.subaccount(), address(api)
    api.switch(unknown_address="refuse")
    refused(create(sub, sid), 21651, NOT_THERE)
    path = f"/IncomingPhoneNumbers/{create(api, sid).json()['sid']}.json"
    refused(api.post(path, AccountSid=SUB, AddressSid=sid), 21651, NOT_THERE)
    moved = api.post(path, AccountSid=SUB, AddressSid=address(sub))
    assert moved.json()["account_sid"] == SUB


def test_a_change_of_address_is_checked_too(api: TwilioApi) -> None:
    path = f"/IncomingPhoneNumbers/{create(api, address(api)).json()['sid']}.json"
    refused(api.post(path, AddressSid=address(api, "Leeds")), 21615, NOT_LOCAL)


def test_an_address_lacks_nothing(api: TwilioApi) -> None:
    refused(api.post("/Addresses.json", CustomerName="Roma"), 20001, "Street is required")
    form = dict.fromkeys(("CustomerName", "Street", "City", "Region", "PostalCode"), "x")
    refused(api.post("/Addresses.json", **form, IsoCountry="uk"), 20001, "IsoCountry is not valid")


def test_a_subaccounts_numbers_are_read_with_the_parents_keys(api: TwilioApi) -> None:
    sub = api.subaccount()
    api.sell("+14159990001", account=SUB, wire={"friendly_name": "in the subaccount"})
    through_parent = api.http.get(f"{sub.base}/IncomingPhoneNumbers.json", params={"PhoneNumber": "+14159990001"})
    (row,) = through_parent.json()["incoming_phone_numbers"]
    assert (row["account_sid"], row["friendly_name"]) == (SUB, "in the subaccount")
    assert api.listed() == []
