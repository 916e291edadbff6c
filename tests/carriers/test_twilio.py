"""Twilio through its adapter: what it asks, what it makes of each answer, and what the account holds afterwards."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

import httpx2
import pytest

from tests.carriers.twilio_account import (
    MARK,
    NUMBER,
    OFFER,
    Build,
    asked,
    fault,
    hold,
    owned,
    record,
    settings_for,
    switch,
)
from tests.support.sandbox_server import SandboxServer
from trunkline.carriers.registry import build_carriers
from trunkline.carriers.twilio import TwilioCarrier
from trunkline.carriers.twilio_wire import URLS
from trunkline.domain.choosing import Criteria, Offer, OwnedNumber
from trunkline.domain.numbers import E164, NumberType
from trunkline.errors import (
    HeldElsewhere,
    Missing,
    ProviderError,
    Rejected,
    RetryLater,
    SettingsError,
)
from trunkline.providers.account import Accounts
from trunkline.sandbox import twilio as wire
from trunkline.settings import load_settings

pytestmark = pytest.mark.anyio

# Settings


async def test_it_is_configured_by_an_auth_token_or_an_api_key(sandbox: SandboxServer) -> None:
    bare = load_settings(_env_file=None, twilio_account_sid=wire.DEFAULT_ACCOUNT, twilio_api_key="SK1")
    assert not TwilioCarrier.configured(bare)
    assert build_carriers(bare, Accounts(bare)) == {}
    with pytest.raises(SettingsError, match="TWILIO_AUTH_TOKEN"):
        TwilioCarrier(bare)
    settings = settings_for(sandbox)
    carriers = build_carriers(settings, Accounts(settings))
    assert list(carriers) == ["twilio"]
    await carriers["twilio"].close()


async def test_an_api_key_opens_the_account_and_is_what_vapi_gets(build_twilio: Build) -> None:
    key = {"twilio_api_key": wire.DEFAULT_API_KEY, "twilio_api_secret": wire.DEFAULT_API_SECRET}
    twilio = build_twilio(twilio_auth_token=None, **key)
    assert (await twilio.buy(OFFER, MARK)).number == NUMBER
    source = twilio.import_source()
    assert (source.provider, source.account, source.sms_enabled) == ("twilio", wire.DEFAULT_ACCOUNT, False)
    secrets = {name: value.get_secret_value() for name, value in source.secrets.items()}
    assert secrets == {"twilioApiKey": wire.DEFAULT_API_KEY, "twilioApiSecret": wire.DEFAULT_API_SECRET}


async def test_the_auth_token_wins_over_the_key_and_is_masked(build_twilio: Build) -> None:
    source = build_twilio(twilio_api_key="SK1", twilio_api_secret="x", twilio_sms_enabled=True).import_source()
    assert list(source.secrets) == ["twilioAuthToken"]
    assert source.sms_enabled
    assert wire.DEFAULT_SECRET not in repr(source)


# Search


async def test_search_asks_for_what_is_wanted_and_for_voice(sandbox: SandboxServer, twilio: TwilioCarrier) -> None:
    offers = await twilio.search(Criteria(area_code="212", contains="0112"), "US", 5)
    assert [offer.number for offer in offers] == ["+12125550112"]
    town = "New York"
    assert offers[0] == Offer(E164("+12125550112"), "US", NumberType.LOCAL, Decimal("1.15"), "USD", token=town)
    (request,) = asked(sandbox, "available_numbers.search")
    assert request["path"].endswith("/AvailablePhoneNumbers/US/Local.json")
    query = {"VoiceEnabled": ["true"], "PageSize": ["5"], "AreaCode": ["212"], "Contains": ["0112"]}
    assert parse_qs(request["query"]) == query


async def test_each_type_has_its_own_path_and_price(twilio: TwilioCarrier) -> None:
    toll_free = (await twilio.search(Criteria(number_type=NumberType.TOLL_FREE), "US", 1))[0]
    assert (toll_free.number_type, toll_free.monthly_price) == (NumberType.TOLL_FREE, Decimal("2.15"))
    mobile = (await twilio.search(Criteria(number_type=NumberType.MOBILE), "GB", 1))[0]
    assert (mobile.number, mobile.monthly_price) == ("+447400123400", Decimal("1.30"))


async def test_a_number_without_voice_is_not_offered(sandbox: SandboxServer, twilio: TwilioCarrier) -> None:
    sandbox.reset(stock=False)
    texts_only = {"carrier": "twilio", "number": "+14155550170", "voice": False}
    sandbox.control.post("/numbers", json=[texts_only, {"carrier": "twilio", "number": "+14155550171"}])
    assert [offer.number for offer in await twilio.search(Criteria(), "US", 5)] == ["+14155550171"]


async def test_prices_are_asked_once_a_country(sandbox: SandboxServer, twilio: TwilioCarrier) -> None:
    for country in ("US", "US", "CA", "US"):
        assert (await twilio.search(Criteria(), country, 1))[0].monthly_price == Decimal("1.15")
    assert [request["path"][-2:] for request in asked(sandbox, "pricing.country")] == ["US", "CA"]


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 401},
        {"kind": "drop"},
        {"kind": "status", "status": 200, "body": {"phone_number_prices": [{"number_type": "local"}]}},
        {"kind": "status", "status": 200, "body": {"price_unit": "USD", "phone_number_prices": None}},
    ],
    ids=["500", "401", "dropped", "item without a price", "no list"],
)
async def test_a_failing_price_list_does_not_fail_the_search_and_is_not_asked_each_time(
    sandbox: SandboxServer, twilio: TwilioCarrier, rule: dict[str, Any]
) -> None:
    fault(sandbox, "pricing.country", **rule)
    for _ in range(2):
        offer = (await twilio.search(Criteria(), "US", 1))[0]
        assert (offer.monthly_price, offer.currency) == (None, None)
    assert len(asked(sandbox, "pricing.country")) == 1


async def test_a_price_that_decides_is_that_of_the_moment(sandbox: SandboxServer, build_twilio: Build) -> None:
    twilio = build_twilio(max_monthly_price="1.50")
    assert (await twilio.search(Criteria(), "US", 1))[0].monthly_price == Decimal("1.15")
    dearer = {"price_unit": "USD", "phone_number_prices": [{"number_type": "local", "current_price": "9.00"}]}
    fault(sandbox, "pricing.country", kind="status", status=200, body=dearer, times=1)
    assert (await twilio.search(Criteria(), "US", 1))[0].monthly_price == Decimal("9.00")
    fault(sandbox, "pricing.country", kind="status", status=500)
    with pytest.raises(RetryLater):
        await twilio.search(Criteria(), "US", 1)


async def test_no_prices_are_asked_where_nothing_is_for_sale(sandbox: SandboxServer, twilio: TwilioCarrier) -> None:
    assert await twilio.search(Criteria(contains="0000000"), "US", 5) == []
    assert asked(sandbox, "pricing.country") == []


async def test_a_type_that_the_country_lacks_is_rejected_by_name(sandbox: SandboxServer, twilio: TwilioCarrier) -> None:
    with pytest.raises(Rejected, match="sells no mobile numbers in US"):
        await twilio.search(Criteria(number_type=NumberType.MOBILE), "US", 1)
    assert len(sandbox.requests()) == 1


async def test_a_country_that_twilio_does_not_serve_is_rejected(twilio: TwilioCarrier) -> None:
    with pytest.raises(Rejected, match="sells no numbers in AQ"):
        await twilio.search(Criteria(), "AQ", 1)


async def test_where_there_are_no_local_numbers_any_other_type_will_do(
    sandbox: SandboxServer, twilio: TwilioCarrier
) -> None:
    mobile = {"carrier": "twilio", "number": "+46700000001", "country": "SE", "type": "mobile"}
    sandbox.control.post("/numbers", json=mobile)
    (offer,) = await twilio.search(Criteria(), "SE", 3)
    assert (offer.number, offer.number_type) == ("+46700000001", NumberType.MOBILE)
    with pytest.raises(Rejected, match="sells no local numbers in SE"):
        await twilio.search(Criteria(number_type=NumberType.LOCAL), "SE", 3)


async def test_an_area_code_elsewhere_is_rejected_without_a_request(
    sandbox: SandboxServer, twilio: TwilioCarrier
) -> None:
    with pytest.raises(Rejected, match="not in GB"):
        await twilio.search(Criteria(area_code="212"), "GB", 1)
    assert sandbox.requests() == []


async def test_offered_types_are_asked_once_a_country(sandbox: SandboxServer, twilio: TwilioCarrier) -> None:
    for _ in range(2):
        assert await twilio.offered_types("US") == {NumberType.LOCAL, NumberType.TOLL_FREE}
        assert await twilio.offered_types("GB") == {NumberType.LOCAL, NumberType.MOBILE}
        assert await twilio.offered_types("AQ") == frozenset()
    assert len(asked(sandbox, "available_numbers.country")) == 3


# What the account holds


@pytest.mark.parametrize(
    ("fields", "used_by"),
    [
        ({}, None),
        ({"voice_url": "https://demo.twilio.com/welcome/voice/"}, None),
        ({"status_callback": "https://api.vapi.ai/twilio/status"}, None),
        ({"voice_url": "https://api.vapi.ai/twilio/inbound_call"}, "Vapi (calls)"),
        ({"voice_url": "https://api.eu.vapi.ai/twilio/inbound_call"}, "Vapi (calls)"),
        ({"voice_url": "https://user:hidden@pbx.example.com/x?token=hidden"}, "pbx.example.com (calls)"),
        ({"sms_url": "https://texts.example.com/in"}, "texts.example.com (texts)"),
        ({"status_callback": "https://calls.example.com/s"}, "calls.example.com (reports of calls)"),
        ({"voice_fallback_url": "https://pbx.example.com/f"}, "pbx.example.com (calls that fail)"),
        ({"sms_fallback_url": "https://pbx.example.com/f"}, "pbx.example.com (texts that fail)"),
        ({"voice_receive_mode": "fax"}, "a fax"),
        (
            {"emergency_address_sid": "AD" + "1" * 32, "emergency_address_status": "registered"},
            "a registered emergency address",
        ),
        (
            {"voice_url": "https://api.vapi.ai/twilio/inbound_call", "status_callback": "https://calls.example.com/s"},
            "calls.example.com (reports of calls)",
        ),
        ({"trunk_sid": "TK" + "1" * 32}, "the SIP trunk TK" + "1" * 32),
        ({"voice_application_sid": "AP" + "1" * 32}, "the application AP" + "1" * 32),
    ],
)
async def test_what_answers_a_number_is_told_without_its_secrets(
    sandbox: SandboxServer, twilio: TwilioCarrier, fields: dict[str, str], used_by: str | None
) -> None:
    hold(sandbox, **fields)
    (number,) = await owned(twilio)
    assert number.used_by == used_by
    assert number.by_vapi is (used_by is not None and used_by.startswith("Vapi"))
    assert number.voice is (used_by != "a fax")


@pytest.mark.parametrize("unset", ["", None])
async def test_the_urls_that_an_import_overwrites_are_kept(
    sandbox: SandboxServer, twilio: TwilioCarrier, unset: str | None
) -> None:
    switch(sandbox, twilio_unset_url=unset)
    hold(sandbox, sms_url="https://texts.example.com/in", sms_method="GET")
    (number,) = await owned(twilio)
    assert set(number.urls) == set(URLS)
    assert (number.urls["sms_url"], number.urls["sms_method"]) == ("https://texts.example.com/in", "GET")
    assert number.urls["voice_url"] == ""


@pytest.mark.parametrize(("field", "sid"), [("trunk_sid", "TK"), ("voice_application_sid", "AP")])
async def test_what_would_keep_calls_from_vapi_is_a_warning(
    sandbox: SandboxServer, twilio: TwilioCarrier, field: str, sid: str
) -> None:
    hold(sandbox, **{field: sid + "1" * 32})
    (number,) = await owned(twilio)
    assert len(number.warnings) == 1
    assert sid + "1" * 32 in number.warnings[0]


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"incoming_phone_numbers": None, "next_page_uri": None},
        {"incoming_phone_numbers": []},
        {"incoming_phone_numbers": [{"sid": "PN1"}], "next_page_uri": None},
        {"incoming_phone_numbers": [], "next_page_uri": "https://elsewhere.example/2010-04-01/Accounts"},
        {"incoming_phone_numbers": [], "next_page_uri": "//elsewhere.example/"},
        {"incoming_phone_numbers": [], "next_page_uri": "/2010-04-01/Accounts/ACother/IncomingPhoneNumbers.json"},
    ],
)
async def test_a_page_that_makes_no_sense_is_an_error_and_not_the_end(
    sandbox: SandboxServer, twilio: TwilioCarrier, body: Any
) -> None:
    fault(sandbox, "incoming_numbers.list", kind="status", status=200, body=body)
    with pytest.raises(RetryLater, match="cannot be read"):
        await owned(twilio)
    assert len(sandbox.requests()) == 1


async def test_a_page_that_follows_itself_is_an_error(sandbox: SandboxServer, twilio: TwilioCarrier) -> None:
    again = f"/2010-04-01/Accounts/{wire.DEFAULT_ACCOUNT}/IncomingPhoneNumbers.json?Page=1"
    row = {"phone_number": NUMBER, "sid": "PN" + "1" * 32}
    body = {"incoming_phone_numbers": [row], "next_page_uri": again}
    fault(sandbox, "incoming_numbers.list", kind="status", status=200, body=body)
    with pytest.raises(RetryLater):
        await owned(twilio)
    assert len(sandbox.requests()) == 2


# Release and restore


async def test_restore_puts_back_what_an_import_overwrote(sandbox: SandboxServer, twilio: TwilioCarrier) -> None:
    hold(sandbox, voice_url="https://pbx.example.com/a", voice_method="GET", status_callback="")
    (number,) = await owned(twilio)
    before = record(sandbox)
    for field, value in (("VoiceUrl", "https://api.vapi.ai/twilio/inbound_call"), ("VoiceMethod", "POST")):
        post(sandbox, number.ref, {field: value, "StatusCallback": "https://api.vapi.ai/twilio/status"})
    assert record(sandbox)["voice_url"] == "https://api.vapi.ai/twilio/inbound_call"
    restored = await twilio.restore(number, number.urls)
    assert {name: record(sandbox)[name] for name in URLS} == {name: before[name] for name in URLS}
    assert restored.changed == ("voice_url", "voice_method", "status_callback", "status_callback_method")
    assert restored.number.used_by == "pbx.example.com (calls)"
    assert (await twilio.restore(number, number.urls)).changed == ()


VAPIS = {
    "voice_url": "https://api.vapi.ai/twilio/inbound_call",
    "status_callback": "https://api.eu.vapi.ai/twilio/status",
    "sms_url": "https://api.vapi.ai/twilio/sms",
}


@pytest.mark.parametrize("before", [{}, VAPIS], ids=["not known", "Vapi's own"])
async def test_vapis_addresses_are_taken_off_where_no_others_are_known(
    sandbox: SandboxServer, twilio: TwilioCarrier, before: dict[str, str]
) -> None:
    hold(sandbox, **VAPIS)
    (number,) = await owned(twilio)
    assert (number.used_by, number.by_vapi) == ("Vapi (calls)", True)
    restored = await twilio.restore(number, before)
    assert restored.changed == ("voice_url", "sms_url", "status_callback")
    assert [record(sandbox)[name] for name in VAPIS] == ["", "", ""]
    assert restored.number.used_by is None


async def test_what_somebody_has_set_since_the_import_is_left_alone(
    sandbox: SandboxServer, twilio: TwilioCarrier
) -> None:
    hold(sandbox, voice_url="https://pbx.example.com/b", sms_url=VAPIS["sms_url"])
    (number,) = await owned(twilio)
    assert (number.used_by, number.by_vapi) == ("pbx.example.com (calls)", False)
    restored = await twilio.restore(number, {"voice_url": "https://pbx.example.com/a", "sms_url": ""})
    assert restored.changed == ("sms_url",)
    assert record(sandbox)["voice_url"] == "https://pbx.example.com/b"


def post(sandbox: SandboxServer, sid: str, form: dict[str, str]) -> None:
    url = f"{sandbox.url}/2010-04-01/Accounts/{wire.DEFAULT_ACCOUNT}/IncomingPhoneNumbers/{sid}.json"
    httpx2.post(url, data=form, auth=(wire.DEFAULT_ACCOUNT, wire.DEFAULT_SECRET)).raise_for_status()


# Where a number is


def transfer(sandbox: SandboxServer, sid: str) -> str:
    """Move a number to a new subaccount; its SID."""
    with httpx2.Client(base_url=sandbox.url, auth=(wire.DEFAULT_ACCOUNT, wire.DEFAULT_SECRET)) as console:
        subaccount = str(console.post("/2010-04-01/Accounts.json").json()["sid"])
    post(sandbox, sid, {"AccountSid": subaccount})
    return subaccount


async def test_a_number_in_a_subaccount_is_found_there_and_is_not_released(
    sandbox: SandboxServer, twilio: TwilioCarrier
) -> None:
    bought = await twilio.buy(OFFER, MARK)
    subaccount = transfer(sandbox, bought.ref)
    with pytest.raises(HeldElsewhere, match=subaccount) as caught:
        await twilio.lookup(NUMBER)
    assert (caught.value.account, "move it back" in str(caught.value.hint)) == (subaccount, True)
    for number in (bought, OwnedNumber(NUMBER, "")):
        with pytest.raises(Missing, match="not in this account"):
            await twilio.release(number)
    assert len(sandbox.held("twilio")) == 1


async def test_an_api_key_that_may_not_list_accounts_says_only_that_this_one_does_not_hold_it(
    sandbox: SandboxServer, twilio: TwilioCarrier, build_twilio: Build
) -> None:
    transfer(sandbox, (await twilio.buy(OFFER, MARK)).ref)
    keys = {"twilio_api_key": wire.DEFAULT_API_KEY, "twilio_api_secret": wire.DEFAULT_API_SECRET}
    assert await build_twilio(twilio_auth_token=None, **keys).lookup(NUMBER) is None


async def test_subaccounts_that_refuse_an_api_key_are_accounts_that_it_does_not_show(
    sandbox: SandboxServer, twilio: TwilioCarrier, build_twilio: Build
) -> None:
    transfer(sandbox, (await twilio.buy(OFFER, MARK)).ref)
    keys = {"SKmain": {"secret": "s", "main": True}}
    path = f"/accounts/twilio/{wire.DEFAULT_ACCOUNT}"
    sandbox.control.put(path, json={"extra": {"api_keys": keys}}).raise_for_status()
    with_key = build_twilio(twilio_auth_token=None, twilio_api_key="SKmain", twilio_api_secret="s")
    assert (await with_key.lookup(NUMBER), await with_key.elsewhere()) == (None, [])
    assert asked(sandbox, "accounts.list") != []


async def test_a_subaccount_that_does_not_answer_is_an_error_and_not_none(
    sandbox: SandboxServer, twilio: TwilioCarrier
) -> None:
    transfer(sandbox, (await twilio.buy(OFFER, MARK)).ref)
    nothing: dict[str, Any] = {"incoming_phone_numbers": [], "next_page_uri": None}
    fault(sandbox, "incoming_numbers.list", kind="status", status=200, body=nothing, times=1)
    fault(sandbox, "incoming_numbers.list", kind="status", status=503)
    with pytest.raises(RetryLater):
        await twilio.lookup(NUMBER)
    assert len(asked(sandbox, "incoming_numbers.list")) == 2


# Every other call, under every fault


async def every_owned(twilio: TwilioCarrier, number: OwnedNumber) -> None:
    await owned(twilio)


CALLS: dict[str, tuple[str, Callable[[TwilioCarrier, OwnedNumber], Awaitable[Any]]]] = {
    "search": ("available_numbers.search", lambda twilio, number: twilio.search(Criteria(), "US", 1)),
    "find": ("incoming_numbers.list", lambda twilio, number: twilio.find(number.number, MARK)),
    "owned": ("incoming_numbers.list", every_owned),
    "lookup": ("incoming_numbers.list", lambda twilio, number: twilio.lookup(number.number)),
    "mark": ("incoming_numbers.update", lambda twilio, number: twilio.mark(number, MARK)),
    "release": ("incoming_numbers.delete", lambda twilio, number: twilio.release(number)),
    "restore": ("incoming_numbers.fetch", lambda twilio, number: twilio.restore(number, number.urls)),
    "offered_types": ("available_numbers.country", lambda twilio, number: twilio.offered_types("US")),
}
FAULTS: dict[str, tuple[dict[str, Any], type[ProviderError]]] = {
    "refused": ({"kind": "status", "status": 400, "body": {"code": 29999, "message": "no"}}, Rejected),
    "429": ({"kind": "status", "status": 429}, RetryLater),
    "500": ({"kind": "status", "status": 500}, RetryLater),
    "503-after": ({"kind": "status", "status": 503, "when": "after"}, RetryLater),
    "slow": ({"kind": "hold"}, RetryLater),
    "dropped-before": ({"kind": "drop"}, RetryLater),
    "dropped-after": ({"kind": "drop", "when": "after"}, RetryLater),
}


@pytest.mark.parametrize("failure", FAULTS)
@pytest.mark.parametrize("call", CALLS)
async def test_each_call_fails_with_the_right_class_after_one_request_and_then_works(
    sandbox: SandboxServer, build_twilio: Build, twilio: TwilioCarrier, call: str, failure: str
) -> None:
    number = await twilio.buy(OFFER, MARK)
    hasty = build_twilio(provider_timeout_seconds=0.2) if failure == "slow" else twilio
    operation, act = CALLS[call]
    rule, expected = FAULTS[failure]
    fault(sandbox, operation, times=1, **rule)
    with pytest.raises(ProviderError) as caught:
        await act(hasty, number)
    assert type(caught.value) is expected
    assert caught.value.operation == call
    assert len(asked(sandbox, operation)) == 1
    done = call == "release" and "after" in failure
    assert len(sandbox.held("twilio")) == (0 if done else 1)
    with pytest.raises(Missing) if done else nullcontext():
        await act(twilio, number)
    assert len(asked(sandbox, operation)) == 2
