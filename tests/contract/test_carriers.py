"""What every carrier promises, whoever it is."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from tests.contract.conftest import MARK, OTHER_MARK, Harness
from tests.support.sandbox_server import SandboxServer
from trunkline.carriers.base import Carrier
from trunkline.domain.choosing import Criteria, Offer, OwnedNumber, is_ours_to_use, with_answerer
from trunkline.domain.numbers import E164, NumberType, parse_number
from trunkline.errors import ActionRequired, Missing, OutcomeUnknown, ProviderError, Rejected, RetryLater
from trunkline.settings import Settings
from trunkline.voice.base import Target
from trunkline.voice.vapi import VapiPlatform

pytestmark = pytest.mark.anyio

# What the carrier has done, and whether the purchase was made, when its reply to a purchase does not arrive.
LOST: list[tuple[dict[str, Any], bool]] = [
    ({"kind": "status", "status": 503, "when": "before"}, False),
    ({"kind": "status", "status": 500, "when": "after"}, True),
    ({"kind": "drop", "when": "before"}, False),
    ({"kind": "drop", "when": "after"}, True),
    ({"kind": "hold", "when": "before"}, False),
    ({"kind": "hold", "when": "after"}, True),
]


def fault_name(value: Any) -> str:
    if isinstance(value, dict):
        return f"{value['kind']}-{value.get('status', '')}-{value['when']}".replace("--", "-")
    return "bought" if value else "not-bought"


def secrets_of(settings: Settings) -> list[str]:
    fields = (getattr(settings, name) for name in type(settings).model_fields)
    return [value.get_secret_value() for value in fields if hasattr(value, "get_secret_value")]


def requests_of(harness: Harness, carrier: Carrier) -> list[Coroutine[Any, Any, Any]]:
    """A look, a purchase, and a search where the carrier is asked for one."""
    number = E164("+14155550100")
    asked = [carrier.find(number, MARK), carrier.buy(Offer(number, harness.country), MARK)]
    search = [carrier.search(harness.want, harness.country, 1)] if carrier.capabilities.exact_number else []
    return [*search, *asked]


@pytest.mark.exact
async def test_search_offers_numbers_of_the_country_with_their_price(harness: Harness, carrier: Carrier) -> None:
    offers = await carrier.search(harness.want, harness.country, 3)
    assert len(offers) == 3
    assert len({offer.number for offer in offers}) == 3
    for offer in offers:
        assert parse_number(str(offer.number)) == offer.number
        assert offer.country == harness.country
        assert offer.monthly_price is not None
        assert offer.monthly_price > 0
        assert offer.currency in ("USD", "EUR")


@pytest.mark.exact
async def test_search_finds_nothing_where_nothing_fits(harness: Harness, carrier: Carrier) -> None:
    assert await carrier.search(Criteria(contains="0000000"), harness.country, 3) == []


async def test_the_country_offers_local_numbers(harness: Harness, carrier: Carrier) -> None:
    offered = await carrier.offered_types(harness.country)
    assert offered is None or NumberType.LOCAL in offered


async def test_a_bought_number_is_held_marked_and_found(
    harness: Harness, sandbox: SandboxServer, carrier: Carrier, offer: Offer
) -> None:
    bought = await carrier.buy(offer, MARK)
    assert offer.number in (None, bought.number)
    assert harness.held(sandbox) == [bought.number]
    assert harness.created(sandbox) == 1
    found = await carrier.find(bought.number, MARK)
    assert found is not None
    assert (found.number, found.ref) == (bought.number, bought.ref)
    assert is_ours_to_use(found, MARK.installation)
    assert found.used_by is None
    assert not found.warnings
    assert [owned.number async for owned in carrier.owned()] == [bought.number]
    if carrier.capabilities.owner_mark:
        assert found.mark_text == str(MARK)
        by_mark = await carrier.find(None, MARK)
        assert by_mark is not None
        assert by_mark.number == bought.number
        assert await carrier.find(None, OTHER_MARK) is None


async def test_a_number_that_we_do_not_hold_is_not_found(carrier: Carrier, offer: Offer) -> None:
    assert await carrier.find(offer.number, MARK) is None


async def test_a_longer_number_is_not_taken_for_the_one_asked(
    harness: Harness, sandbox: SandboxServer, carrier: Carrier
) -> None:
    harness.give(sandbox, harness.account, "+441632960123")
    assert await carrier.find(E164("+44163296012"), MARK) is None


async def test_all_pages_are_listed(harness: Harness, sandbox: SandboxServer, carrier: Carrier) -> None:
    numbers = [f"+1415556{i:04}" for i in range(harness.page + 1)]
    harness.give(sandbox, harness.account, *numbers)
    assert sorted([owned.number async for owned in carrier.owned()]) == numbers
    assert len(sandbox.requests(provider=harness.name, operation=harness.listing)) == 2


async def test_a_listing_with_a_failed_page_is_an_error_and_no_part(
    harness: Harness, sandbox: SandboxServer, carrier: Carrier
) -> None:
    harness.give(sandbox, harness.account, *[f"+1415556{i:04}" for i in range(harness.page + 1)])
    harness.fault(sandbox, harness.listing, kind="status", status=500, contains=harness.second_page)
    with pytest.raises(RetryLater):
        [owned async for owned in carrier.owned()]


@pytest.mark.parametrize("known", [True, False], ids=["by-reference", "by-number"])
async def test_a_released_number_is_missing_from_then_on(
    harness: Harness, sandbox: SandboxServer, carrier: Carrier, offer: Offer, known: bool
) -> None:
    bought = await carrier.buy(offer, MARK)
    number = bought if known else OwnedNumber(bought.number, "")
    await carrier.release(number)
    assert harness.held(sandbox) == []
    assert await carrier.find(bought.number, MARK) is None
    assert await carrier.lookup(bought.number) is None
    for attempt in (carrier.release(number), carrier.restore(number, bought.urls)):
        with pytest.raises(Missing, match="not in this account"):
            await attempt
    if carrier.capabilities.owner_mark:
        with pytest.raises(Missing, match="not in this account"):
            await carrier.mark(number, OTHER_MARK)


async def test_no_request_about_a_number_leaves_out_which(
    harness: Harness, sandbox: SandboxServer, carrier: Carrier, offer: Offer
) -> None:
    bought = await carrier.buy(offer, MARK)
    nameless = OwnedNumber(bought.number, "")
    await carrier.mark(nameless, OTHER_MARK)
    await carrier.restore(nameless, {})
    await carrier.release(nameless)
    seen = sandbox.requests(provider=harness.name)
    assert not [r for r in seen if r["path"].endswith(("/", "/.json")) or "country=&" in r["body"] + "&"]


async def test_a_number_is_told_with_its_account_and_where_it_was_sold(
    harness: Harness, carrier: Carrier, offer: Offer
) -> None:
    bought = await carrier.buy(offer, MARK)
    assert (bought.country, bought.number_type) == (harness.country, NumberType.LOCAL)
    assert (bought.monthly_price, bought.currency) == (offer.monthly_price, offer.currency)
    assert bought.account == await carrier.account_id()
    looked = await carrier.lookup(bought.number)
    assert looked is not None
    assert (looked.ref, looked.account, looked.country in (None, harness.country)) == (bought.ref, bought.account, True)


async def test_a_number_of_another_account_is_not_ours(
    harness: Harness, sandbox: SandboxServer, carrier: Carrier
) -> None:
    harness.give(sandbox, "0ther", "+14155550177")
    assert await carrier.lookup(E164("+14155550177")) is None
    assert await carrier.account_id() == await carrier.account_id()


async def test_a_mark_is_written_on_a_number_that_is_held(
    harness: Harness, sandbox: SandboxServer, carrier: Carrier
) -> None:
    harness.give(sandbox, harness.account, "+14155550177")
    number = await carrier.lookup(E164("+14155550177"))
    assert number is not None
    marked = await carrier.mark(number, MARK)
    assert marked == await carrier.lookup(number.number)
    assert marked.mark_text == (str(MARK) if carrier.capabilities.owner_mark else number.mark_text)


@pytest.mark.parametrize("fault", [{"kind": "status", "status": 503}, {"kind": "status", "status": 429}], ids=str)
async def test_a_lookup_that_fails_is_an_error_and_not_missing(
    harness: Harness, sandbox: SandboxServer, carrier: Carrier, offer: Offer, fault: dict[str, Any]
) -> None:
    bought = await carrier.buy(offer, MARK)
    harness.fault(sandbox, harness.listing, **fault)
    for attempt in (carrier.lookup(bought.number), carrier.release(OwnedNumber(bought.number, ""))):
        with pytest.raises(RetryLater):
            await attempt
    assert harness.held(sandbox) == [bought.number]


async def test_a_refused_release_is_no_success(
    harness: Harness, sandbox: SandboxServer, carrier: Carrier, offer: Offer
) -> None:
    bought = await carrier.buy(offer, MARK)
    harness.fault(sandbox, harness.release, kind="status", status=503)
    with pytest.raises(RetryLater):
        await carrier.release(bought)
    assert harness.held(sandbox) == [bought.number]


async def test_a_refused_purchase_is_rejected(
    harness: Harness, sandbox: SandboxServer, carrier: Carrier, offer: Offer
) -> None:
    harness.fault(sandbox, harness.create, kind="status", status=400, body=harness.refusal)
    with pytest.raises(Rejected) as caught:
        await carrier.buy(offer, MARK)
    assert (caught.value.provider, caught.value.vendor_code is None) == (harness.name, False)
    assert harness.held(sandbox) == []
    assert harness.created(sandbox) == 1


async def test_429_is_retry_later_and_nothing_was_bought(
    harness: Harness, sandbox: SandboxServer, carrier: Carrier, offer: Offer
) -> None:
    harness.fault(sandbox, harness.create, kind="status", status=429, headers={"Retry-After": "0.1"}, times=1)
    with pytest.raises(RetryLater) as caught:
        await carrier.buy(offer, MARK)
    assert caught.value.retry_after == pytest.approx(0.1)
    assert harness.created(sandbox) == 1
    assert harness.held(sandbox) == []
    await carrier.buy(offer, MARK)
    assert len(harness.held(sandbox)) == 1


@pytest.mark.parametrize(("rule", "was_bought"), LOST, ids=fault_name)
async def test_a_lost_reply_is_outcome_unknown_and_find_shows_the_truth(
    harness: Harness, sandbox: SandboxServer, rule: dict[str, Any], was_bought: bool
) -> None:
    carrier = harness.build(sandbox.url)
    hasty = harness.build(sandbox.url, provider_timeout_seconds=0.3) if rule["kind"] == "hold" else carrier
    try:
        offer = (await carrier.search(harness.want, harness.country, 1))[0]
        harness.fault(sandbox, harness.create, **rule)
        with pytest.raises(OutcomeUnknown):
            await hasty.buy(offer, MARK)
        assert harness.created(sandbox) == 1
        found = await carrier.find(offer.number, MARK)
        assert (found is not None) == was_bought
        assert harness.held(sandbox) == ([found.number] if found else [])
        if found is not None:
            assert offer.number in (None, found.number)
            assert is_ours_to_use(found, MARK.installation)
    finally:
        await carrier.close()
        await hasty.close()


async def test_the_same_offer_can_be_bought_again_after_a_purchase_that_never_happened(
    harness: Harness, sandbox: SandboxServer, carrier: Carrier, offer: Offer
) -> None:
    harness.fault(sandbox, harness.create, kind="drop", when="before", times=1)
    with pytest.raises(OutcomeUnknown):
        await carrier.buy(offer, MARK)
    bought = await carrier.buy(offer, MARK)
    assert offer.number in (None, bought.number)
    assert harness.held(sandbox) == [bought.number]


@pytest.mark.exact
async def test_of_two_accounts_that_buy_one_offer_one_gets_it(
    harness: Harness, sandbox: SandboxServer, carrier: Carrier
) -> None:
    harness.add_rival(sandbox)
    rival = harness.build(sandbox.url, **harness.rival_keys)
    try:
        offers = [(await buyer.search(harness.want, harness.country, 1))[0] for buyer in (carrier, rival)]
        assert offers[0].number == offers[1].number
        results = await asyncio.gather(
            carrier.buy(offers[0], MARK), rival.buy(offers[1], OTHER_MARK), return_exceptions=True
        )
        assert len([result for result in results if isinstance(result, Rejected)]) == 1
        assert harness.held(sandbox) == [offers[0].number]
    finally:
        await rival.close()


@pytest.mark.exact
@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_search_that_fails_is_retry_later_and_not_nothing(
    harness: Harness, sandbox: SandboxServer, carrier: Carrier, status: int
) -> None:
    harness.fault(sandbox, harness.search, kind="status", status=status)
    with pytest.raises(RetryLater):
        await carrier.search(harness.want, harness.country, 1)
    assert len(sandbox.requests(provider=harness.name, operation=harness.search)) == 1


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_what_a_gateway_refuses_is_no_word_of_the_carrier(
    harness: Harness, sandbox: SandboxServer, carrier: Carrier, offer: Offer, status: int
) -> None:
    """Its own form of an error is JSON too: nothing is gone by it, and no key is wrong."""
    bought = await carrier.buy(offer, MARK)
    body = {"message": "no Route matched with those values"}
    harness.fault(sandbox, harness.release, kind="status", status=status, body=body)
    with pytest.raises(ProviderError, match="no Route matched") as caught:
        await carrier.release(bought)
    assert not isinstance(caught.value, Missing)
    assert "key" not in str(caught.value.hint).lower() or harness.name == "vapi"
    assert harness.held(sandbox) == [bought.number]


async def test_wrong_keys_need_a_person_and_are_not_shown(harness: Harness, sandbox: SandboxServer) -> None:
    settings = harness.settings(sandbox.url, **harness.wrong_keys)
    carrier = harness.build(sandbox.url, **harness.wrong_keys)
    try:
        for attempt in requests_of(harness, carrier):
            with pytest.raises(ActionRequired) as caught:
                await attempt
            assert caught.value.hint
            shown = f"{caught.value.detail} {caught.value.hint}"
            assert not [secret for secret in secrets_of(settings) if secret in shown]
    finally:
        await carrier.close()
    assert harness.held(sandbox) == []


async def test_a_carrier_that_cannot_be_reached_is_retry_later_even_for_a_purchase(harness: Harness) -> None:
    carrier = harness.build("http://127.0.0.1:1")
    try:
        for attempt in requests_of(harness, carrier):
            with pytest.raises(RetryLater):
                await attempt
    finally:
        await carrier.close()


@pytest.mark.exact
async def test_a_bought_number_goes_into_vapi_with_the_carriers_keys(
    harness: Harness, sandbox: SandboxServer, carrier: Carrier, offer: Offer
) -> None:
    bought = await carrier.buy(offer, MARK)
    source = carrier.import_source()
    vapi = VapiPlatform(harness.settings(sandbox.url))
    try:
        credential = await vapi.credential(source)
        assistant = await vapi.shared_assistant()
        voice = await vapi.import_number(bought.number, source, credential, Target(assistant), str(MARK))
        assert (voice.number, voice.assistant_id, voice.ready) == (bought.number, assistant, True)
    finally:
        await vapi.close()
    after = await carrier.find(bought.number, MARK)
    assert after is not None
    assert after.used_by is not None
    assert harness.in_vapi in after.used_by.lower()


@pytest.mark.exact
async def test_what_vapi_answers_is_known_and_taken_off_where_nothing_else_is(
    harness: Harness, sandbox: SandboxServer, carrier: Carrier
) -> None:
    """A number that somebody imported by hand: what it was set to before, nobody knows."""
    harness.give(sandbox, harness.account, "+14155550177")
    vapi = VapiPlatform(harness.settings(sandbox.url))
    try:
        source, number = carrier.import_source(), E164("+14155550177")
        target = Target(await vapi.shared_assistant())
        await vapi.import_number(number, source, await vapi.credential(source), target, "by hand")
        held = await carrier.lookup(number)
        assert held is not None
        known = with_answerer(held, await vapi.applications())
    finally:
        await vapi.close()
    assert known.by_vapi
    assert not with_answerer(held, frozenset()).by_vapi or held.application is None
    restored = await carrier.restore(known, known.urls)
    assert (restored.number.used_by, restored.changed == ()) == (None, False)
    assert await carrier.lookup(number) == restored.number
    assert (await carrier.restore(restored.number, known.urls)).changed == ()


@pytest.mark.exact
async def test_two_purchases_at_once_of_one_offer_hold_it_once(
    harness: Harness, sandbox: SandboxServer, carrier: Carrier, offer: Offer
) -> None:
    results = await asyncio.gather(carrier.buy(offer, MARK), carrier.buy(offer, OTHER_MARK), return_exceptions=True)
    assert any(not isinstance(result, BaseException) for result in results)
    assert all(isinstance(result, ProviderError) for result in results if isinstance(result, BaseException))
    assert harness.held(sandbox) == [offer.number]
