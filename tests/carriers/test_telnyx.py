"""Telnyx through its adapter: settings, search, listing, release and restore."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import pytest

from tests.carriers.telnyx_account import (
    LIST,
    MARK,
    SEARCH,
    account,
    asked,
    build,
    fault,
    give,
    held,
    offer_of,
)
from tests.support.sandbox_server import SandboxServer
from trunkline.carriers.telnyx import TelnyxCarrier
from trunkline.domain.choosing import Criteria, Offer
from trunkline.domain.numbers import E164, NumberType
from trunkline.errors import AccountLevel, ActionRequired, Missing, Rejected, RetryLater, SettingsError
from trunkline.sandbox.server import environment
from trunkline.settings import load_settings

pytestmark = pytest.mark.anyio

# Settings


def test_it_is_configured_by_a_key() -> None:
    bare = load_settings(_env_file=None)
    assert not TelnyxCarrier.configured(bare)
    with pytest.raises(SettingsError, match="TELNYX_API_KEY"):
        TelnyxCarrier(bare)
    assert TelnyxCarrier.configured(load_settings(_env_file=None, telnyx_api_key="KEY"))


async def test_vapi_gets_the_key_and_recognises_the_account_without_it(sandbox: SandboxServer) -> None:
    carrier = build(sandbox, telnyx_vapi_credential_id="11111111-2222-4333-8444-555555555555")
    source = carrier.import_source()
    key = environment("")["TELNYX_API_KEY"]
    assert (source.provider, source.secrets["apiKey"].get_secret_value()) == ("telnyx", key)
    assert source.credential_id == "11111111-2222-4333-8444-555555555555"
    assert key not in repr(source)
    other = build(sandbox, telnyx_api_key="KEY2").import_source()
    assert source.account == build(sandbox).import_source().account != other.account


# Search


async def test_search_asks_for_voice_for_the_type_and_for_no_held_numbers(
    sandbox: SandboxServer, telnyx: TelnyxCarrier
) -> None:
    offers = await telnyx.search(Criteria(area_code="212", contains="53010"), "US", 5)
    assert offers == [
        Offer(E164("+12125553010"), "US", NumberType.LOCAL, Decimal("1.00"), "USD", upfront_price=Decimal("1.00"))
    ]
    query = dict(parse_qsl(asked(sandbox, SEARCH)[-1]["query"]))
    assert query == {
        "filter[country_code]": "US",
        "filter[phone_number_type]": "local",
        "filter[national_destination_code]": "212",
        "filter[phone_number][contains]": "53010",
        "filter[features][]": "voice",
        "filter[exclude_held_numbers]": "true",
        "filter[limit]": "5",
    }


async def test_a_type_can_be_asked_for(telnyx: TelnyxCarrier) -> None:
    toll_free = await offer_of(telnyx, number_type=NumberType.TOLL_FREE)
    assert (toll_free.number_type, toll_free.monthly_price) == (NumberType.TOLL_FREE, Decimal("2.00"))
    assert (await offer_of(telnyx, "GB", number_type=NumberType.MOBILE)).number == "+447400123001"


@pytest.mark.parametrize(
    ("level", "country", "want"),
    [
        ({"trial": True}, "DE", Criteria()),
        ({"trial": True}, "GB", Criteria(number_type=NumberType.MOBILE)),
        ({"extra": {"level": "unverified"}}, "US", Criteria()),
    ],
    ids=["trial, Germany", "trial, British mobiles", "unverified, US"],
)
async def test_numbers_that_are_masked_mean_the_account_s_level_and_not_that_there_are_none(
    sandbox: SandboxServer, telnyx: TelnyxCarrier, level: dict[str, Any], country: str, want: Criteria
) -> None:
    account(sandbox, **level)
    with pytest.raises(AccountLevel, match=f"numbers of {country}") as caught:
        await telnyx.search(want, country, 5)
    assert isinstance(caught.value, Rejected)
    assert isinstance(caught.value, ActionRequired)
    assert "level" in str(caught.value.hint)
    assert (caught.value.provider, caught.value.operation) == ("telnyx", SEARCH)


async def test_a_trial_is_offered_what_it_may_buy(sandbox: SandboxServer, telnyx: TelnyxCarrier) -> None:
    account(sandbox, trial=True)
    assert len(await telnyx.search(Criteria(), "US", 5)) == 5


@pytest.mark.parametrize(
    ("row", "kept"),
    [
        ({"phone_number": "+14155553001"}, True),
        ({"phone_number": "+14155553001", "best_effort": True}, False),
        ({"phone_number": "+14155553001", "features": []}, False),
        ({"phone_number": "+14155553001", "features": [{"name": "sms"}]}, False),
        ({"phone_number": "+14155553001", "features": [{"name": "voice"}], "cost_information": {}}, True),
    ],
    ids=["plain", "best effort", "no features", "texts only", "without price"],
)
async def test_only_numbers_that_are_what_was_asked_are_offered(
    sandbox: SandboxServer, telnyx: TelnyxCarrier, row: dict[str, Any], kept: bool
) -> None:
    fault(sandbox, SEARCH, kind="status", status=200, body={"data": [row]})
    offers = await telnyx.search(Criteria(), "US", 5)
    assert [(offer.number, offer.monthly_price, offer.currency) for offer in offers] == (
        [("+14155553001", None, None)] if kept else []
    )


@pytest.mark.parametrize("body", [{}, {"data": None}, {"data": [{}]}, {"data": ["+14155553001"]}])
async def test_an_answer_that_is_no_list_is_not_taken_for_nothing(
    sandbox: SandboxServer, telnyx: TelnyxCarrier, body: dict[str, Any]
) -> None:
    for operation in (SEARCH, LIST, "number_orders.list"):
        fault(sandbox, operation, kind="status", status=200, body=body)
    with pytest.raises(RetryLater):
        await telnyx.search(Criteria(), "US", 5)
    with pytest.raises(RetryLater):
        [number async for number in telnyx.owned()]
    with pytest.raises(RetryLater):
        await telnyx.find(E164("+14155553001"), MARK)


# Listing


async def test_pages_that_repeat_are_an_error_and_not_read_for_ever(
    sandbox: SandboxServer, telnyx: TelnyxCarrier
) -> None:
    page = {
        "data": [{"id": "1", "phone_number": "+14155553001", "status": "active"}],
        "meta": {"page_number": 1, "total_pages": 3},
    }
    fault(sandbox, LIST, kind="status", status=200, body=page)
    with pytest.raises(RetryLater, match="repeats"):
        [number async for number in telnyx.owned()]
    assert len(asked(sandbox, LIST)) == 2


async def test_numbers_that_are_not_ours_yet_or_no_longer_are_left_out(
    sandbox: SandboxServer, telnyx: TelnyxCarrier
) -> None:
    for digit, status in enumerate(("active", "purchase_pending", "ported-out", "requirement-info-under-review")):
        give(sandbox, f"+1415555900{digit}", wire={"status": status})
    found = {number.number: (number.voice, number.warnings) async for number in telnyx.owned()}
    assert found == {
        "+14155559000": (True, ()),
        "+14155559003": (False, ("Telnyx says that the number is requirement-info-under-review",)),
    }


async def test_what_answers_a_number_is_its_connection(sandbox: SandboxServer, telnyx: TelnyxCarrier) -> None:
    give(sandbox, "+14155559000", wire={"connection_id": "77", "connection_name": "PBX", "customer_reference": "shop"})
    (number,) = [number async for number in telnyx.owned()]
    assert (number.used_by, number.mark_text, number.urls) == ("connection PBX", "shop", {"connection_id": "77"})


# Release and restore


async def test_a_locked_number_is_released_by_a_person(sandbox: SandboxServer, telnyx: TelnyxCarrier) -> None:
    give(sandbox, "+14155559000", wire={"deletion_lock_enabled": True})
    (number,) = [number async for number in telnyx.owned()]
    with pytest.raises(ActionRequired, match="locked"):
        await telnyx.release(number)
    assert held(sandbox) == [number.number]


async def test_a_release_whose_reply_is_lost_can_be_repeated(sandbox: SandboxServer, telnyx: TelnyxCarrier) -> None:
    bought = await telnyx.buy(await offer_of(telnyx), MARK)
    fault(sandbox, "phone_numbers.delete", kind="drop", when="after", times=1)
    with pytest.raises(RetryLater):
        await telnyx.release(bought)
    with pytest.raises(Missing, match="not in this account"):
        await telnyx.release(bought)
    assert held(sandbox) == []


async def test_a_released_number_is_not_offered_to_the_next_restaurant(
    sandbox: SandboxServer, telnyx: TelnyxCarrier
) -> None:
    bought = await telnyx.buy(await offer_of(telnyx), MARK)
    await telnyx.release(bought)
    assert bought.number not in [offer.number for offer in await telnyx.search(Criteria(), "US", 50)]


async def test_the_connection_is_put_back_and_only_where_it_changed(
    sandbox: SandboxServer, telnyx: TelnyxCarrier
) -> None:
    give(sandbox, "+14155559000", wire={"connection_id": "77"})
    (number,) = [number async for number in telnyx.owned()]
    kept = await telnyx.restore(number, number.urls)
    assert (kept.changed, kept.number.used_by) == ((), "connection 77")
    assert asked(sandbox, "phone_numbers.update") == []
    changed = await telnyx.restore(number, {"connection_id": "88"})
    assert (changed.changed, changed.number.used_by) == (("connection_id",), "connection 88")
    assert (await telnyx.restore(number, {"connection_id": ""})).number.used_by is None
    assert [number.used_by async for number in telnyx.owned()] == [None]
    await telnyx.release(number)
    with pytest.raises(Missing, match="not in this account"):
        await telnyx.restore(number, {"connection_id": "77"})


@pytest.mark.parametrize("before", [{}, {"connection_id": "6001"}], ids=["not known", "Vapi's own"])
async def test_vapis_connection_is_taken_off_where_no_other_is_known(
    sandbox: SandboxServer, telnyx: TelnyxCarrier, before: dict[str, str]
) -> None:
    give(sandbox, "+14155559000", wire={"connection_id": "6001", "connection_name": "Vapi"})
    (number,) = [number async for number in telnyx.owned()]
    assert number.by_vapi
    assert (await telnyx.restore(number, before)).number.used_by is None
