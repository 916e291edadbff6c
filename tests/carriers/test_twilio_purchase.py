"""Buying at Twilio: the exact number, marked, once; every refusal by what to do next; what the account held already."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import httpx2
import pytest

from tests.carriers.twilio_account import (
    GERMAN,
    MARK,
    NUMBER,
    OFFER,
    Build,
    account,
    asked,
    fault,
    hold,
    record,
    refuse,
    switch,
)
from tests.support.sandbox_server import SandboxServer
from trunkline.carriers.twilio import TwilioCarrier
from trunkline.domain.choosing import Criteria, Offer
from trunkline.domain.marks import OwnerMark
from trunkline.domain.numbers import E164
from trunkline.errors import (
    ActionRequired,
    AddressDoesNotFit,
    OfferGone,
    OutcomeUnknown,
    ProviderError,
    Rejected,
    TrialLimit,
    WrongNumber,
)
from trunkline.sandbox import twilio as wire

pytestmark = pytest.mark.anyio


async def test_a_purchase_names_the_exact_number_and_carries_the_mark(
    sandbox: SandboxServer, twilio: TwilioCarrier
) -> None:
    bought = await twilio.buy(OFFER, MARK)
    (request,) = sandbox.requests()
    assert parse_qs(request["body"]) == {"PhoneNumber": [NUMBER], "FriendlyName": [str(MARK)]}
    assert (bought.number, bought.ref, bought.mark_text) == (NUMBER, record(sandbox)["sid"], str(MARK))
    assert bought.used_by is None
    assert bought.voice


async def test_papers_go_with_the_purchase_where_they_are_set(sandbox: SandboxServer, build_twilio: Build) -> None:
    address, bundle = "AD" + "1" * 32, "BU" + "2" * 32
    twilio = build_twilio(twilio_address_sid=f"DE={address}", twilio_bundle_sid=f"DE={bundle}")
    await twilio.buy(GERMAN, MARK)
    held = record(sandbox, GERMAN.label())
    assert (held["address_sid"], held["bundle_sid"]) == (address, bundle)
    await twilio.buy(OFFER, MARK)
    assert record(sandbox)["address_sid"] is None


async def test_a_missing_address_names_the_setting(sandbox: SandboxServer, twilio: TwilioCarrier) -> None:
    (offer,) = await twilio.search(Criteria(), "DE", 1)
    assert offer.needs == ("address",)
    with pytest.raises(ActionRequired, match="wants an address") as caught:
        await twilio.buy(offer, MARK)
    assert caught.value.vendor_code == "21631"
    assert "TWILIO_ADDRESS_SID=DE=AD..." in str(caught.value.hint)
    assert sandbox.held("twilio") == []


def address(sandbox: SandboxServer, city: str, region: str = "England") -> str:
    """An address of the account in Great Britain; its SID."""
    where = {"Street": "1", "PostalCode": "1", "Region": region, "IsoCountry": "GB"}
    url = f"{sandbox.url}/2010-04-01/Accounts/{wire.DEFAULT_ACCOUNT}/Addresses.json"
    login = (wire.DEFAULT_ACCOUNT, wire.DEFAULT_SECRET)
    made = httpx2.post(url, data={"CustomerName": "Roma", "City": city, **where}, auth=login).raise_for_status()
    return str(made.json()["sid"])


TOWNS = {"Leeds": "+441132000001", "York": "+441904000001", "Swansea": "+441792000001"}


@pytest.fixture
def in_towns(sandbox: SandboxServer) -> None:
    """Numbers of three towns, one of them in Wales, that want an address near by."""
    sandbox.reset(stock=False)
    row = {"carrier": "twilio", "country": "GB", "address": "local"}
    regions = {"Leeds": "England", "York": "England", "Swansea": "Wales"}
    stock = [row | {"number": number, "locality": town, "region": regions[town]} for town, number in TOWNS.items()]
    sandbox.control.post("/numbers", json=stock).raise_for_status()


async def test_numbers_of_the_town_of_the_address_are_offered_first(
    sandbox: SandboxServer, build_twilio: Build, in_towns: None
) -> None:
    twilio = build_twilio(twilio_address_sid=f"GB={address(sandbox, 'york')}")
    for _ in range(2):
        assert [offer.number for offer in await twilio.search(Criteria(), "GB", 5)] == [TOWNS["York"]]
    assert len(asked(sandbox, "addresses.fetch")) == 1
    sandbox.fault(provider="twilio", operation="addresses.fetch", kind="status", status=503)
    unread = build_twilio(twilio_address_sid=f"GB={address(sandbox, 'York')}")
    assert len(await unread.search(Criteria(), "GB", 5)) == 3


async def test_an_address_that_does_not_fit_a_town_is_tried_on_numbers_of_others(
    sandbox: SandboxServer, build_twilio: Build, in_towns: None
) -> None:
    switch(sandbox, twilio_local_address="region")
    twilio = build_twilio(twilio_address_sid=f"GB={address(sandbox, 'Cardiff', 'Wales')}")
    for town in ("Leeds", "York"):
        offer = next(o for o in await twilio.search(Criteria(), "GB", 5) if o.number == TOWNS[town])
        with pytest.raises(AddressDoesNotFit) as caught:
            await twilio.buy(offer, MARK)
        assert isinstance(caught.value, Rejected)
        assert isinstance(caught.value, ActionRequired)
        assert (caught.value.vendor_code, caught.value.operation) == ("21615", "buy")
    assert "an address in Leeds, York: set TWILIO_ADDRESS_SID=GB=AD..." in str(caught.value.hint)
    (offer,) = await twilio.search(Criteria(), "GB", 1)
    assert (await twilio.buy(offer, MARK)).number == TOWNS["Swansea"]


async def test_an_address_of_another_account_is_named(sandbox: SandboxServer, build_twilio: Build) -> None:
    switch(sandbox, twilio_unknown_address="refuse")
    with pytest.raises(ActionRequired) as caught:
        await build_twilio(twilio_address_sid="DE=AD" + "1" * 32).buy(GERMAN, MARK)
    assert caught.value.vendor_code == "21651"
    assert "TWILIO_ADDRESS_SID=DE=" in str(caught.value.hint)


async def test_a_missing_bundle_names_the_setting_and_shows_in_later_offers(
    sandbox: SandboxServer, build_twilio: Build
) -> None:
    twilio = build_twilio(twilio_address_sid="AD" + "1" * 32)
    with pytest.raises(ActionRequired, match="wants a regulatory bundle") as caught:
        await twilio.buy(GERMAN, MARK)
    assert caught.value.vendor_code == "21649"
    assert "TWILIO_BUNDLE_SID=DE=BU..." in str(caught.value.hint)
    assert [offer.needs for offer in await twilio.search(Criteria(), "DE", 1)] == [("address", "bundle")]
    assert [offer.needs for offer in await twilio.search(Criteria(), "US", 1)] == [()]


async def test_a_number_that_somebody_else_has_is_gone(sandbox: SandboxServer, twilio: TwilioCarrier) -> None:
    row = {"carrier": "twilio", "number": NUMBER, "account": "AC" + "f" * 32}
    sandbox.control.post("/numbers", json=row).raise_for_status()
    with pytest.raises(OfferGone) as caught:
        await twilio.buy(OFFER, MARK)
    assert caught.value.vendor_code == "21422"


async def test_a_trial_account_holds_one_number_until_it_is_upgraded(
    sandbox: SandboxServer, twilio: TwilioCarrier
) -> None:
    account(sandbox, trial=True)
    await twilio.buy(OFFER, MARK)
    second = Offer(E164("+14155550101"), "US")
    for code in (21404, 10002):
        switch(sandbox, twilio_trial_limit=code)
        with pytest.raises(TrialLimit) as caught:
            await twilio.buy(second, MARK)
        assert caught.value.vendor_code == str(code)
    account(sandbox, trial=False)
    assert (await twilio.buy(second, MARK)).number == second.number


async def test_an_unverified_trial_is_not_the_limit(sandbox: SandboxServer, twilio: TwilioCarrier) -> None:
    account(sandbox, trial=True)
    switch(sandbox, twilio_trial_verified=False)
    with pytest.raises(ActionRequired, match="must verify a phone number") as caught:
        await twilio.buy(OFFER, MARK)
    assert caught.value.vendor_code == "21404"
    assert "Verified Caller IDs" in str(caught.value.hint)


REFUSALS: list[tuple[int, int, type[ProviderError], str]] = [
    (21421, 400, Rejected, ""),
    (21452, 400, Rejected, ""),
    (29999, 400, Rejected, ""),
    (21422, 400, OfferGone, ""),
    (21404, 400, TrialLimit, "upgrade"),
    (10002, 400, TrialLimit, "upgrade"),
    (21613, 400, ActionRequired, "TWILIO_ADDRESS_SID"),
    (21615, 400, ActionRequired, "TWILIO_ADDRESS_SID"),
    (21631, 400, ActionRequired, "TWILIO_ADDRESS_SID"),
    (21649, 400, ActionRequired, "TWILIO_BUNDLE_SID"),
    (21650, 400, ActionRequired, "TWILIO_BUNDLE_SID"),
    (21651, 400, ActionRequired, "TWILIO_BUNDLE_SID"),
    (20003, 401, ActionRequired, "TWILIO_AUTH_TOKEN"),
    (20008, 403, ActionRequired, "live"),
    (20005, 400, ActionRequired, "funds"),
    (10001, 400, ActionRequired, "funds"),
    (22300, 400, ActionRequired, "support"),
    (70051, 403, ActionRequired, "permission"),
    (29999, 403, ActionRequired, "twilio"),
]


@pytest.mark.parametrize(
    ("code", "status", "expected", "hint"), REFUSALS, ids=lambda value: getattr(value, "__name__", str(value))
)
async def test_each_refusal_says_what_to_do_next(
    sandbox: SandboxServer, twilio: TwilioCarrier, code: int, status: int, expected: type[ProviderError], hint: str
) -> None:
    refuse(sandbox, code, "words of Twilio", status)
    with pytest.raises(ProviderError) as caught:
        await twilio.buy(OFFER, MARK)
    assert type(caught.value) is expected
    assert caught.value.account_wide is (code in (20003, 20008, 20005, 10001, 22300, 70051) or status == 403)
    assert hint in (caught.value.hint or "")
    assert (caught.value.provider, caught.value.operation) == ("twilio", "buy")
    assert len(asked(sandbox, "incoming_numbers.create")) == 1


@pytest.mark.parametrize("body", [{}, [], {"sid": "PN1", "phone_number": ""}, {"phone_number": NUMBER}])
async def test_a_success_that_cannot_be_read_is_outcome_unknown(
    sandbox: SandboxServer, twilio: TwilioCarrier, body: Any
) -> None:
    fault(sandbox, "incoming_numbers.create", kind="status", status=201, body=body, when="after")
    with pytest.raises(OutcomeUnknown):
        await twilio.buy(OFFER, MARK)
    assert (await twilio.find(NUMBER, MARK)) is not None


async def test_another_number_than_asked_is_told_as_sold(sandbox: SandboxServer, twilio: TwilioCarrier) -> None:
    reply = {"sid": "PN" + "1" * 32, "phone_number": "+14155550199", "friendly_name": str(MARK), "account_sid": "AC1"}
    fault(sandbox, "incoming_numbers.create", kind="status", status=201, body=reply)
    with pytest.raises(WrongNumber, match=r"\+14155550199 instead of \+14155550100") as caught:
        await twilio.buy(OFFER, MARK)
    sold = caught.value.sold
    assert (sold.number, sold.ref, sold.mark_text, sold.account) == ("+14155550199", reply["sid"], str(MARK), "AC1")


async def test_a_number_in_another_notation_is_the_number(sandbox: SandboxServer, twilio: TwilioCarrier) -> None:
    reply = {"sid": "PN" + "1" * 32, "phone_number": "+1 (415) 555-0100", "friendly_name": str(MARK)}
    fault(sandbox, "incoming_numbers.create", kind="status", status=201, body=reply)
    assert (await twilio.buy(OFFER, MARK)).number == NUMBER


async def test_an_offer_without_a_number_is_refused_unasked(sandbox: SandboxServer, twilio: TwilioCarrier) -> None:
    with pytest.raises(Rejected):
        await twilio.buy(Offer(None, "US"), MARK)
    assert sandbox.requests() == []


# A purchase of what the account holds already is answered 201.


@pytest.mark.parametrize("rebuy", ["update", "ignore"])
async def test_an_idle_number_of_the_account_is_adopted(
    sandbox: SandboxServer, twilio: TwilioCarrier, rebuy: str
) -> None:
    switch(sandbox, twilio_rebuy=rebuy)
    hold(sandbox, voice_url="https://demo.twilio.com/welcome/voice/")
    bought = await twilio.buy(OFFER, MARK)
    assert (bought.number, bought.used_by) == (NUMBER, None)
    assert len(sandbox.held("twilio")) == 1


@pytest.mark.parametrize("rebuy", ["update", "ignore"])
async def test_a_number_that_answers_for_something_else_is_not_taken(
    sandbox: SandboxServer, twilio: TwilioCarrier, rebuy: str
) -> None:
    switch(sandbox, twilio_rebuy=rebuy)
    hold(sandbox, voice_url="https://pbx.example.com/answer", friendly_name="front desk")
    with pytest.raises(OfferGone, match="already holds"):
        await twilio.buy(OFFER, MARK)
    found = await twilio.find(NUMBER, MARK)
    assert found is not None
    assert found.mark_text == ("(415) 555-0100" if rebuy == "update" else "front desk")
    assert record(sandbox)["voice_url"] == "https://pbx.example.com/answer"


async def test_a_number_with_the_mark_of_another_installation_is_not_taken(
    sandbox: SandboxServer, twilio: TwilioCarrier
) -> None:
    switch(sandbox, twilio_rebuy="ignore")
    theirs = str(OwnerMark("other001", "asg_9"))
    hold(sandbox, friendly_name=theirs)
    with pytest.raises(OfferGone):
        await twilio.buy(OFFER, MARK)
    assert record(sandbox)["friendly_name"] == theirs
