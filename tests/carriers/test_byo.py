"""Your own trunk through its adapter: configured numbers, nothing bought, nothing given back."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.given import given
from tests.support.sandbox_server import SandboxServer
from trunkline.carriers.base import Carrier, Restored
from trunkline.carriers.byo import ByoCarrier
from trunkline.carriers.registry import build_carriers
from trunkline.domain.choosing import Criteria, Offer, OwnedNumber
from trunkline.domain.marks import OwnerMark
from trunkline.domain.numbers import E164
from trunkline.errors import ActionRequired, Missing, Rejected, SettingsError
from trunkline.providers.account import Accounts
from trunkline.sandbox.server import environment
from trunkline.settings import Settings
from trunkline.voice.base import Target
from trunkline.voice.vapi import VapiPlatform

pytestmark = pytest.mark.anyio

MARK = OwnerMark("inst0001", "asg_0001")
FIRST, SECOND = E164("+14155550101"), E164("+442079460102")


def settings(**changes: Any) -> Settings:
    own = {"byo_numbers": f"{FIRST}, +44 20 7946 0102, {FIRST}", "byo_gateway_ips": "192.0.2.2,192.0.2.1"}
    return given(**own | changes)


def build(**changes: Any) -> dict[str, Carrier]:
    configured = settings(carriers="byo", **changes)
    return build_carriers(configured, Accounts(configured))


async def test_it_owns_the_configured_numbers_each_once() -> None:
    byo = ByoCarrier(settings())
    numbers = [number async for number in byo.owned()]
    assert [(number.number, number.ref, number.used_by) for number in numbers] == [
        (FIRST, FIRST, None),
        (SECOND, SECOND, None),
    ]
    assert await byo.find(SECOND, MARK) == numbers[1]
    assert await byo.find(E164("+14155550199"), MARK) is None
    assert await byo.find(None, MARK) is None


async def test_nothing_is_for_sale_and_the_reason_says_what_to_do() -> None:
    byo = ByoCarrier(settings())
    assert await byo.offered_types("US") == frozenset()
    for attempt in (byo.search(Criteria(), "US", 5), byo.buy(Offer(FIRST, "US"), MARK)):
        with pytest.raises(Rejected, match="BYO_NUMBERS") as caught:
            await attempt
        assert caught.value.provider == "byo"


async def test_a_number_that_is_given_up_stays_yours() -> None:
    byo = ByoCarrier(settings())
    number = await byo.find(FIRST, MARK)
    assert number is not None
    assert await byo.mark(number, MARK) == number
    assert await byo.restore(number, number.urls) == Restored(number)
    with pytest.raises(ActionRequired) as caught:
        await byo.release(number)
    assert caught.value.hint == "take it out of BYO_NUMBERS"
    await byo.close()
    assert await byo.lookup(FIRST) == number


async def test_a_number_that_is_not_listed_any_more_is_missing() -> None:
    byo, taken_out = ByoCarrier(settings()), OwnedNumber(E164("+14155550199"), "")
    for attempt in (byo.release(taken_out), byo.restore(taken_out, {})):
        with pytest.raises(Missing, match="not in this account"):
            await attempt


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"byo_numbers": "12"}, "BYO_NUMBERS: '12'"),
        ({"byo_gateway_ips": "sip.example.com"}, "BYO_GATEWAY_IPS: 'sip.example.com'"),
        ({"byo_gateway_ips": "2001:db8::1"}, "BYO_GATEWAY_IPS"),
        ({"byo_gateway_ips": ""}, "BYO_VAPI_CREDENTIAL_ID"),
    ],
    ids=["number", "host name", "IPv6", "no trunk"],
)
def test_unusable_settings_are_named_at_the_start(changes: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        build(**changes)


def test_it_is_configured_by_its_trunk_also_when_no_number_is_left() -> None:
    assert list(build()) == ["byo"]
    assert list(build(byo_numbers="")) == ["byo"]
    assert build(byo_numbers="", byo_gateway_ips="") == {}


async def test_the_trunk_is_recognised_by_its_gateways_in_any_order() -> None:
    source = ByoCarrier(settings()).import_source()
    assert (source.provider, source.secrets, source.credential_id) == ("byo-phone-number", {}, None)
    assert source.details == {"gateways": [{"ip": "192.0.2.1"}, {"ip": "192.0.2.2"}]}
    assert ByoCarrier(settings(byo_gateway_ips="192.0.2.1,192.0.2.2")).import_source() == source
    assert ByoCarrier(settings(byo_gateway_ips="192.0.2.1")).import_source().account != source.account
    by_hand = ByoCarrier(settings(byo_gateway_ips="", byo_vapi_credential_id="made-by-hand")).import_source()
    assert by_hand.credential_id == "made-by-hand"


async def test_its_numbers_go_into_vapi_on_one_trunk_credential(sandbox: SandboxServer) -> None:
    byo = ByoCarrier(settings())
    here = {name.lower(): value for name, value in environment(sandbox.url).items()}
    for number in (FIRST, SECOND):
        vapi = VapiPlatform(given(**here))
        credential = await vapi.credential(byo.import_source())
        target = Target(await vapi.shared_assistant())
        voice = await vapi.import_number(number, byo.import_source(), credential, target, str(MARK))
        assert (voice.number, voice.ready, voice.provider) == (number, True, "byo-phone-number")
        await vapi.close()
    assert len(sandbox.requests(provider="vapi", operation="credentials.create")) == 1
