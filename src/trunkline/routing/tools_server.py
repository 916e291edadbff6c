"""The operator's own server, which is asked in the middle of calls: what it is told, signed, and within what time."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from typing import Any

import httpx2
import msgspec
import structlog

from trunkline import __version__
from trunkline.providers.trust import trusted
from trunkline.routing.directory import Values
from trunkline.settings import Settings
from trunkline.voice.vapi_calls import part

log = structlog.get_logger()
Json = dict[str, Any]
# Of a call, what tells it apart and nothing that may hold a secret: the payload can carry the carrier's keys.
CALL_FIELDS = ("id", "orgId", "type", "status", "phoneNumberId", "assistantId", "startedAt", "createdAt")


class NoAnswer(Exception):
    """It says why, in words that end a sentence about what was asked."""


class ToolsServer:
    """Asks TOOLS_WEBHOOK_URL, if it is set. `seconds` is how long a tool may take there."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.tools_webhook_url
        secret = settings.tools_webhook_secret
        self._secret = secret.get_secret_value().encode() if secret else b""
        self.seconds = settings.tools_timeout_seconds
        self._client = httpx2.AsyncClient(
            verify=trusted(), timeout=self.seconds, headers={"User-Agent": f"trunkline/{__version__}"}
        )

    @property
    def configured(self) -> bool:
        return self._url is not None

    async def ask(self, message: Json, restaurant: Values, seconds: float, **fields: Any) -> Json:
        """The object that it answers to this message of Vapi's, of which it gets who calls whom, and these fields.
        NoAnswer where it fails, is late, or answers something else."""
        body = json.dumps({"message": about(message, restaurant) | fields}).encode()
        try:
            async with asyncio.timeout(seconds):
                return await self._post(body, restaurant.restaurant_id)
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, ValueError) as error:
            log.warning("the tools' server gave no answer", to=message["type"], error=type(error).__name__)
            late = isinstance(error, httpx2.TimeoutException | TimeoutError)
            raise NoAnswer("did not answer in time" if late else "failed") from None

    async def _post(self, body: bytes, restaurant_id: str) -> Json:
        stamp = str(int(time.time()))
        signed = hmac.new(self._secret, f"{stamp}.{restaurant_id}.".encode() + body, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/json",
            "X-Trunkline-Restaurant": restaurant_id,
            "X-Trunkline-Timestamp": stamp,
            "X-Trunkline-Signature": signed,
        }
        reply = await self._client.post(self._url or "", content=body, headers=headers)
        if reply.status_code >= 300:
            raise ValueError(f"status {reply.status_code}")
        answer = reply.json()
        return answer if isinstance(answer, dict) else {}

    async def close(self) -> None:
        await self._client.aclose()


def about(message: Json, restaurant: Values) -> Json:
    """The message as Vapi's own, with the restaurant, and without anything that may be secret."""
    call, row, customer = part(message, "call"), part(message, "phoneNumber"), part(message, "customer")
    kept = {key: call[key] for key in CALL_FIELDS if isinstance(call.get(key), str)}
    return {
        "type": message["type"],
        "call": kept | {"customer": {"number": part(call, "customer").get("number")}},
        "customer": {"number": customer.get("number")},
        "phoneNumber": {"id": row.get("id"), "number": row.get("number")},
        "restaurant": msgspec.to_builtins(restaurant),
    }


def one_line(value: Any) -> str:
    """As Vapi takes it: text, and no line break in it. Nothing is told as null: an empty text would be no result."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return " ".join(text.split()) or "null"
