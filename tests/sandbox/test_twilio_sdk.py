"""The official Python SDK drives the sandbox's Twilio, and the official documents judge each answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from tests.support.sandbox_server import SandboxServer
from tests.support.specs import Recorder, load, present
from trunkline.sandbox.twilio import DEFAULT_ACCOUNT, DEFAULT_SECRET, TEST_ACCOUNT, TEST_SECRET

API, PRICING = "twilio_api_v2010.json", "twilio_pricing_v1.json"
AVAILABLE = "api.v2010.account.available_phone_number_country.available_phone_number_"


def as_sent(document: dict[str, Any]) -> None:
    """Where the document's own examples (and the recorded answers) differ from its schemas."""
    for name, schema in document["components"]["schemas"].items():
        properties = schema.get("properties", {})
        if name.startswith(AVAILABLE):
            properties["latitude"] = properties["longitude"] = {"type": "string", "nullable": True}
            capital = {key: {"type": "boolean"} for key in ("voice", "SMS", "MMS")}
            properties["capabilities"] = {"type": "object", "properties": capital, "required": list(capital)}
        for price in ("base_price", "current_price"):
            items = properties.get("phone_number_prices", {}).get("items", {}).get("properties", {})
            if price in items:
                items[price] = {"type": "string"}


@pytest.fixture
def recorder() -> Recorder:
    """Judges only where the official documents are; the test of all operations below says so when they are not."""
    return Recorder(*(load(file, True, as_sent) for file in (API, PRICING))) if present(API, PRICING) else Recorder()


def client_of(sandbox: SandboxServer, recorder: Recorder, user: str, password: str) -> Client:
    http = TwilioHttpClient(timeout=60)
    assert http.session is not None
    http.session.hooks["response"].append(recorder)
    client = Client(user, password, http_client=http)
    client.api.base_url = client.pricing.base_url = sandbox.url
    return client


@pytest.fixture
def client(sandbox: SandboxServer, recorder: Recorder) -> Iterator[Client]:
    client = client_of(sandbox, recorder, DEFAULT_ACCOUNT, DEFAULT_SECRET)
    yield client
    client.http_client.session.close()


def test_search_of_each_type(client: Client) -> None:
    us, gb = client.available_phone_numbers("US"), client.available_phone_numbers("GB")
    local = us.local.list(
        area_code=415,
        contains="555****",
        sms_enabled=True,
        voice_enabled=True,
        exclude_all_address_required=True,
        beta=False,
        near_number="+14155550100",
        distance=25,
        in_postal_code="94105",
        in_region="CA",
        limit=2,
    )
    assert [n.phone_number for n in local] == ["+14155550100", "+14155550101"]
    assert (local[0].friendly_name, local[0].locality, local[0].latitude) == (
        "(415) 555-0100",
        "San Francisco",
        Decimal("37.774900"),
    )
    assert local[0].capabilities == {"voice": True, "SMS": True, "MMS": True}
    assert us.toll_free.list(limit=1)[0].phone_number.startswith("+1833")
    assert gb.mobile.list(limit=1)[0].phone_number.startswith("+447")
    for absent in ("national", "voip", "shared_cost", "machine_to_machine", "mobile"):
        with pytest.raises(TwilioException, match="Unable to fetch page"):
            getattr(us, absent).list()


def test_search_of_the_rarer_types_where_they_are_sold(client: Client, sandbox: SandboxServer) -> None:
    kinds = ("national", "voip", "shared_cost", "machine_to_machine")
    rows = [
        {"carrier": "twilio", "number": f"+3227900000{i}", "country": "BE", "type": kind}
        for i, kind in enumerate(kinds)
    ]
    sandbox.control.post("/numbers", json=rows).raise_for_status()
    for i, kind in enumerate(kinds):
        found = getattr(client.available_phone_numbers("BE"), kind).list()
        assert [n.phone_number for n in found] == [f"+3227900000{i}"]
    assert set(client.available_phone_numbers("BE").fetch().subresource_uris) == set(kinds)


def test_countries(client: Client) -> None:
    countries = client.available_phone_numbers.list()
    assert {c.country_code for c in countries} >= {"US", "CA", "GB", "FR", "DE"}
    assert set(client.available_phone_numbers("US").fetch().subresource_uris) == {"local", "toll_free"}
    with pytest.raises(TwilioRestException) as error:
        client.available_phone_numbers("XX").fetch()
    assert (error.value.status, error.value.code) == (404, 20404)


def test_a_number_from_purchase_to_release(client: Client) -> None:
    bought = client.incoming_phone_numbers.create(
        phone_number="+14155550100", friendly_name="T 1", voice_url="https://example.com/voice", voice_method="GET"
    )
    assert (bought.status, bought.type, bought.friendly_name) == ("in-use", "local", "T 1")
    assert bought.capabilities == {"voice": True, "sms": True, "mms": True, "fax": False}
    fetched = client.incoming_phone_numbers(bought.sid).fetch()
    assert (fetched.voice_url, fetched.voice_method, fetched.date_created) == (
        "https://example.com/voice",
        "GET",
        bought.date_created,
    )
    updated = client.incoming_phone_numbers(bought.sid).update(voice_url="", friendly_name="T 2")
    assert (updated.voice_url, updated.friendly_name) == ("", "T 2")
    assert client.incoming_phone_numbers(bought.sid).delete() is True
    with pytest.raises(TwilioRestException) as error:
        client.incoming_phone_numbers(bought.sid).fetch()
    assert (error.value.status, error.value.code) == (404, 20404)


def test_purchase_by_area_code_and_by_type(client: Client) -> None:
    assert client.incoming_phone_numbers.create(area_code="312").phone_number.startswith("+1312")
    local = client.incoming_phone_numbers.local.create(phone_number="+14155550101")
    free = client.incoming_phone_numbers.toll_free.create(phone_number="+18335550100")
    mobile = client.incoming_phone_numbers.mobile.create(phone_number="+447400123400")
    assert client.incoming_phone_numbers.local.list()[0].phone_number == local.phone_number
    assert [n.sid for n in client.incoming_phone_numbers.toll_free.list()] == [free.sid]
    assert [n.sid for n in client.incoming_phone_numbers.mobile.list(friendly_name="+447400123400")] == [mobile.sid]


def test_lists_are_paged_to_the_end(client: Client, sandbox: SandboxServer) -> None:
    for i in range(7):
        client.incoming_phone_numbers.create(phone_number=f"+1415555010{i}", friendly_name=f"a {i % 2}")
    sandbox.control.delete("/requests")
    all_of_them = [f"+1415555010{i}" for i in range(6, -1, -1)]
    assert [n.phone_number for n in client.incoming_phone_numbers.list(page_size=3)] == all_of_them
    assert [r["query"].split("&")[0] for r in sandbox.requests(provider="twilio")] == ["PageSize=3"] * 3
    assert len(client.incoming_phone_numbers.list(limit=2)) == 2
    assert [n.phone_number for n in client.incoming_phone_numbers.stream(limit=5, page_size=3)] == all_of_them[:5]
    even = client.incoming_phone_numbers.list(friendly_name="a 0", phone_number="+1415*", origin="twilio", page_size=2)
    assert [n.phone_number[-1] for n in even] == ["6", "4", "2", "0"]
    assert client.incoming_phone_numbers.list(beta=False, origin="hosted") == []


def test_pages_lead_forth_and_back(client: Client) -> None:
    for i in range(5):
        client.incoming_phone_numbers.create(phone_number=f"+1415555010{i}")
    first = client.incoming_phone_numbers.page(page_size=2)
    assert [n.phone_number[-1] for n in first] == ["4", "3"]
    second = first.next_page()
    assert second is not None
    third = second.next_page()
    assert third is not None
    assert [n.phone_number[-1] for n in third] == ["0"]
    assert third.next_page() is None
    again = third.previous_page()
    assert again is not None
    assert [n.phone_number[-1] for n in again] == ["2", "1"]


def test_accounts_and_balance(client: Client) -> None:
    me = client.api.accounts(DEFAULT_ACCOUNT).fetch()
    assert (me.sid, me.type, me.status, me.owner_account_sid) == (DEFAULT_ACCOUNT, "Full", "active", DEFAULT_ACCOUNT)
    sub = client.api.accounts.create(friendly_name="Branch")
    assert (sub.owner_account_sid, sub.friendly_name, sub.type) == (DEFAULT_ACCOUNT, "Branch", "Full")
    assert [a.sid for a in client.api.accounts.list()] == [DEFAULT_ACCOUNT, sub.sid]
    assert [a.sid for a in client.api.accounts.list(page_size=1)] == [DEFAULT_ACCOUNT, sub.sid]
    assert [a.sid for a in client.api.accounts.list(friendly_name="Branch", status="active")] == [sub.sid]
    assert client.api.accounts(sub.sid).update(status="suspended").status == "suspended"
    assert client.api.accounts(sub.sid).update(status="active", friendly_name="B").friendly_name == "B"
    balance = client.api.accounts(DEFAULT_ACCOUNT).balance.fetch()
    assert (balance.balance, balance.currency) == ("100.00", "USD")


def test_a_number_moves_to_a_subaccount_and_back(client: Client) -> None:
    sub = client.api.accounts.create(friendly_name="Branch")
    number = client.incoming_phone_numbers.create(phone_number="+14155550100")
    moved = client.incoming_phone_numbers(number.sid).update(account_sid=sub.sid)
    assert (moved.sid, moved.account_sid) == (number.sid, sub.sid)
    assert client.incoming_phone_numbers.list() == []
    of_sub = client.api.accounts(sub.sid).incoming_phone_numbers
    assert [n.sid for n in of_sub.list()] == [number.sid]
    back = of_sub(number.sid).update(account_sid=DEFAULT_ACCOUNT)
    assert back.account_sid == DEFAULT_ACCOUNT


def test_prices(client: Client) -> None:
    countries = client.pricing.v1.phone_numbers.countries
    listed = countries.list()
    assert {c.iso_country for c in listed} >= {"US", "GB", "DE"}
    assert [c.iso_country for c in countries.list(page_size=2)] == [c.iso_country for c in listed]
    us = countries("US").fetch()
    assert us.price_unit == "USD"
    assert us.phone_number_prices == [
        {"number_type": "local", "base_price": "1.15", "current_price": "1.15"},
        {"number_type": "toll free", "base_price": "2.15", "current_price": "2.15"},
    ]


def test_magic_numbers_of_the_test_credentials(sandbox: SandboxServer, recorder: Recorder) -> None:
    client = client_of(sandbox, recorder, TEST_ACCOUNT, TEST_SECRET)
    good = client.incoming_phone_numbers.create(phone_number="+15005550006", voice_url="https://example.com/v")
    assert (good.phone_number, good.friendly_name, good.voice_url) == (
        "+15005550006",
        "(500) 555-0006",
        "https://example.com/v",
    )
    with pytest.raises(TwilioRestException) as error:
        client.incoming_phone_numbers.create(phone_number="+15005550000")
    assert (error.value.code, error.value.msg) == (21422, "Unable to create record: +15005550000 is not available")
    client.http_client.session.close()


@pytest.mark.anyio
@pytest.mark.filterwarnings("ignore::DeprecationWarning:twilio")  # its use of aiohttp
async def test_the_asynchronous_client_buys_lists_and_releases(sandbox: SandboxServer) -> None:
    async with AsyncTwilioHttpClient() as http:
        client = Client(DEFAULT_ACCOUNT, DEFAULT_SECRET, http_client=http)
        client.api.base_url = sandbox.url
        bought = await client.incoming_phone_numbers.create_async(phone_number="+14155550100")
        assert [n.sid for n in await client.incoming_phone_numbers.list_async()] == [bought.sid]
        assert await client.incoming_phone_numbers(bought.sid).delete_async() is True


def test_every_operation_answers_as_the_official_documents_say(sandbox: SandboxServer) -> None:
    """Plain requests, one for each operation that the sandbox has; nothing but documented keys is in the answers."""
    recorder = Recorder(load(API, True, as_sent), load(PRICING, True, as_sent))
    auth = (DEFAULT_ACCOUNT, DEFAULT_SECRET)
    rare = {
        "National": "national",
        "Voip": "voip",
        "SharedCost": "shared_cost",
        "MachineToMachine": "machine_to_machine",
        "Mobile": "mobile",
    }
    rows = [
        {"carrier": "twilio", "number": f"+322790000{i:02}", "country": "BE", "type": kind}
        for i, kind in enumerate(rare.values())
    ]
    sandbox.control.post("/numbers", json=rows).raise_for_status()
    base = f"/2010-04-01/Accounts/{DEFAULT_ACCOUNT}"
    hooks: dict[str, list[Callable[..., Any]]] = {"response": [recorder]}
    with httpx2.Client(base_url=sandbox.url, auth=auth, timeout=60, event_hooks=hooks) as http:
        sub = http.post("/2010-04-01/Accounts.json", data={"FriendlyName": "S"}).json()["sid"]
        http.post(f"/2010-04-01/Accounts/{sub}.json", data={"FriendlyName": "T"})
        numbers = {
            "": "+14155550100",
            "/Local": "+14155550101",
            "/TollFree": "+18335550100",
            "/Mobile": "+447400123400",
        }
        for path, number in numbers.items():
            made = http.post(f"{base}/IncomingPhoneNumbers{path}.json", data={"PhoneNumber": number}).json()
            assert len(http.get(f"{base}/IncomingPhoneNumbers{path}.json").json()["incoming_phone_numbers"]) > 0
        sid = made["sid"]
        http.get(f"{base}/IncomingPhoneNumbers/{sid}.json")
        http.post(f"{base}/IncomingPhoneNumbers/{sid}.json", data={"FriendlyName": "x"})
        assert http.delete(f"{base}/IncomingPhoneNumbers/{sid}.json").content == b""
        for path in ("", "/US", "/US/Local", "/US/TollFree", *(f"/BE/{kind}" for kind in rare)):
            assert http.get(f"{base}/AvailablePhoneNumbers{path}.json").status_code == 200
        for path in ("/2010-04-01/Accounts.json", f"{base}.json", f"{base}/Balance.json"):
            http.get(path)
        for path in ("", "/US"):
            http.get(f"/v1/PhoneNumbers/Countries{path}")
    assert len(recorder.seen) == 27


def test_owned_numbers_and_accounts_have_every_documented_key(client: Client, sandbox: SandboxServer) -> None:
    spec = load(API)
    number = client.incoming_phone_numbers.create(phone_number="+14155550100")
    payload = client.request("GET", f"{sandbox.url}{number.uri}").text
    assert set(json.loads(payload)) == spec.properties("api.v2010.account.incoming_phone_number")
    account = client.request("GET", f"{sandbox.url}/2010-04-01/Accounts/{DEFAULT_ACCOUNT}.json").text
    assert set(json.loads(account)) == spec.properties("api.v2010.account")


def test_an_address_from_creation_to_deletion(client: Client) -> None:
    made = client.addresses.create(
        customer_name="Roma", street="1 High Street", city="London", region="London", postal_code="N1", iso_country="GB"
    )
    assert (made.city, made.iso_country, made.friendly_name) == ("London", "GB", None)
    assert client.addresses(made.sid).update(friendly_name="head office").friendly_name == "head office"
    assert [address.sid for address in client.addresses.list(iso_country="GB", limit=5)] == [made.sid]
    assert client.addresses(made.sid).fetch().street == "1 High Street"
    assert client.addresses(made.sid).delete() is True
    assert client.addresses.list(customer_name="Roma") == []
