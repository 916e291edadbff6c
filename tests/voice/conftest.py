"""Vapi's adapter on the sandbox, and a number at Twilio to import."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.support.given import given
from tests.support.sandbox_server import SandboxServer
from tests.voice.vapi_org import NAME, NUMBER, TWILIO, hold
from trunkline.sandbox.server import environment
from trunkline.voice.base import Target, VoiceNumber
from trunkline.voice.vapi import VapiPlatform

Build = Callable[..., VapiPlatform]


@pytest.fixture
async def build_vapi(sandbox: SandboxServer) -> AsyncIterator[Build]:
    platforms: list[VapiPlatform] = []

    def new(**changes: Any) -> VapiPlatform:
        values = {name.lower(): value for name, value in environment(sandbox.url).items()}
        platforms.append(VapiPlatform(given(**values | changes)))
        return platforms[-1]

    yield new
    for platform in platforms:
        await platform.close()


@pytest.fixture
def vapi(build_vapi: Build) -> VapiPlatform:
    return build_vapi()


@pytest.fixture
async def target(vapi: VapiPlatform, sandbox: SandboxServer) -> Target:
    """The shared assistant; finding it is not counted among a test's requests."""
    found = Target(await vapi.shared_assistant())
    sandbox.control.delete("/requests")
    return found


@pytest.fixture
async def imported(vapi: VapiPlatform, target: Target, sandbox: SandboxServer) -> VoiceNumber:
    """A Twilio number in Vapi, connected to the shared assistant."""
    hold(sandbox)
    voice = await vapi.import_number(NUMBER, TWILIO, None, target, NAME)
    sandbox.control.delete("/requests")
    return voice
