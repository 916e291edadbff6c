"""Which carrier serves: the order of the settings, what is skipped and why, and when the next one is tried."""

from __future__ import annotations

from decimal import Decimal

import httpx2
import pytest

from tests.support.desk import Desk, Opener
from tests.workflows.test_assign_number import vapi_client
from trunkline.db import runs
from trunkline.sandbox import twilio

pytestmark = pytest.mark.anyio

ALL = ["twilio", "telnyx", "vonage", "vapi"]


async def steps(desk: Desk, assignment_id: str) -> list[tuple[str, str | None, str]]:
    async with desk.services.database.read() as session:
        rows = (await runs.steps(session, [assignment_id]))[assignment_id]
    return [(row.name, row.carrier, row.status) for row in rows]


@pytest.mark.parametrize("carrier", ALL)
async def test_a_pinned_carrier_serves(open_desk: Opener, carrier: str) -> None:
    async with open_desk(carriers=ALL) as desk:
        assignment = await desk.assign(carrier=carrier)
        assert (assignment.status, assignment.source) == ("assigned", "purchased")
        row = await desk.number(assignment.number)
        assert row.carrier == carrier
        assert row.currency == ("EUR" if carrier == "vonage" else "USD")
        assert [h["number"] for h in desk.sandbox.held(carrier)] == [assignment.number]


async def test_the_next_carrier_is_tried_when_one_has_no_stock(open_desk: Opener) -> None:
    async with open_desk(carriers=ALL) as desk:
        desk.sandbox.control.delete("/numbers", params={"carrier": "twilio"})
        assignment = await desk.assign()
        assert (await desk.number(assignment.number)).carrier == "telnyx"
        path = await steps(desk, assignment.id)
        assert ("search", "twilio", "failed") in path
        assert ("purchase", "telnyx", "done") in path


@pytest.mark.parametrize("status", [401, 503], ids=["wrong keys", "down"])
async def test_one_carrier_in_trouble_does_not_disturb_the_others(open_desk: Opener, status: int) -> None:
    async with open_desk(carriers=["twilio", "telnyx"], retry_for_seconds=0.8) as desk:
        desk.sandbox.fault(provider="twilio", status=status)
        assignment = await desk.assign()
        assert assignment.status == "assigned"
        assert (await desk.number(assignment.number)).carrier == "telnyx"


async def test_nothing_is_bought_beside_a_number_that_is_not_in_service_yet(open_desk: Opener) -> None:
    async with open_desk(carriers=["twilio", "telnyx"], retry_for_seconds=0.3) as desk:
        down = desk.sandbox.fault(provider="vapi", operation="phone_numbers.create", status=503)
        first = await desk.assign()
        assert (first.status, first.reason) == ("failed", "voice_platform_unavailable")
        assert [debt.kind for debt in await desk.debts()] == ["bought_not_imported"]
        assert "telnyx number_orders.create" not in desk.operations()
        desk.sandbox.control.delete(f"/faults/{down}")
        again = await desk.again(first.restaurant_id)
        assert [held["number"] for held in desk.sandbox.held("twilio")] == [again.number]


async def test_an_owned_number_that_vapi_cannot_take_now_is_a_reason_to_buy_nowhere(open_desk: Opener) -> None:
    async with open_desk(carriers=["twilio", "telnyx"], retry_for_seconds=0.3) as desk:
        owned = {"carrier": "twilio", "number": "+14155550190", "account": twilio.DEFAULT_ACCOUNT}
        desk.sandbox.control.post("/numbers", json=owned).raise_for_status()
        desk.sandbox.fault(provider="vapi", operation="phone_numbers.create", status=503)
        assignment = await desk.assign()
        assert (assignment.status, assignment.reason) == ("failed", "voice_platform_unavailable")
        assert "telnyx number_orders.create" not in desk.operations()
        assert (await desk.number("+14155550190")).claimed_by is None


@pytest.mark.parametrize("operation", ["fetch", "update"], ids=["looked at", "marked"])
async def test_the_next_carrier_has_a_number_where_an_owned_one_cannot_be_used_now(
    open_desk: Opener, operation: str
) -> None:
    async with open_desk(carriers=["twilio", "telnyx"], retry_for_seconds=0.3) as desk:
        owned = {"carrier": "twilio", "number": "+14155550190", "account": twilio.DEFAULT_ACCOUNT}
        desk.sandbox.control.post("/numbers", json=owned).raise_for_status()
        desk.sandbox.fault(provider="twilio", operation="incoming_numbers.list", status=503, skip=1)
        desk.sandbox.fault(provider="twilio", operation=f"incoming_numbers.{operation}", status=503)
        assignment = await desk.assign()
        assert (assignment.status, (await desk.number(assignment.number)).carrier) == ("assigned", "telnyx")
        assert (await desk.number("+14155550190")).claimed_by is None


async def test_a_trial_limit_goes_on_to_the_next_carrier_before_a_number_is_shared(open_desk: Opener) -> None:
    async with open_desk(carriers=["twilio", "telnyx"]) as desk:
        path = f"/accounts/twilio/{twilio.DEFAULT_ACCOUNT}"
        desk.sandbox.control.put(path, json={"trial": True}).raise_for_status()
        first, second = await desk.assign("first"), await desk.assign("second")
        assert (await desk.number(first.number)).carrier == "twilio"
        assert (second.source, (await desk.number(second.number)).carrier) == ("purchased", "telnyx")


async def test_force_twilio_uses_no_other_carrier(open_desk: Opener) -> None:
    async with open_desk(carriers=["telnyx", "twilio"]) as desk:
        desk.sandbox.control.delete("/numbers", params={"carrier": "twilio"})
        assignment = await desk.assign(force_twilio=True)
        assert (assignment.status, assignment.reason) == ("unassigned", "no_numbers_found")


async def test_a_carrier_that_cannot_meet_the_criteria_is_left_out_with_the_reason(open_desk: Opener) -> None:
    async with open_desk(carriers=["vapi", "twilio"]) as desk:
        assignment = await desk.assign(country="CA")
        assert (await desk.number(assignment.number)).carrier == "twilio"
        assert "vapi has no numbers in CA" in ((await desk.details(assignment))["check_carrier"] or "")


async def test_a_carrier_that_is_not_configured_is_named(desk: Desk) -> None:
    assignment = await desk.assign(carrier="telnyx")
    assert (assignment.status, assignment.reason) == ("unassigned", "carrier_not_configured")
    assert "telnyx" in (assignment.message or "")


async def test_the_cheapest_offer_is_bought_and_its_price_kept(desk: Desk) -> None:
    desk.sandbox.control.delete("/numbers", params={"carrier": "telnyx"})
    assignment = await desk.assign()
    row = await desk.number(assignment.number)
    assert (row.monthly_price, row.currency) == (Decimal("1.15"), "USD")


async def test_an_area_code_alone_is_searched_in_its_country(desk: Desk) -> None:
    assignment = await desk.assign(area_code="416")
    assert (assignment.source, (assignment.number or "")[:5]) == ("purchased", "+1416")
    assert (await desk.number(assignment.number)).country == "CA"


async def test_cheaper_telnyx_numbers_come_first(open_desk: Opener) -> None:
    async with open_desk(carriers=["telnyx"], max_monthly_price="2") as desk:
        desk.sandbox.control.delete("/numbers", params={"carrier": "telnyx"})
        offers = [("+14155550101", "3.00"), ("+14155550102", "1.50"), ("+14155550103", "1.10")]
        stock = [{"carrier": "telnyx", "number": n, "price": price} for n, price in offers]
        desk.sandbox.control.post("/numbers", json=stock).raise_for_status()
        bought = [(await desk.assign(str(n))).number for n in range(2)]
        assert bought == ["+14155550103", "+14155550102"]
        refused = await desk.assign("too dear")
        assert refused.status == "unassigned"
        assert "MAX_MONTHLY_PRICE" in (refused.hint or "")


@pytest.mark.parametrize("country", ["GB", "DE", "FR"])
async def test_a_country_that_wants_papers_says_which_and_takes_them(open_desk: Opener, country: str) -> None:
    async with open_desk() as desk:
        refused = await desk.assign(country=country, number_type="local")
        assert (refused.status, refused.reason) == ("unassigned", "carrier_action_required")
        assert "TWILIO_ADDRESS_SID" in (refused.hint or "") or "TWILIO_BUNDLE_SID" in (refused.hint or "")
    papers = {"twilio_address_sid": f"{country}=AD" + "0" * 32, "twilio_bundle_sid": f"{country}=BU" + "0" * 32}
    async with open_desk(**papers) as desk:
        again = await desk.again(refused.restaurant_id, country=country, number_type="local")
        assert again.status == "assigned", again.message
        assert (await desk.number(again.number)).country == country


@pytest.mark.parametrize(
    ("town", "near", "fits"), [("York", "city", True), ("Rye", "region", True), ("Rye", "city", False)]
)
async def test_an_address_that_fits_no_town_needs_a_person_and_one_that_fits_some_is_enough(
    open_desk: Opener, town: str, near: str, fits: bool
) -> None:
    async with open_desk() as desk:
        desk.sandbox.reset(stock=False)
        with vapi_client(desk.sandbox) as client:
            client.post("/assistant", json={"name": "Restaurant Voice Assistant"}).raise_for_status()
        towns = {"Leeds": "+4411320000", "London": "+4420794600", "York": "+4419040000"}
        in_town = {"carrier": "twilio", "country": "GB", "address": "local"}
        regions = {"Leeds": "Yorkshire", "London": "Greater London", "York": "Sussex"}
        stock = [
            in_town | {"number": f"{area}{n:02}", "locality": name, "region": regions[name]}
            for name, area in towns.items()
            for n in range(3)
        ]
        desk.sandbox.control.put("/switches", json={"twilio_local_address": near}).raise_for_status()
        desk.sandbox.control.post("/numbers", json=stock).raise_for_status()
        sid = address(desk, town)
    async with open_desk(twilio_address_sid=f"GB={sid}") as desk:
        assignment = await desk.assign(country="GB")
        if fits:
            assert (assignment.number or "").startswith(towns["York"])
        else:
            assert (assignment.status, assignment.reason) == ("unassigned", "carrier_action_required")
            assert "an address in Leeds, London, York" in (assignment.hint or "")
            assert desk.sandbox.held("twilio") == []


def address(desk: Desk, town: str) -> str:
    """An address of the Twilio account in Great Britain; its SID."""
    settings = desk.services.settings
    assert settings.twilio_account_sid is not None
    assert settings.twilio_auth_token is not None
    form = {
        "CustomerName": "Roma",
        "Street": "1",
        "City": town,
        "Region": "Sussex",
        "PostalCode": "1",
        "IsoCountry": "GB",
    }
    url = f"{desk.sandbox.url}/2010-04-01/Accounts/{settings.twilio_account_sid}/Addresses.json"
    login = (settings.twilio_account_sid, settings.twilio_auth_token.get_secret_value())
    return str(httpx2.post(url, data=form, auth=login).raise_for_status().json()["sid"])


async def test_an_own_trunk_number_is_put_in_service(open_desk: Opener) -> None:
    trunk = {"byo_numbers": ["+14155557700"], "byo_gateway_ips": ["203.0.113.7"], "carriers": ["byo"]}
    async with open_desk(**trunk) as desk:
        assignment = await desk.assign()
        assert (assignment.status, assignment.source, assignment.number) == ("assigned", "owned", "+14155557700")
        short = await desk.assign("second")
        assert short.status == "unassigned"
