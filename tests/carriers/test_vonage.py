"""Vonage through its adapter: settings, search, listing, release, and updates that replace everything."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import pytest

from tests.carriers.vonage_account import (
    ACCOUNT,
    APPLICATION,
    CANCEL,
    FAILED,
    LIST,
    MARK,
    NUMBER,
    OFFER,
    SEARCH,
    UPDATE,
    add,
    asked,
    build,
    fault,
    held,
    owned,
)
from tests.support.sandbox_server import SandboxServer
from trunkline.carriers.vonage import VonageCarrier
from trunkline.domain.choosing import Criteria, Offer
from trunkline.domain.numbers import E164, NumberType
from trunkline.errors import Missing, Rejected, RetryLater, SettingsError
from trunkline.sandbox.server import environment
from trunkline.settings import load_settings

pytestmark = pytest.mark.anyio

# Settings


def test_it_is_configured_by_key_and_secret() -> None:
    half = load_settings(_env_file=None, vonage_api_key="key")
    assert not VonageCarrier.configured(half)
    with pytest.raises(SettingsError, match="VONAGE_API_SECRET"):
        VonageCarrier(half)
    assert VonageCarrier.configured(load_settings(_env_file=None, vonage_api_key="key", vonage_api_secret="secret"))


async def test_vapi_gets_both_keys(sandbox: SandboxServer) -> None:
    source = build(sandbox, vonage_vapi_credential_id=APPLICATION).import_source()
    secrets = {name: value.get_secret_value() for name, value in source.secrets.items()}
    assert secrets == {"apiKey": ACCOUNT, "apiSecret": environment("")["VONAGE_API_SECRET"]}
    assert (source.provider, source.account, source.credential_id) == ("vonage", ACCOUNT, APPLICATION)


# Search


async def test_an_area_code_is_a_pattern_with_the_country_code(sandbox: SandboxServer, vonage: VonageCarrier) -> None:
    offers = await vonage.search(Criteria(area_code="212"), "US", 3)
    assert offers[0] == Offer(E164("+12125554001"), "US", NumberType.LOCAL, Decimal("0.90"), "EUR")
    assert len(offers) == 3
    (request,) = asked(sandbox, SEARCH)
    assert dict(parse_qsl(request["query"])) == {
        "country": "US",
        "features": "VOICE",
        "pattern": "1212",
        "search_pattern": "0",
        "size": "100",
        "index": "1",
    }


async def test_the_secret_is_in_no_address(sandbox: SandboxServer, vonage: VonageCarrier) -> None:
    await vonage.buy((await vonage.search(Criteria(), "US", 1))[0], MARK)
    assert not [request for request in sandbox.requests(provider="vonage") if "api_" in request["query"]]


async def test_area_code_and_digits_together_read_on_until_enough_fit(
    sandbox: SandboxServer, vonage: VonageCarrier
) -> None:
    offers = await vonage.search(Criteria(area_code="415", contains="4040"), "US", 5)
    assert [offer.number for offer in offers] == ["+14155554040"]
    offers = await vonage.search(Criteria(contains="5554040"), "US", 50)
    assert {offer.number[2:5] for offer in offers if offer.number} == {"415", "212", "312", "206", "617", "305"}


async def test_more_offers_than_a_page_holds_come_from_two_pages(sandbox: SandboxServer, vonage: VonageCarrier) -> None:
    assert len({offer.number for offer in await vonage.search(Criteria(), "US", 150)}) == 150
    assert len(asked(sandbox, SEARCH)) == 2


@pytest.mark.parametrize(
    ("country", "kind", "first", "shown"),
    [
        ("US", NumberType.TOLL_FREE, "+18885554001", NumberType.TOLL_FREE),
        ("US", NumberType.LOCAL, "+14155554001", NumberType.LOCAL),
        ("US", NumberType.MOBILE, "+14155554001", NumberType.MOBILE),
        ("GB", NumberType.LOCAL, "+442079464001", NumberType.LOCAL),
        ("GB", NumberType.MOBILE, "+447400124001", NumberType.MOBILE),
        ("GB", None, "+442079464001", NumberType.LOCAL),
    ],
)
async def test_types_in_vonages_words(
    vonage: VonageCarrier, country: str, kind: NumberType | None, first: str, shown: NumberType
) -> None:
    offer = (await vonage.search(Criteria(number_type=kind), country, 1))[0]
    assert (offer.number, offer.number_type) == (first, shown)


async def test_toll_free_is_not_offered_unasked(vonage: VonageCarrier) -> None:
    assert await vonage.search(Criteria(contains="888555"), "US", 5) == []


@pytest.mark.parametrize(
    ("want", "country"), [(Criteria(number_type=NumberType.NATIONAL), "DE"), (Criteria(area_code="415"), "GB")]
)
async def test_what_vonage_cannot_serve_is_rejected_without_a_request(
    sandbox: SandboxServer, vonage: VonageCarrier, want: Criteria, country: str
) -> None:
    with pytest.raises(Rejected):
        await vonage.search(want, country, 5)
    assert asked(sandbox, SEARCH) == []


# Listing


async def test_an_account_without_numbers_answers_an_empty_object(vonage: VonageCarrier) -> None:
    assert await owned(vonage) == []


@pytest.mark.parametrize("body", [{"numbers": None}, {"numbers": [{}]}, {"count": "many"}])
async def test_an_answer_that_is_no_list_is_not_taken_for_nothing(
    sandbox: SandboxServer, vonage: VonageCarrier, body: dict[str, Any]
) -> None:
    fault(sandbox, LIST, kind="status", status=200, body=body)
    with pytest.raises(RetryLater):
        await owned(vonage)
    with pytest.raises(RetryLater):
        await vonage.find(NUMBER, MARK)


@pytest.mark.parametrize("rows", [[], [{"country": "US", "msisdn": "14155554001"}]], ids=["left out", "repeated"])
async def test_a_page_that_is_left_out_or_repeated_is_an_error(
    sandbox: SandboxServer, vonage: VonageCarrier, rows: list[dict[str, str]]
) -> None:
    fault(sandbox, LIST, kind="status", status=200, body={"count": 250, "numbers": rows})
    with pytest.raises(RetryLater, match="page"):
        await owned(vonage)
    assert len(asked(sandbox, LIST)) <= 2


@pytest.mark.parametrize(
    ("wire", "used_by"),
    [
        ({}, None),
        ({"app_id": APPLICATION}, f"the application {APPLICATION}"),
        ({"voiceCallbackType": "app", "voiceCallbackValue": APPLICATION}, f"the application {APPLICATION}"),
        ({"voiceCallbackType": "tel", "voiceCallbackValue": "14155550100"}, "a tel callback"),
        ({"voiceCallbackType": "vxml", "voiceCallbackValue": "https://e.example/x"}, "a vxml callback"),
        ({"voiceCallbackValue": "https://e.example/x"}, "a voice callback"),
        ({"moHttpUrl": "https://example.com/?token=x"}, "an address for texts"),
    ],
    ids=["nothing", "application", "application by callback", "telephone", "vxml", "without a type", "texts"],
)
async def test_what_answers_a_number(
    sandbox: SandboxServer, vonage: VonageCarrier, wire: dict[str, str], used_by: str | None
) -> None:
    add(sandbox, wire=wire)
    (number,) = await owned(vonage)
    assert number.used_by == used_by
    assert {name: value for name, value in number.urls.items() if value} == wire


async def test_a_leftover_callback_would_silence_vapi_and_is_told(
    sandbox: SandboxServer, vonage: VonageCarrier
) -> None:
    add(sandbox, wire={"voiceCallbackType": "sip", "voiceCallbackValue": "a@b.example", "app_id": APPLICATION})
    add(sandbox, "+14155554002", wire={"app_id": APPLICATION})
    first, second = await owned(vonage)
    assert ("sip" in first.warnings[0], second.warnings) == (True, ())


async def test_a_number_without_voice_says_so(sandbox: SandboxServer, vonage: VonageCarrier) -> None:
    add(sandbox, voice=False)
    assert [number.voice for number in await owned(vonage)] == [False]


@pytest.mark.parametrize(("features", "takes"), [({"features": []}, False), ({"features": ["SMS"]}, False), ({}, True)])
async def test_no_features_are_no_voice_and_unknown_ones_may_be(
    sandbox: SandboxServer, vonage: VonageCarrier, features: dict[str, Any], takes: bool
) -> None:
    row = {"country": "US", "msisdn": "14155554001", "type": "mobile-lvn", "cost": "0.90"} | features
    for operation in (LIST, SEARCH):
        fault(sandbox, operation, kind="status", status=200, body={"count": 1, "numbers": [row]})
    assert [number.voice for number in await owned(vonage)] == [takes]
    assert len(await vonage.search(Criteria(), "US", 5)) == takes


# Release and restore


async def test_a_420_on_release_is_success_only_if_the_number_is_no_longer_ours(
    sandbox: SandboxServer, vonage: VonageCarrier
) -> None:
    bought = await vonage.buy(OFFER, MARK)
    fault(sandbox, CANCEL, kind="status", status=420, body=FAILED, times=1)
    with pytest.raises(Rejected):
        await vonage.release(bought)
    fault(sandbox, CANCEL, kind="drop", when="after", times=1)
    with pytest.raises(RetryLater):
        await vonage.release(bought)
    with pytest.raises(Missing, match="not in this account"):
        await vonage.release(bought)
    assert held(sandbox) == []
    assert [request["body"] for request in asked(sandbox, CANCEL)] == ["country=US&msisdn=14155554001"] * 3


async def test_restore_sends_everything_because_an_update_replaces_everything(
    sandbox: SandboxServer, vonage: VonageCarrier
) -> None:
    texts = "https://texts.example/in"
    add(sandbox, wire={"app_id": "vapis-own", "moHttpUrl": texts})
    (number,) = await owned(vonage)
    restored = await vonage.restore(number, {"app_id": APPLICATION})
    assert (restored.changed, restored.number.used_by) == (("app_id",), f"the application {APPLICATION}")
    assert sandbox.held("vonage")[0]["wire"] == {"app_id": APPLICATION, "moHttpUrl": texts}
    await vonage.restore(number, {"app_id": ""})
    assert sandbox.held("vonage")[0]["wire"] == {"moHttpUrl": texts}


async def test_what_somebody_has_set_since_the_import_is_left_alone(
    sandbox: SandboxServer, vonage: VonageCarrier
) -> None:
    since = {"voiceCallbackType": "sip", "voiceCallbackValue": "a@b.example"}
    add(sandbox, wire={"app_id": "vapis-own"} | since)
    (number,) = await owned(vonage)
    before = {
        "app_id": "",
        "voiceCallbackType": "tel",
        "voiceCallbackValue": "14155550100",
        "moHttpUrl": "https://t.example",
    }
    restored = await vonage.restore(number, before)
    assert restored.changed == ("app_id", "moHttpUrl")
    assert sandbox.held("vonage")[0]["wire"] == since | {"moHttpUrl": "https://t.example"}
    assert restored.number.used_by == "a sip callback"


async def test_restore_of_what_is_there_already_sends_nothing(sandbox: SandboxServer, vonage: VonageCarrier) -> None:
    add(sandbox, wire={"app_id": APPLICATION})
    (number,) = await owned(vonage)
    restored = await vonage.restore(number, number.urls)
    assert (restored.changed, restored.number) == ((), number)
    assert asked(sandbox, UPDATE) == []


async def test_a_refused_restore_is_an_error_while_the_number_is_ours(
    sandbox: SandboxServer, vonage: VonageCarrier
) -> None:
    add(sandbox)
    (number,) = await owned(vonage)
    fault(sandbox, UPDATE, kind="status", status=420, body=FAILED)
    with pytest.raises(Rejected):
        await vonage.restore(number, {"app_id": APPLICATION})
