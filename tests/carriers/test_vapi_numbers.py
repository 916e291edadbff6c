"""Vapi's own numbers through their adapter: one ask, one hint, and ready means active with a number."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from tests.support.given import given
from tests.support.sandbox_server import SandboxServer
from trunkline.carriers.vapi_numbers import ANY_AREA_CODE, VapiCarrier
from trunkline.domain.choosing import Criteria, Offer, OwnedNumber
from trunkline.domain.marks import OwnerMark
from trunkline.domain.numbers import E164, NumberType
from trunkline.errors import (
    ActionRequired,
    Missing,
    OfferGone,
    OutcomeUnknown,
    Rejected,
    RetryLater,
    SettingsError,
)
from trunkline.sandbox.server import environment
from trunkline.sandbox.vapi import DEFAULT_ACCOUNT
from trunkline.settings import load_settings

pytestmark = pytest.mark.anyio

MARK = OwnerMark("inst0001", "asg_0001")
OTHER = OwnerMark("inst0001", "asg_0002")
CREATE, GET, LIST, DELETE = "phone_numbers.create", "phone_numbers.get", "phone_numbers.list_v2", "phone_numbers.delete"


def build(sandbox: SandboxServer, **changes: Any) -> VapiCarrier:
    values = {name.lower(): value for name, value in environment(sandbox.url).items()}
    return VapiCarrier(given(**values | changes))


@pytest.fixture
async def vapi(sandbox: SandboxServer) -> AsyncIterator[VapiCarrier]:
    switch(sandbox, seconds_until_active={"vapi": 0.1})
    carrier = build(sandbox)
    yield carrier
    await carrier.close()


@pytest.fixture
async def hasty(sandbox: SandboxServer) -> AsyncIterator[VapiCarrier]:
    """A carrier that waits for no activation."""
    carrier = build(sandbox, activation_seconds=0)
    yield carrier
    await carrier.close()


def switch(sandbox: SandboxServer, **values: Any) -> None:
    body = {f"vapi_{name}": value for name, value in values.items()}
    sandbox.control.put("/switches", json=body).raise_for_status()


def fault(sandbox: SandboxServer, operation: str, **rule: Any) -> None:
    sandbox.fault(provider="vapi", operation=operation, **rule)


def asked(sandbox: SandboxServer, operation: str) -> list[dict[str, Any]]:
    return sandbox.requests(provider="vapi", operation=operation)


def held(sandbox: SandboxServer) -> list[str]:
    return [row["number"] for row in sandbox.held("vapi")]


def give(sandbox: SandboxServer, *numbers: str) -> None:
    rows = [{"carrier": "vapi", "number": number, "account": DEFAULT_ACCOUNT} for number in numbers]
    sandbox.control.post("/numbers", json=rows).raise_for_status()


def offer(area_code: str | None = "415") -> Offer:
    return Offer(None, "US", NumberType.LOCAL, Decimal(0), "USD", token=area_code)


async def owned(vapi: VapiCarrier) -> list[OwnedNumber]:
    return [number async for number in vapi.owned()]


def test_it_is_configured_by_vapis_key() -> None:
    bare = load_settings(_env_file=None)
    assert not VapiCarrier.configured(bare)
    with pytest.raises(SettingsError, match="VAPI_API_KEY"):
        VapiCarrier(bare)


async def test_its_numbers_are_in_vapi_already(vapi: VapiCarrier) -> None:
    source = vapi.import_source()
    assert (source.provider, source.secrets, vapi.capabilities.credential) == ("vapi", {}, "none")


# Search


async def test_search_offers_one_free_number_that_vapi_will_choose_and_asks_nobody(
    sandbox: SandboxServer, vapi: VapiCarrier
) -> None:
    assert await vapi.search(Criteria(area_code="312"), "US", 5) == [offer("312")]
    assert await vapi.search(Criteria(number_type=NumberType.LOCAL), "US", 5) == [offer(None)]
    assert await vapi.offered_types("US") == frozenset({NumberType.LOCAL})
    assert await vapi.offered_types("GB") == frozenset()
    assert sandbox.requests(provider="vapi") == []


@pytest.mark.parametrize(
    ("want", "country", "reason"),
    [
        (Criteria(), "GB", "US only"),
        (Criteria(number_type=NumberType.TOLL_FREE), "US", "toll_free"),
        (Criteria(contains="777"), "US", "digits"),
    ],
)
async def test_what_vapi_cannot_serve_is_rejected_with_the_reason(
    vapi: VapiCarrier, want: Criteria, country: str, reason: str
) -> None:
    with pytest.raises(Rejected, match=reason):
        await vapi.search(want, country, 5)


# Buying


async def test_a_purchase_is_one_ask_and_waits_until_the_number_is_there(
    sandbox: SandboxServer, vapi: VapiCarrier
) -> None:
    bought = await vapi.buy(offer(), MARK)
    assert bought.number.startswith("+1415")
    assert (bought.mark_text, bought.used_by, bought.warnings) == (str(MARK), None, ())
    assert held(sandbox) == [bought.number]
    (request,) = asked(sandbox, CREATE)
    assert json.loads(request["body"]) == {"provider": "vapi", "name": str(MARK), "numberDesiredAreaCode": "415"}
    assert asked(sandbox, GET)[-1]["path"] == f"/phone-number/{bought.ref}"


async def test_without_an_area_code_one_is_asked_for_all_the_same(sandbox: SandboxServer, vapi: VapiCarrier) -> None:
    bought = await vapi.buy(offer(None), MARK)
    assert bought.number.startswith(f"+1{ANY_AREA_CODE}")


async def test_no_stock_is_asked_once_more_with_the_first_hinted_area_code(
    sandbox: SandboxServer, vapi: VapiCarrier
) -> None:
    bought = await vapi.buy(offer("907"), MARK)
    bodies = [json.loads(request["body"])["numberDesiredAreaCode"] for request in asked(sandbox, CREATE)]
    assert bodies == ["907", "206"]
    assert bought.number.startswith("+1206")


async def test_a_second_refusal_is_the_last(sandbox: SandboxServer, vapi: VapiCarrier) -> None:
    message = "This area code is currently not available. Hint: Try one of 562, 662, 716."
    fault(sandbox, CREATE, kind="status", status=400, body={"message": message})
    with pytest.raises(OfferGone, match="area code"):
        await vapi.buy(offer(), MARK)
    assert len(asked(sandbox, CREATE)) == 2
    assert held(sandbox) == []


async def test_no_stock_without_a_hint_is_asked_once(sandbox: SandboxServer, vapi: VapiCarrier) -> None:
    sandbox.control.delete("/numbers", params={"carrier": "vapi"}).raise_for_status()
    with pytest.raises(OfferGone):
        await vapi.buy(offer(), MARK)
    assert len(asked(sandbox, CREATE)) == 1


async def test_a_lost_reply_to_the_second_ask_is_unknown_and_found(sandbox: SandboxServer, vapi: VapiCarrier) -> None:
    fault(sandbox, CREATE, kind="drop", when="after", contains='"206"')
    with pytest.raises(OutcomeUnknown):
        await vapi.buy(offer("907"), MARK)
    assert len(asked(sandbox, CREATE)) == 2
    found = None
    while found is None:
        try:
            found = await vapi.find(None, MARK)
        except RetryLater:
            continue
    assert held(sandbox) == [found.number]


async def test_a_number_that_is_not_ready_in_time_is_unknown_and_under_way(
    sandbox: SandboxServer, hasty: VapiCarrier, vapi: VapiCarrier
) -> None:
    with pytest.raises(OutcomeUnknown, match="activating"):
        await hasty.buy(offer(), MARK)
    with pytest.raises(RetryLater, match="not active"):
        await vapi.find(None, MARK)
    assert await vapi.find(None, OTHER) is None
    assert len(asked(sandbox, CREATE)) == 1


async def test_a_record_that_never_gets_its_number_is_removed_so_that_it_can_be_bought_again(
    sandbox: SandboxServer, hasty: VapiCarrier
) -> None:
    switch(sandbox, number_never_arrives=True, seconds_until_active={"vapi": 0})
    with pytest.raises(OutcomeUnknown):
        await hasty.buy(offer(), MARK)
    assert await owned(hasty) == []
    assert await hasty.find(None, OTHER) is None
    assert asked(sandbox, DELETE) == []
    assert await hasty.find(None, MARK) is None
    assert len(asked(sandbox, DELETE)) == 1
    switch(sandbox, number_never_arrives=False)
    bought = await hasty.buy(offer(), MARK)
    assert held(sandbox) == [bought.number]


@pytest.mark.parametrize(
    "rule", [{"kind": "status", "status": 500}, {"kind": "drop"}, {"kind": "status", "status": 401}], ids=str
)
async def test_a_number_that_cannot_be_followed_is_unknown(
    sandbox: SandboxServer, vapi: VapiCarrier, rule: dict[str, Any]
) -> None:
    fault(sandbox, GET, **rule)
    with pytest.raises(OutcomeUnknown):
        await vapi.buy(offer(), MARK)
    assert len(asked(sandbox, CREATE)) == 1
    assert len(held(sandbox)) == 1


async def test_an_answer_without_an_id_is_unknown(sandbox: SandboxServer, vapi: VapiCarrier) -> None:
    fault(sandbox, CREATE, kind="status", status=201, body={"status": "active"}, when="after")
    with pytest.raises(OutcomeUnknown):
        await vapi.buy(offer(), MARK)


async def test_a_blocked_number_needs_a_person(sandbox: SandboxServer, vapi: VapiCarrier) -> None:
    give(sandbox, "+14154872299")
    switch(sandbox, blocked_numbers=["+14154872299"])
    with pytest.raises(ActionRequired, match="blocked"):
        await vapi.find(E164("+14154872299"), MARK)
    assert [number.warnings for number in await owned(vapi)] == [("Vapi says that the number is blocked",)]


async def test_the_sixth_free_number_needs_a_person_and_is_no_trial_limit(
    sandbox: SandboxServer, vapi: VapiCarrier
) -> None:
    give(sandbox, *[f"+1415487229{digit}" for digit in range(5)])
    with pytest.raises(ActionRequired, match="limit") as caught:
        await vapi.buy(offer(), MARK)
    assert caught.value.account_wide
    assert len(held(sandbox)) == 5


async def test_the_second_number_without_a_payment_method_needs_a_person(
    sandbox: SandboxServer, vapi: VapiCarrier
) -> None:
    switch(sandbox, payment_method=False)
    await vapi.buy(offer(), MARK)
    with pytest.raises(ActionRequired) as caught:
        await vapi.buy(offer(), OTHER)
    assert "payment method" in str(caught.value.hint)
    assert caught.value.account_wide
    assert len(held(sandbox)) == 1


# Listing, release


async def test_only_vapis_own_numbers_are_listed(sandbox: SandboxServer, vapi: VapiCarrier) -> None:
    give(sandbox, "+14154872290")
    rows = [
        {"id": "1", "provider": "twilio", "number": "+14155550100"},
        {"id": "2", "provider": "vapi", "number": None},
        {"id": "3", "provider": "vapi", "number": "+14154872291", "assistantId": "a1", "name": "Roma"},
        {"id": "4", "provider": "vapi", "number": "+14154872292", "server": {"url": "https://u:p@h.example/x"}},
        {"id": "5", "provider": "vapi", "number": "reception"},
        {"id": "6", "provider": "vapi", "number": "+14154872293", "serverUrl": "https://old.example/x", "name": 7},
        {"id": "7", "provider": "vapi", "number": "+14154872294", "server": {"url": "http://["}},
    ]
    body = {"results": rows, "metadata": {"hasNextPage": False, "currentPage": 1, "totalItems": 7}}
    assert [number.number for number in await owned(vapi)] == ["+14154872290"]
    fault(sandbox, LIST, kind="status", status=200, body=body)
    assert [(number.ref, number.used_by, number.mark_text) for number in await owned(vapi)] == [
        ("3", "the assistant a1", "Roma"),
        ("4", "the server h.example", ""),
        ("6", "the server old.example", ""),
        ("7", "the server an odd address", ""),
    ]


async def test_a_release_whose_reply_is_lost_can_be_repeated(sandbox: SandboxServer, vapi: VapiCarrier) -> None:
    bought = await vapi.buy(offer(), MARK)
    fault(sandbox, DELETE, kind="drop", when="after", times=1)
    with pytest.raises(RetryLater):
        await vapi.release(bought)
    with pytest.raises(Missing, match="not in this account"):
        await vapi.release(bought)
    assert held(sandbox) == []
