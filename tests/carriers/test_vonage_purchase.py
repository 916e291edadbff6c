"""Buying at Vonage: one error code for everything, decided by ownership and balance."""

from __future__ import annotations

from typing import Any

import pytest

from tests.carriers.vonage_account import (
    BUY,
    FAILED,
    LIST,
    MARK,
    NUMBER,
    OFFER,
    account,
    add,
    asked,
    fault,
    held,
    switch,
)
from tests.support.sandbox_server import SandboxServer
from trunkline.carriers.vonage import VonageCarrier, refusal
from trunkline.domain.choosing import Criteria, Offer
from trunkline.errors import (
    ActionRequired,
    OfferGone,
    OutcomeUnknown,
    ProviderError,
    Rejected,
    RetryLater,
)
from trunkline.providers.http import Reply

pytestmark = pytest.mark.anyio

# Buying


async def test_a_purchase_is_one_form_with_the_country_and_no_plus(
    sandbox: SandboxServer, vonage: VonageCarrier
) -> None:
    bought = await vonage.buy(OFFER, MARK)
    assert (bought.number, bought.ref, bought.mark_text) == (NUMBER, "US:14155554001", "")
    assert held(sandbox) == [NUMBER]
    assert [request["operation"] for request in sandbox.requests(provider="vonage")] == [BUY]
    assert asked(sandbox, BUY)[0]["body"] == "country=US&msisdn=14155554001"


async def test_a_420_for_a_number_that_the_account_holds_claims_nothing(
    sandbox: SandboxServer, vonage: VonageCarrier
) -> None:
    await vonage.buy(OFFER, MARK)
    with pytest.raises(OfferGone, match="already holds"):
        await vonage.buy(OFFER, MARK)
    assert [request["status"] for request in asked(sandbox, BUY)] == [200, 420]


async def test_a_420_for_a_number_of_someone_else_is_gone(sandbox: SandboxServer, vonage: VonageCarrier) -> None:
    add(sandbox, account="someone")
    with pytest.raises(OfferGone) as caught:
        await vonage.buy(OFFER, MARK)
    assert (caught.value.vendor_code, caught.value.operation) == ("420", BUY)
    assert held(sandbox) == [NUMBER]


async def test_a_420_on_an_empty_account_needs_credit(sandbox: SandboxServer, vonage: VonageCarrier) -> None:
    account(sandbox, balance="0.10")
    with pytest.raises(ActionRequired) as caught:
        await vonage.buy(OFFER, MARK)
    assert (caught.value.hint, "0.1 EUR" in caught.value.detail) == ("add credit to the Vonage account", True)
    assert held(sandbox) == []


async def test_a_420_that_cannot_be_decided_is_tried_again(sandbox: SandboxServer, vonage: VonageCarrier) -> None:
    add(sandbox, account="someone")
    fault(sandbox, LIST, kind="status", status=503, times=1)
    with pytest.raises(RetryLater):
        await vonage.buy(OFFER, MARK)
    fault(sandbox, "account.balance", kind="drop", times=1)
    with pytest.raises(RetryLater):
        await vonage.buy(OFFER, MARK)
    with pytest.raises(OfferGone):
        await vonage.buy(OFFER, MARK)


async def test_a_country_that_is_sold_by_hand_only_needs_a_person(
    sandbox: SandboxServer, vonage: VonageCarrier
) -> None:
    with pytest.raises(ActionRequired, match="local address") as caught:
        await vonage.buy((await vonage.search(Criteria(), "DE", 1))[0], MARK)
    assert "dashboard" in str(caught.value.hint)
    assert held(sandbox) == []


async def test_an_account_that_was_never_topped_up_needs_a_person(
    sandbox: SandboxServer, vonage: VonageCarrier
) -> None:
    account(sandbox, trial=True)
    switch(sandbox, trial_may_buy=False)
    with pytest.raises(ActionRequired) as caught:
        await vonage.buy(OFFER, MARK)
    assert "topped up" in str(caught.value.hint)


async def test_failures_inside_a_200_are_failures(sandbox: SandboxServer, vonage: VonageCarrier) -> None:
    switch(sandbox, error_in_200=True)
    add(sandbox, account="someone")
    with pytest.raises(OfferGone):
        await vonage.buy(OFFER, MARK)
    add(sandbox)
    with pytest.raises(OfferGone, match="already holds"):
        await vonage.buy(OFFER, MARK)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"error-code": "401", "error-code-label": "authentication failed"}, ActionRequired),
        ({"error-code": "429", "error-code-label": "slow down"}, RetryLater),
        ({"error-code": "500", "error-code-label": "internal error"}, OutcomeUnknown),
        ({}, OutcomeUnknown),
    ],
    ids=["401", "429", "500", "nothing"],
)
async def test_other_codes_inside_a_200_have_their_class(
    sandbox: SandboxServer, vonage: VonageCarrier, body: dict[str, Any], kind: type[ProviderError]
) -> None:
    fault(sandbox, BUY, kind="status", status=200, body=body)
    with pytest.raises(kind) as caught:
        await vonage.buy(OFFER, MARK)
    assert (type(caught.value), caught.value.provider, caught.value.operation) == (kind, "vonage", BUY)
    assert len(asked(sandbox, BUY)) == 1


async def test_an_offer_without_a_number_is_rejected(vonage: VonageCarrier) -> None:
    with pytest.raises(Rejected, match="exact"):
        await vonage.buy(Offer(None, "US"), MARK)


async def test_a_number_that_is_not_listed_yet_is_found_a_moment_later(
    sandbox: SandboxServer, vonage: VonageCarrier
) -> None:
    switch(sandbox, listing_lag=1)
    fault(sandbox, BUY, kind="drop", when="after", times=1)
    with pytest.raises(OutcomeUnknown):
        await vonage.buy(OFFER, MARK)
    assert await vonage.find(NUMBER, MARK) is None
    found = await vonage.find(NUMBER, MARK)
    assert found is not None
    assert found.number == NUMBER


async def test_without_a_number_nothing_is_found_because_vonage_keeps_no_mark(
    sandbox: SandboxServer, vonage: VonageCarrier
) -> None:
    await vonage.buy(OFFER, MARK)
    assert not vonage.capabilities.owner_mark
    assert await vonage.find(None, MARK) is None
    assert asked(sandbox, LIST) == []


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"country": "Is required."}, Rejected),
        (401, {"error-code": "401", "error-code-label": "authentication failed"}, ActionRequired),
        (402, {"error-code": "402"}, ActionRequired),
        (420, {"error-code": "420", "error-code-label": "requires a valid local address"}, ActionRequired),
        (420, None, Rejected),
        (420, "<html>", Rejected),
    ],
)
def test_each_refusal_has_its_class(status: int, body: Any, kind: type[ProviderError]) -> None:
    error = refusal(Reply(status, body))
    assert isinstance(error, kind)
    assert error.vendor_code == str(status)
    assert (error.hint is None) == (kind is Rejected)
    assert error.account_wide is (status in (401, 402))


def test_vonages_own_words_are_kept_field_by_field() -> None:
    error = refusal(Reply(400, {"country": "Is required.", "msisdn": "Is invalid."}))
    assert error is not None
    assert "country: Is required.; msisdn: Is invalid." in error.detail


@pytest.mark.parametrize(("status", "body"), [(403, "<html>"), (401, None), (404, "<html>"), (403, {"cf": "blocked"})])
def test_what_is_not_vonages_own_is_not_about_our_keys(status: int, body: Any) -> None:
    assert refusal(Reply(status, body)) is None


async def test_what_is_due_at_once_counts_where_credit_runs_out(sandbox: SandboxServer, vonage: VonageCarrier) -> None:
    add(sandbox, account=None, price="0.90", upfront="30.00")
    account(sandbox, balance="20.00")
    (offer,) = [o for o in await vonage.search(Criteria(contains="4155554001"), "US", 5) if o.number == NUMBER]
    assert offer.price() == "0.90 EUR a month and 30.00 EUR at once"
    with pytest.raises(ActionRequired, match=r"20\.0+ EUR of 30\.90") as caught:
        await vonage.buy(offer, MARK)
    assert caught.value.account_wide
    account(sandbox, balance="20.00", extra={"auto_reload": True})
    fault(sandbox, BUY, kind="status", status=420, body=FAILED, times=1)
    with pytest.raises(OfferGone):
        await vonage.buy(offer, MARK)
    assert (await vonage.buy(offer, MARK)).number == NUMBER
