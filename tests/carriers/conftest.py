"""Carriers that use the sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.carriers import telnyx_account, vonage_account
from tests.carriers.twilio_account import Build, settings_for
from tests.support.sandbox_server import SandboxServer
from trunkline.carriers.telnyx import TelnyxCarrier
from trunkline.carriers.twilio import TwilioCarrier
from trunkline.carriers.vonage import VonageCarrier


@pytest.fixture
async def build_twilio(sandbox: SandboxServer) -> AsyncIterator[Build]:
    carriers: list[TwilioCarrier] = []

    def new(**changes: Any) -> TwilioCarrier:
        carriers.append(TwilioCarrier(settings_for(sandbox, **changes)))
        return carriers[-1]

    yield new
    for carrier in carriers:
        await carrier.close()


@pytest.fixture
def twilio(build_twilio: Build) -> TwilioCarrier:
    return build_twilio()


@pytest.fixture
async def telnyx(sandbox: SandboxServer) -> AsyncIterator[TelnyxCarrier]:
    carrier = telnyx_account.build(sandbox)
    yield carrier
    await carrier.close()


@pytest.fixture
async def hasty_telnyx(sandbox: SandboxServer) -> AsyncIterator[TelnyxCarrier]:
    """It waits for an order, and for any answer, for a second only."""
    carrier = telnyx_account.build(sandbox, provider_timeout_seconds=1)
    yield carrier
    await carrier.close()


@pytest.fixture
async def vonage(sandbox: SandboxServer) -> AsyncIterator[VonageCarrier]:
    carrier = vonage_account.build(sandbox)
    yield carrier
    await carrier.close()
