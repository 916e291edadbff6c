"""What each carrier says of its account."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.support.given import given
from tests.support.sandbox_server import SandboxServer
from trunkline.carriers.base import AccountState, Carrier
from trunkline.carriers.registry import CARRIERS
from trunkline.errors import ActionRequired
from trunkline.sandbox import telnyx, twilio, vonage
from trunkline.sandbox.server import environment

pytestmark = pytest.mark.anyio

Open = Callable[..., Carrier]
API_KEY = {
    "twilio_auth_token": None,
    "twilio_api_key": twilio.DEFAULT_API_KEY,
    "twilio_api_secret": twilio.DEFAULT_API_SECRET,
}


@pytest.fixture
async def opened(sandbox: SandboxServer) -> AsyncIterator[Open]:
    carriers: list[Carrier] = []

    def new(name: str, **changes: Any) -> Carrier:
        keys = {key.lower(): value for key, value in environment(sandbox.url).items()}
        carriers.append(CARRIERS[name](given(**keys | changes)))
        return carriers[-1]

    yield new
    for carrier in carriers:
        await carrier.close()


def account(sandbox: SandboxServer, carrier: str, name: str, **changes: Any) -> None:
    sandbox.control.put(f"/accounts/{carrier}/{name}", json=changes).raise_for_status()


@pytest.mark.parametrize("trial", [True, False])
async def test_twilio_says_trial_or_full_and_the_balance(sandbox: SandboxServer, opened: Open, trial: bool) -> None:
    account(sandbox, "twilio", twilio.DEFAULT_ACCOUNT, trial=trial, balance="12.50")
    told = await opened("twilio").account()
    assert told == AccountState("trial" if trial else "full", True, Decimal("12.50"), "USD")


async def test_twilios_account_is_told_without_a_balance_that_cannot_be_read(
    sandbox: SandboxServer, opened: Open
) -> None:
    sandbox.fault(provider="twilio", operation="balance.fetch", kind="status", status=404)
    assert await opened("twilio").account() == AccountState("full")


async def test_an_api_key_that_may_not_read_the_account_is_tried_on_the_numbers(
    sandbox: SandboxServer, opened: Open
) -> None:
    assert await opened("twilio", **API_KEY).account() == AccountState()
    assert [r["operation"] for r in sandbox.requests()] == ["accounts.fetch", "incoming_numbers.list"]


async def test_telnyx_and_vonage_say_their_balance(sandbox: SandboxServer, opened: Open) -> None:
    account(sandbox, "telnyx", telnyx.DEFAULT_ACCOUNT, balance="3.25")
    account(sandbox, "vonage", vonage.DEFAULT_ACCOUNT, balance="4.75")
    assert await opened("telnyx").account() == AccountState(balance=Decimal("3.25"), currency="USD")
    assert await opened("vonage").account() == AccountState(balance=Decimal("4.75"), currency="EUR")
    account(sandbox, "vonage", vonage.DEFAULT_ACCOUNT, extra={"auto_reload": True})
    state = await opened("vonage").account()
    assert state is not None
    assert state.refills


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("twilio", {"twilio_auth_token": "wrong"}),
        ("twilio", API_KEY | {"twilio_api_secret": "wrong"}),
        ("telnyx", {"telnyx_api_key": "wrong"}),
        ("vonage", {"vonage_api_secret": "wrong"}),
    ],
)
async def test_wrong_keys_need_a_person(opened: Open, name: str, changes: dict[str, Any]) -> None:
    with pytest.raises(ActionRequired) as caught:
        await opened(name, **changes).account()
    assert name.upper() in str(caught.value.hint).upper()


async def test_carriers_without_an_account_of_their_own_ask_nobody(sandbox: SandboxServer, opened: Open) -> None:
    byo = opened("byo", byo_numbers="+14155550100", byo_gateway_ips="203.0.113.7")
    assert [await byo.account(), await opened("vapi").account()] == [None, None]
    assert sandbox.requests() == []
