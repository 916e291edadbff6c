"""Searching numbers at the sandbox's Twilio, over plain HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.twilio_client import TwilioApi, refused
from tests.support.sandbox_server import SandboxServer


@pytest.fixture
def api(sandbox: SandboxServer) -> TwilioApi:
    return TwilioApi(sandbox)


def test_an_offer_has_exactly_the_recorded_keys(api: TwilioApi) -> None:
    answer = api.get("/AvailablePhoneNumbers/US/Local.json", AreaCode="415", PageSize=1)
    assert answer.json() == {
        "available_phone_numbers": [
            {
                "friendly_name": "(415) 555-0100",
                "phone_number": "+14155550100",
                "lata": "722",
                "locality": "San Francisco",
                "rate_center": "SNFC CNTRL",
                "latitude": "37.774900",
                "longitude": "-122.419400",
                "region": "CA",
                "postal_code": "94105",
                "iso_country": "US",
                "address_requirements": "none",
                "beta": False,
                "capabilities": {"voice": True, "SMS": True, "MMS": True},
            }
        ],
        "uri": f"{api.base}/AvailablePhoneNumbers/US/Local.json",
    }


def test_a_country_names_only_the_types_it_offers(api: TwilioApi) -> None:
    country = api.get("/AvailablePhoneNumbers/GB.json").json()
    assert country == {
        "country_code": "GB",
        "country": "United Kingdom",
        "beta": False,
        "uri": f"{api.base}/AvailablePhoneNumbers/GB.json",
        "subresource_uris": {
            "local": f"{api.base}/AvailablePhoneNumbers/GB/Local.json",
            "mobile": f"{api.base}/AvailablePhoneNumbers/GB/Mobile.json",
        },
    }
    listed = api.get("/AvailablePhoneNumbers.json").json()
    assert list(listed) == ["countries", "uri"]
    assert country in listed["countries"]


@pytest.mark.parametrize("path", ["US/Mobile", "GB/TollFree", "XX/Local", "US/Sideways"])
def test_a_type_that_the_country_lacks_is_not_found(api: TwilioApi, path: str) -> None:
    answer = api.get(f"/AvailablePhoneNumbers/{path}.json")
    resource = f"{api.base}/AvailablePhoneNumbers/{path}.json"
    refused(answer, 20404, f"The requested resource {resource} was not found", 404)


def test_an_unknown_country_is_not_found(api: TwilioApi) -> None:
    answer = api.get("/AvailablePhoneNumbers/XX.json")
    refused(answer, 20404, f"The requested resource {api.base}/AvailablePhoneNumbers/XX.json was not found", 404)


def test_a_type_that_is_offered_but_sold_out_is_an_empty_list(api: TwilioApi) -> None:
    assert api.search("AU", "Local") == []
    api.sandbox.control.delete("/numbers", params={"carrier": "twilio"}).raise_for_status()
    assert api.search("US", "Local") == []


@pytest.mark.parametrize(
    ("filters", "first", "count"),
    [
        ({"AreaCode": "212"}, "+12125550100", 40),
        ({"AreaCode": "999"}, None, 0),
        ({"Contains": "4155550139"}, "+14155550139", 1),
        ({"Contains": "+141555501*$"}, None, 0),
        ({"Contains": "+1415555013*$"}, "+14155550130", 10),
        ({"Contains": "415555****"}, "+14155550100", 40),
        ({"Contains": "%139$"}, "+12125550139", 10),
        ({"Contains": "SNF"}, None, 0),
        ({"Contains": "KJL01"}, "+12125550100", 50),
        ({"InRegion": "ca"}, "+12135550100", 50),
        ({"InRegion": "TX"}, "+15125550100", 40),
        ({"InLocality": "Miami", "InRegion": "FL"}, "+13055550100", 40),
        ({"InLocality": "Miami", "InRegion": "TX"}, None, 0),
        ({"InPostalCode": "94105"}, "+14155550100", 40),
        ({"InLata": "722"}, "+14155550100", 40),
        ({"InLata": "722", "InRateCenter": "SNFC CNTRL"}, "+14155550100", 40),
        ({"InLata": "730", "InRateCenter": "SNFC CNTRL"}, None, 0),
        ({"NearNumber": "+14155550123"}, "+14155550100", 40),
        ({"NearNumber": "+14155550123", "Distance": "400"}, "+12135550100", 50),
        ({"NearNumber": "+19995550123"}, None, 0),
        ({"NearLatLong": "37.80,-122.27"}, "+14155550100", 40),
        ({"NearLatLong": "37.80,-122.27", "Distance": "2"}, None, 0),
        ({"PageSize": "3"}, "+12125550100", 3),
        ({"PageSize": "5000"}, "+12125550100", 400),
        ({"FaxEnabled": "true"}, None, 0),
    ],
)
def test_a_filter_leaves_what_it_says(api: TwilioApi, filters: dict[str, str], first: str | None, count: int) -> None:
    found = api.found(**filters)
    assert (found[0] if found else None, len(found)) == (first, count)


@pytest.mark.parametrize("pattern", ["5", "206*55*", "*5*", "12345678901234567", "41 5", "%", "$415"])
def test_a_pattern_that_twilio_does_not_take_is_refused(api: TwilioApi, pattern: str) -> None:
    refused(api.get("/AvailablePhoneNumbers/US/Local.json", Contains=pattern), 20001, "Invalid Pattern Provided")


@pytest.mark.parametrize(
    ("filters", "code", "message"),
    [
        ({"AreaCode": "41"}, 21451, "Invalid area code"),
        ({"AreaCode": "abc"}, 21451, "Invalid area code"),
        ({"InRateCenter": "SNFC CNTRL"}, 20001, "InRateCenter requires InLata"),
        ({"NearNumber": "+14155550123", "Distance": "501"}, 20001, "Distance is not valid"),
        ({"NearLatLong": "here"}, 20001, "NearLatLong is not valid"),
        ({"PageSize": "0"}, 20001, "PageSize is not valid"),
    ],
)
def test_an_unusable_filter_is_refused(api: TwilioApi, filters: dict[str, str], code: int, message: str) -> None:
    refused(api.get("/AvailablePhoneNumbers/US/Local.json", **filters), code, message)


def test_a_toll_free_search_takes_toll_free_area_codes_only(api: TwilioApi) -> None:
    assert len(api.found(kind="TollFree", AreaCode="844")) == 10
    refused(api.get("/AvailablePhoneNumbers/US/TollFree.json", AreaCode="415"), 21451, "Invalid area code")


def test_north_american_filters_mean_nothing_elsewhere(api: TwilioApi) -> None:
    assert len(api.found("GB", "Mobile", AreaCode="999", InRegion="CA", NearNumber="+14155550100")) == 20


def test_capabilities_are_must_haves_and_false_filters_nothing(api: TwilioApi) -> None:
    able: dict[str, dict[str, Any]] = {"+14155550190": {"voice": False}, "+14155550191": {"sms": False}}
    for number, fields in able.items():
        api.sell(number, **fields)

    def left(**query: str) -> set[str]:
        return set(api.found(Contains="41555501**", PageSize="100", **query)) & set(able)

    assert left() == set(able)
    assert left(VoiceEnabled="true") == {"+14155550191"}
    assert left(SmsEnabled="true") == left(MmsEnabled="true") == {"+14155550190"}
    assert left(VoiceEnabled="false", SmsEnabled="false") == set(able)


def test_address_requirements_can_be_excluded(api: TwilioApi) -> None:
    for digit, need in enumerate(("none", "any", "local", "foreign")):
        api.sell(f"+3314444000{digit}", country="FR", type="national", address=need)

    def left(**query: str) -> str:
        return "".join(number[-1] for number in api.found("FR", "National", **query))

    assert left() == "0123"
    assert left(ExcludeAllAddressRequired="true") == "0"
    assert left(ExcludeLocalAddressRequired="true") == "013"
    assert left(ExcludeForeignAddressRequired="true", ExcludeLocalAddressRequired="true") == "01"


def test_beta_numbers_are_offered_unless_refused(api: TwilioApi) -> None:
    api.sell("+14155550190", wire={"beta": True})
    assert api.found(Contains="4155550190") == ["+14155550190"]
    assert api.found(Contains="4155550190", Beta="false") == []


def test_what_is_put_up_for_sale_is_found_and_what_is_sold_is_not(api: TwilioApi) -> None:
    assert api.found(Contains="6465550100") == []
    api.sell("+16465550100", locality="New York", region="NY")
    assert api.found(InLocality="new york", InRegion="NY", AreaCode="646") == ["+16465550100"]
    api.buy("+16465550100")
    assert api.found(Contains="6465550100") == []
    api.sell("+16465550100")
    assert api.found(Contains="6465550100") == ["+16465550100"]


def test_stock_that_is_exchanged_one_for_one_is_noticed(api: TwilioApi) -> None:
    before = len(api.found(AreaCode="415", PageSize="1000"))
    assert before == 40
    for_sale = api.sandbox.control.get("/state").json()["for_sale"]["twilio"]
    api.sandbox.control.delete("/numbers", params={"carrier": "twilio"}).raise_for_status()
    api.sell(*(f"+1646555{i:04}" for i in range(for_sale)))
    assert api.found(AreaCode="415") == []
    assert len(api.found(AreaCode="646", PageSize="1000")) == for_sale
