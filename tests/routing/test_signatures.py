"""Signed webhooks: the HMAC that Vapi sends by default, and nothing that only looks like it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.routing.conftest import SECRET, Door, OpenDoor
from tests.sandbox.vapi_client import NUMBERS, client_of, open_accounts, switch, twilio_import
from tests.support.sandbox_server import SandboxServer
from tests.support.vapi_messages import shape
from trunkline.api import webhook
from trunkline.bootstrap import refuse_unusable
from trunkline.errors import SettingsError
from trunkline.settings import load_settings
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


# --- in the forms that Vapi knows, signed by the sandbox -------------------------------------------------------------

STANDARD = {
    "signatureHeader": "webhook-signature",
    "timestampHeader": "webhook-timestamp",
    "messageIdHeader": "webhook-id",
    "payloadFormat": "{svix-id}.{timestamp}.{body}",
    "signaturePrefix": "v1,",
    "signatureEncoding": "base64",
}
GITHUB = {"signatureHeader": "X-Hub-Signature-256", "signaturePrefix": "sha256=", "includeTimestamp": False}
PLANS: dict[str, dict[str, Any]] = {
    "the dashboard's defaults": {},
    "sha512 in base64": {"algorithm": "sha512", "signatureEncoding": "base64"},
    "sha1": {"algorithm": "sha1"},
    "as GitHub": GITHUB,
    "Standard Webhooks": STANDARD,
    "another order": {"payloadFormat": "{method} {timestamp}\n{body}"},
    "other headers": {"signatureHeader": "X-Vapi-Signature", "timestampHeader": "X-Vapi-Timestamp"},
}


def planned(plan: dict[str, Any], key: str = KEY) -> dict[str, Any]:
    """Settings for an HMAC credential that differs from Vapi's defaults in this."""
    return {"vapi_webhook_hmac_secret": key, "vapi_webhook_hmac_plan": json.dumps(plan) if plan else None}


@pytest.mark.parametrize("unit", ["seconds", "milliseconds"])
@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
async def test_a_call_whose_messages_are_signed_so_is_answered(
    open_door: OpenDoor, sandbox: SandboxServer, plan: dict[str, Any], unit: str
) -> None:
    open_accounts(sandbox)
    switch(sandbox, vapi_hmac_timestamp=unit)
    async with open_door(**planned(plan)) as door:
        await door.town.served(NUMBERS["twilio"], "Roma")
        said = await asyncio.to_thread(signed_call, sandbox, f"{door.url}{WEBHOOK_PATH}", plan)
        assert said["outcome"] == "assistant"
        assert json.loads(said["tool_result"]["result"])["restaurant_name"] == "Roma"
        assert [call.reported for call in (await door.calls()).values()] == [True]


def signed_call(sandbox: SandboxServer, url: str, plan: dict[str, Any]) -> dict[str, Any]:
    whole = {"type": "hmac", "secretKey": KEY, "algorithm": "sha256"} | plan
    with client_of(sandbox) as vapi:
        body = {"provider": "custom-credential", "authenticationPlan": whole}
        server = {"url": url, "credentialId": vapi.post("/credential", json=body).json()["id"]}
        vapi.post("/phone-number", json=twilio_import(server=server)).raise_for_status()
        return dict(sandbox.control.post("/calls", json={"to": NUMBERS["twilio"]}).json())


def standard(secret: bytes, body: bytes = BODY, at: float | None = None, message_id: str = "msg_1") -> dict[str, str]:
    """As the library of Standard Webhooks signs: seconds, and a list of signatures."""
    stamp = str(int(time.time() if at is None else at))
    digest = hmac.new(secret, f"{message_id}.{stamp}.".encode() + body, hashlib.sha256).digest()
    signature = base64.b64encode(digest).decode()
    return {"webhook-id": message_id, "webhook-timestamp": stamp, "webhook-signature": f"v1,{signature}"}


async def test_standard_webhooks_let_in_with_one_of_several_signatures_and_a_secret_in_base64(
    open_door: OpenDoor,
) -> None:
    secret = bytes(range(24))
    written = f"whsec_{base64.b64encode(secret).decode()}"
    async with open_door(**planned(STANDARD | {"secretIsBase64": True}, written)) as door:
        fits, other = standard(secret), standard(b"another")
        assert await send(door, fits) == 200
        both = f"{other['webhook-signature']} {fits['webhook-signature']} v1a,of-another-kind"
        assert await send(door, fits | {"webhook-signature": both}) == 200
        for wrong in (
            other,
            fits | {"webhook-id": "msg_2"},
            standard(secret, at=time.time() - 301),
            standard(secret, body=b"{}"),
            {name: value for name, value in fits.items() if name != "webhook-timestamp"},
            {"x-signature": fits["webhook-signature"], "x-timestamp": fits["webhook-timestamp"]},
            signed(),
        ):
            assert await send(door, wrong) == 401


async def test_the_address_may_be_a_part_of_what_is_signed(open_door: OpenDoor) -> None:
    address, plan = "https://trunkline.example.com", {"payloadFormat": "{url}|{timestamp}|{body}"}
    async with open_door(**planned(plan), public_backend_url=address) as door:
        for url, status in ((f"{address}{WEBHOOK_PATH}", 200), (f"{door.url}{WEBHOOK_PATH}", 401)):
            stamp = str(int(time.time()))
            payload = f"{url}|{stamp}|".encode() + BODY
            digest = hmac.new(KEY.encode(), payload, hashlib.sha256).hexdigest()
            assert await send(door, {"X-Signature": digest, "X-Timestamp": stamp}) == status


async def test_only_the_form_that_is_configured_lets_in(open_door: OpenDoor) -> None:
    body_alone = {"X-Signature": hmac.new(KEY.encode(), BODY, hashlib.sha256).hexdigest(), "X-Timestamp": "0"}
    async with open_door(**planned({})) as door:
        assert await send(door, body_alone) == 401
    async with open_door(**planned({"algorithm": "sha512"})) as door:
        assert await send(door, signed()) == 401
    async with open_door(**planned({"includeTimestamp": False})) as door:
        assert await send(door, body_alone) == 200
        assert await send(door, signed()) == 401


@pytest.mark.parametrize(
    ("secret", "plan", "named"),
    [
        (None, {}, "needs VAPI_WEBHOOK_HMAC_SECRET"),
        ("no-base64!", {"secretIsBase64": True}, "VAPI_WEBHOOK_HMAC_SECRET is not base64"),
    ],
)
async def test_a_form_that_no_secret_fits_is_refused_at_the_start(
    secret: str | None, plan: dict[str, Any], named: str, database_url: str
) -> None:
    known = {"vapi_secret_key": "x", "vapi_api_key": "y", "vapi_webhook_hmac_secret": secret}
    settings = load_settings(_env_file=None, **known, vapi_webhook_hmac_plan=json.dumps(plan))
    with pytest.raises(SettingsError, match=named):
        refuse_unusable(settings)


# --- a refused webhook leaves a line ---------------------------------------------------------------------------------


def refusals(lines: list[Any]) -> list[Any]:
    return [line for line in lines if line["event"] == "webhook refused"]


async def test_the_log_says_why_a_webhook_was_refused_and_holds_no_secret(open_door: OpenDoor) -> None:
    attempts: list[tuple[str, dict[str, str], bytes]] = [
        ("no secret was sent", {"X-Vapi-Signature": signed()["X-Signature"]}, BODY),
        ("another secret was sent", {"X-Vapi-Secret": "a-wrong-secret"}, BODY),
        ("x-timestamp is missing", {"X-Signature": signed()["X-Signature"]}, BODY),
        ("compare the clocks", signed(at=time.time() - 900), BODY),
        ("the signature does not fit", signed(key="a-wrong-secret"), BODY),
        ("not a message", {"X-Vapi-Secret": SECRET}, b"{"),
        ("more than 1 MB", {"X-Vapi-Secret": SECRET}, b"x" * 1_100_000),
    ]
    async with open_door(vapi_webhook_hmac_secret=KEY) as door:
        with capture_logs() as lines:
            for reason, headers, body in attempts:
                status = await send(door, headers, body)
                (line,) = [line for line in lines if reason in line.get("reason", "")]
                assert (line["event"], line["status"], line["sender"]) == ("webhook refused", status, "127.0.0.1")
        assert len(refusals(lines)) == len(attempts)
        told = repr(lines)
        assert not any(secret in told for secret in (SECRET, KEY, "a-wrong-secret", signed()["X-Signature"]))


async def test_whoever_is_refused_again_and_again_does_not_fill_the_log(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    with capture_logs() as lines:
        for _ in range(5):
            assert await send(door, {"X-Vapi-Secret": "wrong"}) == 401
        assert [line["more_before"] for line in refusals(lines)] == [0]
        monkeypatch.setattr(webhook, "SAID_AGAIN_AFTER", 0.0)
        assert await send(door, {"X-Vapi-Secret": "wrong"}) == 401
    assert [line["more_before"] for line in refusals(lines)] == [0, 4]
