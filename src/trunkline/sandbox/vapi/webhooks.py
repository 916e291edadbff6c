"""How Vapi sends a message to a server URL: which server, with what proof, within which time, what came back."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import ssl
import time
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Literal

import httpx2

from trunkline.sandbox.app import mask
from trunkline.sandbox.vapi.wire import new_id, shelf
from trunkline.sandbox.world import Switch, World

DEFAULT_SECONDS = 20.0

SWITCHES = {
    "vapi_org_server": Switch(
        None, dict[str, Any] | None, "the organisation's server, where the assistant and the number have none"
    ),
    "vapi_assistant_request_seconds": Switch(
        7.5, float, "how long an assistant-request is waited for, whatever timeoutSeconds says"
    ),
    "vapi_hmac_timestamp": Switch("seconds", Literal["seconds", "milliseconds"], "what a signed timestamp counts"),
    "vapi_legacy_server_secret": Switch(
        False, bool, "server.secret is accepted and sent as X-Vapi-Secret, as before May 2025"
    ),
}


@dataclass
class Delivery:
    """One message: what was sent, how often, and what came back the first time. Secrets are not kept.

    `lost` was never sent; of a `failed` one the server's answer never reached Vapi.
    """

    type: str
    status: str | None
    url: str | None
    message: dict[str, Any]
    sent: int = 0
    lost: bool = False
    failed: bool = False
    http_status: int | None = None
    answer: Any = None
    error: str | None = None
    milliseconds: float = 0.0

    @property
    def accepted(self) -> bool:
        return self.error is None and self.http_status is not None and 200 <= self.http_status < 300

    def shown(self) -> dict[str, Any]:
        fields = asdict(self)
        fields["message"] = json.loads(mask(json.dumps(self.message)))
        return fields


@dataclass
class Mishaps:
    """What a test wants to go wrong, by message type (`status-update`) or type and status (`status-update:ended`)."""

    duplicates: int = 0
    lose: tuple[str, ...] = ()
    fail: tuple[str, ...] = ()

    @staticmethod
    def applies(names: tuple[str, ...], delivery: Delivery) -> bool:
        return delivery.type in names or f"{delivery.type}:{delivery.status}" in names


@cache
def trusted() -> ssl.SSLContext:
    """One context for all calls: making one takes longer than a call."""
    return ssl.create_default_context()


def client() -> httpx2.AsyncClient:
    return httpx2.AsyncClient(verify=trusted(), trust_env=False)


async def deliver(
    world: World, org: str, http: httpx2.AsyncClient, server: dict[str, Any], delivery: Delivery, mishaps: Mishaps
) -> Delivery:
    """Send the message, and its duplicates, one after the other."""
    delivery.lost = mishaps.applies(mishaps.lose, delivery)
    delivery.failed = mishaps.applies(mishaps.fail, delivery)
    if delivery.lost:
        delivery.error = "lost on the way, on request"
        return delivery
    seconds = float(server.get("timeoutSeconds") or DEFAULT_SECONDS)
    if delivery.type == "assistant-request":
        seconds = float(world.switches["vapi_assistant_request_seconds"])
    body = json.dumps({"message": delivery.message}, separators=(",", ":")).encode()
    for _ in range(1 + mishaps.duplicates):
        headers = {"Content-Type": "application/json", **proof(world, org, server, body)}
        started = time.perf_counter()
        status, answer, error = await post(http, server["url"], body, headers, seconds)
        delivery.sent += 1
        if delivery.sent == 1:
            delivery.http_status, delivery.answer, delivery.error = status, answer, error
            delivery.milliseconds = round((time.perf_counter() - started) * 1000, 1)
    if delivery.failed:
        delivery.answer, delivery.error = None, "the answer was lost, on request"
    return delivery


async def post(
    http: httpx2.AsyncClient, url: str, body: bytes, headers: dict[str, str], seconds: float
) -> tuple[int | None, Any, str | None]:
    """Status, parsed answer (text where it is not JSON) and error."""
    try:
        async with asyncio.timeout(seconds):
            reply = await http.post(url, content=body, headers=headers, timeout=None)
    except TimeoutError:
        return None, None, f"no answer within {seconds:g} s"
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        return None, None, f"{type(error).__name__}: {error}"
    try:
        answer = reply.json()
    except ValueError:
        answer = reply.text[:2000] or None
    return reply.status_code, answer, None


def proof(world: World, org: str, server: dict[str, Any], body: bytes) -> dict[str, str]:
    """The headers by which a server knows Vapi: static ones, a credential's, or the legacy secret."""
    headers = {str(name): str(value) for name, value in (server.get("headers") or {}).items()}
    if server.get("secret") and world.switches["vapi_legacy_server_secret"]:
        headers["X-Vapi-Secret"] = str(server["secret"])
    credential = shelf(world, org, "credentials").get(str(server.get("credentialId")))
    plan = credential.wire.get("authenticationPlan", {}) if credential is not None else {}
    if plan.get("type") == "bearer":
        prefix = "Bearer " if plan.get("bearerPrefixEnabled", True) else ""
        headers[plan.get("headerName") or "Authorization"] = prefix + plan["token"]
    elif plan.get("type") == "hmac":
        headers |= signature(world, plan, body, server["url"])
    return headers


def signature(world: World, plan: dict[str, Any], body: bytes, url: str) -> dict[str, str]:
    """HMAC headers by the plan; defaults are the documented ones. Observed: X-Vapi-Secret then comes empty."""
    unit = 1000 if world.switches["vapi_hmac_timestamp"] == "milliseconds" else 1
    timed, stamp, message_id = plan.get("includeTimestamp", True), str(int(time.time() * unit)), new_id(world)
    text = plan.get("payloadFormat") or ("{timestamp}.{body}" if timed else "{body}")
    for name, value in (("timestamp", stamp), ("method", "POST"), ("url", url), ("svix-id", message_id)):
        text = text.replace("{" + name + "}", value)
    payload = text.encode().replace(b"{body}", body)
    secret = base64.b64decode(plan["secretKey"]) if plan.get("secretIsBase64") else plan["secretKey"].encode()
    digest = hmac.new(secret, payload, getattr(hashlib, plan["algorithm"])).digest()
    encoded = base64.b64encode(digest).decode() if plan.get("signatureEncoding") == "base64" else digest.hex()
    headers = {
        "X-Vapi-Secret": "",
        plan.get("signatureHeader") or "x-signature": plan.get("signaturePrefix", "") + encoded,
    }
    if timed:
        headers[plan.get("timestampHeader") or "x-timestamp"] = stamp
    if plan.get("messageIdHeader"):
        headers[plan["messageIdHeader"]] = message_id
    return headers
