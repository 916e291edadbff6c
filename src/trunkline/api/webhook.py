"""Vapi's webhook, as an ASGI application in front of the framework: nothing between the socket and the look-up."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Sequence
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Body, FastAPI, Security
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse
from starlette.types import Message, Receive, Scope, Send

from trunkline.api import examples
from trunkline.api.dependencies import SECRET_SCHEME
from trunkline.api.problems import documented, respond, unexpected
from trunkline.errors import NotFound, PayloadTooLarge, TrunklineError, Unauthorized
from trunkline.metrics import CALLS_CONNECTED, WEBHOOKS
from trunkline.routing.messages import not_a_message
from trunkline.routing.router import Router, not_stored
from trunkline.settings import Settings
from trunkline.workflows.services import WEBHOOK_PATH

log = structlog.get_logger()
MAX_BODY = 1024 * 1024
OLDEST_SIGNATURE = 300.0
MILLISECONDS = 100_000_000_000
Headers = Sequence[tuple[bytes, bytes]]


def not_vapi() -> Unauthorized:
    return Unauthorized(
        "the secret is missing or wrong",
        hint="let Vapi send VAPI_SECRET_KEY as X-Vapi-Secret or as bearer token, or sign with VAPI_WEBHOOK_HMAC_SECRET",
    )


def too_large() -> PayloadTooLarge:
    return PayloadTooLarge("the body has more than 1 MB", hint="Vapi's messages are smaller; check what calls this")


class Disconnected(Exception):
    """The caller hung up before its body was here."""


class Proof:
    """How a request shows that it is Vapi's: our secret as X-Vapi-Secret or as bearer token, or an HMAC signature where
    one is configured. A secret that is not set, or a header that came empty, proves nothing."""

    def __init__(self, settings: Settings) -> None:
        secret, key = settings.vapi_secret_key, settings.vapi_webhook_hmac_secret
        self._secret = secret.get_secret_value().encode() if secret else b""
        self._key = key.get_secret_value().encode() if key else b""

    def by_secret(self, headers: Headers) -> bool:
        for name, value in headers:
            if name == b"x-vapi-secret":
                given = value
            elif name == b"authorization":
                scheme, _, given = value.rpartition(b" ")
                if scheme.lower() not in (b"bearer", b""):
                    continue
            else:
                continue
            if self._secret and given and hmac.compare_digest(given, self._secret):
                return True
        return False

    @property
    def may_be_signed(self) -> bool:
        return bool(self._key)

    def by_signature(self, headers: Headers, body: bytes) -> bool:
        """Vapi's defaults: hex SHA-256 of `{timestamp}.{body}` in x-signature, the time in x-timestamp. Whether that
        counts seconds or milliseconds is not documented."""
        sent = dict(headers)
        given, stamp = sent.get(b"x-signature", b""), sent.get(b"x-timestamp", b"")
        if not self._key or not given or not stamp.isdigit() or len(stamp) > 14:
            return False
        said = int(stamp) / 1000 if int(stamp) >= MILLISECONDS else int(stamp)
        if abs(time.time() - said) > OLDEST_SIGNATURE:
            return False
        expected = hmac.new(self._key, stamp + b"." + body, hashlib.sha256).hexdigest().encode()
        return hmac.compare_digest(given.removeprefix(b"sha256=").lower(), expected)


class Webhook:
    """POST /api/vapi/server."""

    def __init__(self, settings: Settings, router: Router) -> None:
        self._proof = Proof(settings)
        self._router = router

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: Headers = scope["headers"]
        proven = self._proof.by_secret(headers)
        try:
            if not proven and not self._proof.may_be_signed:
                raise not_vapi()
            message = await receive()
            body = message.get("body", b"")
            if message.get("more_body", True) or len(body) > MAX_BODY:
                body = await rest_of(message, receive)
            if not proven and not self._proof.by_signature(headers, body):
                raise not_vapi()
            answer = self._router.at_once(body)
            if answer is None:
                answer = await self._router.later(body)
            else:
                CALLS_CONNECTED.count += 1
        except Disconnected:
            return
        except Exception as error:
            await refuse(error)(scope, receive, send)
            return
        length = str(len(answer)).encode()
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-type", b"application/json"), (b"content-length", length)],
            }
        )
        await send({"type": "http.response.body", "body": answer})


async def rest_of(message: Message, receive: Receive) -> bytes:
    """The whole body that begins with this message. Its size is counted as it comes, whatever was announced."""
    parts: list[bytes] = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            raise Disconnected
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MAX_BODY:
            raise too_large()
        if not message.get("more_body", False):
            return b"".join(parts)
        message = await receive()


def refuse(error: Exception) -> JSONResponse:
    """The problem that it is; an error of ours is in the log, and Vapi may send the message again."""
    answer = respond(error) if isinstance(error, TrunklineError) else unexpected(error)
    WEBHOOKS.labels("refused", str(answer.status_code)).inc()
    return answer


router = APIRouter(tags=["calls"])
ASSISTANT_REQUEST = {
    "message": {
        "type": "assistant-request",
        "call": {"id": "0195d1c4-8c1f-7aa2-9f6e-3f0a8f1c2b7d", "phoneNumberId": "88d8d3f6-5d0f-4c55-9b0f-1f0f3e7d2a11"},
        "phoneNumber": {"id": "88d8d3f6-5d0f-4c55-9b0f-1f0f3e7d2a11", "number": examples.NUMBER},
        "customer": {"number": "+14155550142"},
    }
}
VALUES = {
    "restaurant_id": examples.RESTAURANT_ID,
    "restaurant_name": "My Restaurant",
    "called_number": examples.NUMBER,
}
CONNECTED = {
    "assistantId": "5f1c0f0e-63a4-4c0e-8f4e-6f5a1b1d9c77",
    "assistantOverrides": {"variableValues": VALUES, "metadata": VALUES},
}


class VapiMessage(BaseModel):
    """A message of Vapi's; fields that are not described here are ignored."""

    message: dict[str, Any] = Field(description="`type` says what it is about")


@router.post(
    WEBHOOK_PATH,
    operation_id="vapiWebhook",
    summary="Receive Vapi's messages",
    description="The server URL for Vapi. An assistant-request is answered with the shared assistant and the called "
    "restaurant's values, tool-calls with their results; calls are stored. Every other type is accepted.",
    responses={
        200: examples.answered(
            "What Vapi is to do now.",
            connected=("Whose number it is", CONNECTED),
            unmapped=("Nobody's number", {"error": "We are sorry, this number is not in service."}),
            nothing=("Nothing to do", {}),
        ),
        **documented(not_vapi(), not_a_message(), too_large(), not_stored()),
    },
)
async def vapi_webhook(
    body: Annotated[
        VapiMessage, Body(openapi_examples={"asked": {"summary": "Who answers?", "value": ASSISTANT_REQUEST}})
    ],
    _secret: Annotated[str | None, Security(SECRET_SCHEME)],
) -> dict[str, Any]:
    """For the OpenAPI document alone: `WebhookFirst` answers before the framework is asked."""
    raise NotFound(f"there is no {WEBHOOK_PATH}")


class WebhookFirst(FastAPI):
    """The framework's application, which is not bothered with the webhook. `webhook` is set while services run."""

    webhook: Webhook

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"] == WEBHOOK_PATH and scope["method"] == "POST":
            await self.webhook(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)
