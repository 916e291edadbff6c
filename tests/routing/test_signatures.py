"""Signed webhooks: the HMAC that Vapi sends by default, and nothing that only looks like it."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.routing.conftest import SECRET, Door, OpenDoor
from tests.sandbox.vapi_client import NUMBERS, client_of, open_accounts, switch, twilio_import
from tests.support.sandbox_server import SandboxServer
from tests.support.vapi_messages import shape
from trunkline.workflows.services import WEBHOOK_PATH

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)]
KEY = "the-key-of-the-signatures"
BODY = json.dumps({"message": shape("hang")}).encode()


def signed(body: bytes = BODY, key: str = KEY, at: float | None = None, unit: int = 1) -> dict[str, str]:
    stamp = str(int((time.time() if at is None else at) * unit))
    digest = hmac.new(key.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {"X-Signature": digest, "X-Timestamp": stamp, "X-Vapi-Secret": ""}


async def send(door: Door, headers: dict[str, str], body: bytes = BODY) -> int:
    return (await door.client.post(WEBHOOK_PATH, content=body, headers=headers)).status_code


async def test_a_signature_lets_in(open_door: OpenDoor) -> None:
    async with open_door(vapi_webhook_hmac_secret=KEY) as door:
        for headers in (signed(), signed(unit=1000), signed(at=time.time() - 200)):
            assert await send(door, headers) == 200
        upper = signed()
        assert await send(door, upper | {"X-Signature": upper["X-Signature"].upper()}) == 200
        assert await send(door, upper | {"X-Signature": f"sha256={upper['X-Signature']}"}) == 200
        assert await send(door, {"X-Vapi-Secret": SECRET}) == 200


CHANGES: dict[str, Callable[[], dict[str, str]]] = {  # made when the test runs: they hold the time
    "no signature": lambda: {"X-Signature": ""},
    "no time": lambda: {"X-Timestamp": ""},
    "another signature": lambda: {"X-Signature": "0" * 64},
    "a word for the time": lambda: {"X-Timestamp": "soon"},
    "an endless time": lambda: {"X-Timestamp": "9" * 400},
    "another key": lambda: signed(key="another key"),
    "an empty key": lambda: signed(key=""),
    "another body": lambda: signed(body=b"{}"),
    "too old": lambda: signed(at=time.time() - 301),
    "from the future": lambda: signed(at=time.time() + 400),
    "another time": lambda: {"X-Timestamp": str(int(time.time()) + 1)},
}


@pytest.mark.parametrize("change", CHANGES)
async def test_anything_else_does_not(open_door: OpenDoor, change: str) -> None:
    async with open_door(vapi_webhook_hmac_secret=KEY) as door:
        assert await send(door, signed() | CHANGES[change]()) == 401


async def test_a_signature_is_worth_nothing_where_none_is_configured(door: Door) -> None:
    for key in (KEY, "", SECRET):
        assert await send(door, signed(key=key)) == 401


async def test_a_long_body_is_not_read_for_ever_before_it_is_proven(open_door: OpenDoor) -> None:
    async with open_door(vapi_webhook_hmac_secret=KEY) as door:
        assert await send(door, signed(), b"x" * 1_100_000) == 413


async def test_a_call_whose_messages_the_sandbox_signs_is_answered(open_door: OpenDoor, sandbox: SandboxServer) -> None:
    open_accounts(sandbox)
    async with open_door(vapi_webhook_hmac_secret=KEY) as door:
        await door.town.served(NUMBERS["twilio"], "Roma")
        for unit in ("seconds", "milliseconds"):
            switch(sandbox, vapi_hmac_timestamp=unit)
            said = await asyncio.to_thread(signed_call, sandbox, f"{door.url}{WEBHOOK_PATH}")
            assert said["outcome"] == "assistant"
            assert json.loads(said["tool_result"]["result"])["restaurant_name"] == "Roma"
        assert [call.reported for call in (await door.calls()).values()] == [True, True]


def signed_call(sandbox: SandboxServer, url: str) -> dict[str, Any]:
    plan = {"type": "hmac", "secretKey": KEY, "algorithm": "sha256"}
    with client_of(sandbox) as vapi:
        body = {"provider": "custom-credential", "authenticationPlan": plan}
        server = {"url": url, "credentialId": vapi.post("/credential", json=body).json()["id"]}
        created = vapi.post("/phone-number", json=twilio_import(server=server)).json()
        said = dict(sandbox.control.post("/calls", json={"to": NUMBERS["twilio"]}).json())
        vapi.delete(f"/phone-number/{created['id']}")
    return said
