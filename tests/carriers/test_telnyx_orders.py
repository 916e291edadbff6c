"""Telnyx's orders through its adapter: they take their time, are refused by code, and are found again."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from tests.carriers.telnyx_account import (
    CREATE,
    GET,
    MARK,
    OTHER,
    SEARCH,
    account,
    asked,
    build,
    fault,
    give,
    held,
    offer_of,
    switch,
)
from tests.support.sandbox_server import SandboxServer
from trunkline.carriers.telnyx import TelnyxCarrier
from trunkline.carriers.telnyx_wire import refusal
from trunkline.domain.choosing import Criteria, Offer
from trunkline.domain.numbers import E164
from trunkline.errors import (
    ActionRequired,
    Missing,
    OfferGone,
    OutcomeUnknown,
    ProviderError,
    Rejected,
    RetryLater,
    TrialLimit,
    WrongNumber,
)
from trunkline.providers.http import Reply

pytestmark = pytest.mark.anyio

# Buying


async def test_an_order_carries_the_mark_and_no_connection_and_is_followed_to_the_number(
    sandbox: SandboxServer, telnyx: TelnyxCarrier
) -> None:
    bought = await telnyx.buy(await offer_of(telnyx), MARK)
    (order,) = asked(sandbox, CREATE)
    assert order["body"].replace(" ", "") == (
        f'{{"phone_numbers":[{{"phone_number":"{bought.number}"}}],"customer_reference":"{MARK}"}}'
    )
    # The line of an order has an id of its own: a UUID, where the number's is decimal.
    assert bought.ref == sandbox.held("telnyx")[0]["wire"]["id"]
    assert bought.ref.isdigit()
    assert (bought.mark_text, bought.used_by, bought.urls, bought.warnings) == (
        str(MARK),
        None,
        {"connection_id": ""},
        (),
    )


async def test_an_order_that_answers_404_at_first_is_followed(sandbox: SandboxServer, telnyx: TelnyxCarrier) -> None:
    switch(sandbox, order_unseen_polls=2, order_polls=0)
    assert (await telnyx.buy(await offer_of(telnyx), MARK)).ref.isdigit()
    assert [request["status"] for request in asked(sandbox, GET)] == [404, 404, 200]


async def test_a_number_that_shows_later_than_its_order_is_waited_for(
    sandbox: SandboxServer, telnyx: TelnyxCarrier
) -> None:
    switch(sandbox, order_polls=0, number_unseen_polls=1)
    assert (await telnyx.buy(await offer_of(telnyx), MARK)).ref.isdigit()


async def test_a_number_that_never_shows_is_a_purchase_all_the_same_and_can_be_released(
    sandbox: SandboxServer, hasty_telnyx: TelnyxCarrier
) -> None:
    switch(sandbox, order_polls=0, number_unseen_polls=6)
    offer = await offer_of(hasty_telnyx)
    bought = await hasty_telnyx.buy(offer, MARK)
    assert (bought.number, bought.ref, bought.mark_text) == (offer.number, offer.number, str(MARK))
    found = await hasty_telnyx.find(None, MARK)
    assert found is not None
    assert found.number == offer.number
    while not [number async for number in hasty_telnyx.owned()]:
        pass
    await hasty_telnyx.release(bought)
    assert held(sandbox) == []
    with pytest.raises(Missing):
        await hasty_telnyx.release(bought)


async def test_a_pending_order_is_unknown_then_retry_later_then_found(
    sandbox: SandboxServer, hasty_telnyx: TelnyxCarrier
) -> None:
    switch(sandbox, order_polls=20)
    offer = await offer_of(hasty_telnyx)
    with pytest.raises(OutcomeUnknown, match="pending"):
        await hasty_telnyx.buy(offer, MARK)
    with pytest.raises(RetryLater, match="pending"):
        await hasty_telnyx.find(offer.number, MARK)
    with pytest.raises(RetryLater):
        await hasty_telnyx.find(None, MARK)
    found = None
    while found is None:
        try:
            found = await hasty_telnyx.find(None, MARK)
        except RetryLater:
            continue
    assert (found.number, found.mark_text) == (offer.number, str(MARK))
    assert held(sandbox) == [offer.number]
    assert len(asked(sandbox, CREATE)) == 1


async def test_an_order_that_fails_is_gone_and_not_found(sandbox: SandboxServer, telnyx: TelnyxCarrier) -> None:
    switch(sandbox, order_polls=0, order_result="failure")
    offer = await offer_of(telnyx)
    with pytest.raises(OfferGone, match="failure"):
        await telnyx.buy(offer, MARK)
    assert await telnyx.find(offer.number, MARK) is None
    assert held(sandbox) == []


@pytest.mark.parametrize(
    "rule",
    [{"kind": "status", "status": 500}, {"kind": "status", "status": 401}, {"kind": "drop"}, {"kind": "hold"}],
    ids=["500", "401", "dropped", "no answer"],
)
async def test_an_order_that_cannot_be_followed_is_unknown_and_found_later(
    sandbox: SandboxServer, hasty_telnyx: TelnyxCarrier, telnyx: TelnyxCarrier, rule: dict[str, Any]
) -> None:
    switch(sandbox, order_polls=0)
    offer = await offer_of(telnyx)
    fault(sandbox, GET, **rule, times=1)
    with pytest.raises(OutcomeUnknown):
        await (hasty_telnyx if rule["kind"] == "hold" else telnyx).buy(offer, MARK)
    found = await telnyx.find(offer.number, MARK)
    assert found is not None
    assert found.mark_text == str(MARK)
    assert len(asked(sandbox, CREATE)) == 1


@pytest.mark.parametrize("body", [{}, {"data": []}, {"data": {"id": "1"}}])
async def test_an_order_whose_answer_cannot_be_read_is_unknown(
    sandbox: SandboxServer, telnyx: TelnyxCarrier, body: dict[str, Any]
) -> None:
    offer = await offer_of(telnyx)
    fault(sandbox, CREATE, kind="status", status=200, body=body, when="after")
    with pytest.raises(OutcomeUnknown):
        await telnyx.buy(offer, MARK)


async def test_a_number_without_our_reference_is_recognised_by_its_order(
    sandbox: SandboxServer, telnyx: TelnyxCarrier
) -> None:
    switch(sandbox, order_polls=0, reference_on_numbers=False)
    bought = await telnyx.buy(await offer_of(telnyx), MARK)
    assert bought.mark_text == str(MARK)
    for number in (bought.number, None):
        found = await telnyx.find(number, MARK)
        assert found is not None
        assert (found.number, found.mark_text) == (bought.number, str(MARK))
    assert await telnyx.find(None, OTHER) is None


async def test_an_offer_without_a_number_is_rejected(telnyx: TelnyxCarrier) -> None:
    with pytest.raises(Rejected, match="exact"):
        await telnyx.buy(Offer(None, "US"), MARK)


# Papers


@pytest.mark.parametrize("cancelled_status", ["failure", "cancelled"])
async def test_an_order_that_waits_for_papers_is_cancelled_and_says_which_setting_is_missing(
    sandbox: SandboxServer, telnyx: TelnyxCarrier, cancelled_status: str
) -> None:
    switch(sandbox, cancelled_status=cancelled_status)
    offer = await offer_of(telnyx, "GB")
    with pytest.raises(ActionRequired) as caught:
        await telnyx.buy(offer, MARK)
    assert "TELNYX_REQUIREMENT_GROUP_ID=GB=" in str(caught.value.hint)
    assert len(asked(sandbox, "sub_number_orders.cancel")) == 1
    assert held(sandbox) == []
    assert await telnyx.find(offer.number, MARK) is None


async def test_a_requirement_group_of_the_country_is_sent_along(sandbox: SandboxServer) -> None:
    telnyx = build(sandbox, telnyx_requirement_group_id="GB=group-1")
    assert (await telnyx.buy(await offer_of(telnyx, "GB"), MARK)).number in held(sandbox)
    await telnyx.buy(await offer_of(telnyx), OTHER)
    groups = ["group-1" in order["body"] for order in asked(sandbox, CREATE)]
    assert groups == [True, False]
    await telnyx.close()


async def test_papers_that_keep_an_order_back_are_found_out_after_a_lost_reply(
    sandbox: SandboxServer, telnyx: TelnyxCarrier
) -> None:
    offer = await offer_of(telnyx, "DE")
    fault(sandbox, CREATE, kind="drop", when="after")
    with pytest.raises(OutcomeUnknown):
        await telnyx.buy(offer, MARK)
    with pytest.raises(ActionRequired, match="papers"):
        await telnyx.find(offer.number, MARK)
    assert await telnyx.find(offer.number, MARK) is None
    assert held(sandbox) == []


async def order_with_papers(sandbox: SandboxServer, **review: Any) -> tuple[TelnyxCarrier, E164, str]:
    """An order that a group of papers has gone with, and what was said of it."""
    switch(sandbox, **review)
    telnyx = build(sandbox, telnyx_requirement_group_id="GB=group-1", provider_timeout_seconds=0.3)
    offer = await offer_of(telnyx, "GB")
    assert offer.number is not None
    with pytest.raises(OutcomeUnknown) as caught:
        await telnyx.buy(offer, MARK)
    return telnyx, offer.number, caught.value.detail


async def test_an_order_whose_papers_are_looked_at_is_followed_to_its_end(sandbox: SandboxServer) -> None:
    telnyx, number, said = await order_with_papers(sandbox, review_seconds=0.5)
    assert "looks at the papers" in said
    found = None
    while found is None:
        with suppress(RetryLater):
            found = await telnyx.find(number, MARK)
    assert found.number == number
    assert asked(sandbox, "sub_number_orders.cancel") == []
    await telnyx.close()


async def test_an_order_whose_papers_were_not_taken_is_a_persons_and_is_never_cancelled(
    sandbox: SandboxServer,
) -> None:
    telnyx, number, said = await order_with_papers(sandbox, review_result="exception")
    assert "wants other papers" in said
    with pytest.raises(RetryLater, match="wants other papers") as caught:
        await telnyx.find(number, MARK)
    assert "portal" in str(caught.value.hint)
    no_group = build(sandbox)
    with pytest.raises(RetryLater, match="wants other papers"):
        await no_group.find(number, MARK)
    await no_group.close()
    assert held(sandbox) == [number]
    assert asked(sandbox, "sub_number_orders.cancel") == []
    await telnyx.close()


async def test_an_order_that_cannot_be_cancelled_stays_open(sandbox: SandboxServer, telnyx: TelnyxCarrier) -> None:
    offer = await offer_of(telnyx, "FR")
    fault(sandbox, "sub_number_orders.cancel", kind="status", status=503, times=2)
    with pytest.raises(OutcomeUnknown, match="could not be cancelled"):
        await telnyx.buy(offer, MARK)
    with pytest.raises(RetryLater):
        await telnyx.find(offer.number, MARK)
    with pytest.raises(ActionRequired):
        await telnyx.find(offer.number, MARK)
    assert held(sandbox) == []


# Refusals


async def test_a_number_that_was_not_searched_is_searched_and_ordered_once_more(
    sandbox: SandboxServer, telnyx: TelnyxCarrier
) -> None:
    number = E164("+12065553007")
    assert (await telnyx.buy(Offer(number, "US"), MARK)).number == number
    assert [order["status"] for order in asked(sandbox, CREATE)] == [422, 200]
    assert len(asked(sandbox, SEARCH)) == 1


async def test_a_number_that_the_search_no_longer_shows_is_gone(sandbox: SandboxServer, telnyx: TelnyxCarrier) -> None:
    with pytest.raises(OfferGone) as caught:
        await telnyx.buy(Offer(E164("+12065550000"), "US"), MARK)
    assert caught.value.vendor_code == "85000"
    assert len(asked(sandbox, CREATE)) == 1


async def test_a_number_that_stays_unsearched_is_ordered_twice_and_no_more(
    sandbox: SandboxServer, telnyx: TelnyxCarrier
) -> None:
    switch(sandbox, search_seconds=0)
    with pytest.raises(OfferGone):
        await telnyx.buy(await offer_of(telnyx), MARK)
    assert len(asked(sandbox, CREATE)) == 2
    assert held(sandbox) == []


async def test_a_number_that_someone_else_bought_is_gone(sandbox: SandboxServer, telnyx: TelnyxCarrier) -> None:
    offer = await offer_of(telnyx)
    give(sandbox, str(offer.number), account="someone")
    with pytest.raises(OfferGone) as caught:
        await telnyx.buy(offer, MARK)
    assert caught.value.vendor_code == "85001"


async def test_409_is_ours_where_it_carries_our_mark(sandbox: SandboxServer, telnyx: TelnyxCarrier) -> None:
    offer = await offer_of(telnyx)
    first = await telnyx.buy(offer, MARK)
    assert await telnyx.buy(offer, MARK) == first
    with pytest.raises(OfferGone):
        await telnyx.buy(offer, OTHER)
    assert [order["status"] for order in asked(sandbox, CREATE)] == [200, 409, 409]
    assert held(sandbox) == [first.number]


async def test_no_funds_need_a_person(sandbox: SandboxServer, telnyx: TelnyxCarrier) -> None:
    account(sandbox, balance="0.50")
    with pytest.raises(ActionRequired) as caught:
        await telnyx.buy(await offer_of(telnyx), MARK)
    assert (caught.value.vendor_code, "credit" in str(caught.value.hint)) == ("20100", True)
    assert held(sandbox) == []


async def test_an_order_for_another_number_is_told_as_sold(sandbox: SandboxServer, telnyx: TelnyxCarrier) -> None:
    offer = await offer_of(telnyx)
    order = {"id": "1", "status": "pending", "phone_numbers": [{"id": "2", "phone_number": "+14155550199"}]}
    fault(sandbox, CREATE, kind="status", status=200, body={"data": order})
    with pytest.raises(WrongNumber, match=r"\+14155550199 instead of") as caught:
        await telnyx.buy(offer, MARK)
    assert (caught.value.sold.number, caught.value.sold.mark_text) == ("+14155550199", str(MARK))


async def test_a_trial_holds_one_number(sandbox: SandboxServer, telnyx: TelnyxCarrier) -> None:
    account(sandbox, trial=True)
    offers = await telnyx.search(Criteria(), "US", 2)
    first = await telnyx.buy(offers[0], MARK)
    with pytest.raises(TrialLimit) as caught:
        await telnyx.buy(offers[1], OTHER)
    assert caught.value.vendor_code == "10039"
    assert held(sandbox) == [first.number]


@pytest.mark.parametrize(
    ("status", "codes", "kind", "shown"),
    [
        (401, ["10009"], ActionRequired, "10009"),
        (403, ["10010"], ActionRequired, "10010"),
        (403, ["20012"], ActionRequired, "20012"),
        (403, ["20017"], ActionRequired, "20017"),
        (402, ["99999"], ActionRequired, "99999"),
        (403, ["20015"], ActionRequired, "20015"),
        (403, ["10038"], TrialLimit, "10038"),
        (422, ["10015", "85001"], OfferGone, "85001"),
        (422, ["85006"], OfferGone, "85006"),
        (422, ["85007"], OfferGone, "85007"),
        (409, ["10012"], OfferGone, "10012"),
        (404, ["10005"], Missing, "10005"),
        (422, ["10036"], RetryLater, "10036"),
        (422, ["85004"], Rejected, "85004"),
    ],
    ids=str,
)
def test_each_refusal_has_its_class(
    status: int, codes: list[str], kind: type[ProviderError], shown: str | None
) -> None:
    error = refusal(Reply(status, {"errors": [{"code": code, "title": "No", "detail": "because"} for code in codes]}))
    assert error is not None
    assert type(error) is kind or (kind is OfferGone and isinstance(error, OfferGone))
    assert error.vendor_code == shown
    assert error.hint or kind is not ActionRequired
    assert error.account_wide is (kind is ActionRequired)


def test_credit_is_not_the_key() -> None:
    error = refusal(Reply(403, {"errors": [{"code": "20015", "title": "Inactive"}]}))
    assert error is not None
    assert "credit" in str(error.hint)


def test_a_lock_is_not_of_the_account() -> None:
    error = refusal(Reply(422, {"errors": [{"code": "10021", "title": "Locked"}]}))
    assert isinstance(error, ActionRequired)
    assert not error.account_wide


@pytest.mark.parametrize("body", [None, "<html>", [], {"errors": []}, {"errors": "no"}, {"errors": ["no"]}])
def test_what_is_not_in_telnyxs_words_is_told_by_its_status_and_proves_nothing_gone(body: Any) -> None:
    assert isinstance(refusal(Reply(402, body)), ActionRequired)
    assert [refusal(Reply(status, body)) for status in (400, 401, 403, 404, 409, 422)] == [None] * 6
