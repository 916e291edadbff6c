"""Vapi's webhook, as an ASGI application in front of the framework: nothing between the socket and the look-up."""

from __future__ import annotations

import time
from collections import Counter
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Body, FastAPI
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trunkline import traces
from trunkline.api.described import webhook as described
from trunkline.api.permission import needs
from trunkline.api.problems import respond, unexpected
from trunkline.api.proof import MAX_BODY, Headers, Proof, refusal, too_large
from trunkline.api.shapes.webhook import VapiMessage
from trunkline.domain import scopes
from trunkline.errors import NotFound, TrunklineError
from trunkline.metrics import WEBHOOKS
from trunkline.routing.router import Router
from trunkline.settings import Settings
from trunkline.workflows.services import WEBHOOK_PATH

log = structlog.get_logger()
PATHS = {WEBHOOK_PATH, f"{WEBHOOK_PATH}/"}
SAID_AGAIN_AFTER = 10.0


class Disconnected(Exception):
    """The caller hung up before its body was here."""


class Unproven(Exception):
    """Why this may not be Vapi's: for the log alone."""


class Refusals:
    """Tells in the log why webhooks are refused: each reason at once, and again after a while with how many there were,
    as whoever is refused may come again and again."""

    def __init__(self) -> None:
        self._said_at: dict[str, float] = {}
        self._unsaid: Counter[str] = Counter()

    def note(self, status: int, reason: str, scope: Scope) -> None:
        now = time.monotonic()
        if now - self._said_at.get(reason, -SAID_AGAIN_AFTER) < SAID_AGAIN_AFTER:
            self._unsaid[reason] += 1
            return
        self._said_at[reason] = now
        sender = scope.get("client")
        log.warning(
            "webhook refused",
            status=status,
            reason=reason,
            sender=sender[0] if sender else None,
            more_before=self._unsaid.pop(reason, 0),
        )


class Webhook:
    """POST /api/vapi/server."""

    def __init__(self, settings: Settings, router: Router) -> None:
        self._proof = Proof(settings)
        self._router = router
        self._refusals = Refusals()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: Headers = scope["headers"]
        proven = self._proof.by_secret(headers)
        try:
            if not proven and not self._proof.may_be_signed:
                raise Unproven(self._proof.doubt(headers, b""))
            message = await receive()
            body = message.get("body", b"")
            if message.get("more_body", True) or len(body) > MAX_BODY:
                body = await rest_of(message, receive)
            if not proven and (doubt := self._proof.doubt(headers, body)):
                raise Unproven(doubt)
            answer = self._router.at_once(body)
            if answer is None:
                answer = await self._router.later(body)
        except Disconnected:
            return
        except Exception as error:
            await self._refuse(error, scope)(scope, receive, send)
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

    def _refuse(self, error: Exception, scope: Scope) -> JSONResponse:
        """The problem that it is; an error of ours is in the log, and Vapi may send the message again."""
        problem = refusal(scope["headers"]) if isinstance(error, Unproven) else error
        answer = respond(problem) if isinstance(problem, TrunklineError) else unexpected(problem)
        WEBHOOKS.labels("refused", str(answer.status_code)).inc()
        if isinstance(problem, TrunklineError):
            self._refusals.note(answer.status_code, str(error), scope)
        return answer


def traced(webhook: ASGIApp) -> ASGIApp:
    """The same, with a span of each."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        with traces.begun(f"POST {WEBHOOK_PATH}", {"http.route": WEBHOOK_PATH}, kind="SERVER"):
            await webhook(scope, receive, send)

    return answer


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


router = APIRouter(tags=["calls"])


@router.post(WEBHOOK_PATH, dependencies=needs(scopes.Scope.WEBHOOK), **described.VAPI_WEBHOOK)
async def vapi_webhook(
    body: Annotated[
        VapiMessage, Body(openapi_examples={"asked": {"summary": "Who answers?", "value": described.ASSISTANT_REQUEST}})
    ],
) -> dict[str, Any]:
    """For the OpenAPI document alone: `WebhookFirst` answers before the framework is asked."""
    raise NotFound(f"there is no {WEBHOOK_PATH}")


def behind_prefix(scope: Scope) -> bool:
    """Whether it is the webhook's path after the prefix of a proxy, which a server that was told of it puts before."""
    prefix = scope.get("root_path")
    return bool(prefix) and scope["path"].removeprefix(prefix) in PATHS


class WebhookFirst(FastAPI):
    """The framework's application, which is not bothered with the webhook. `webhook` is set while services run."""

    webhook: ASGIApp

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and (scope["path"] in PATHS or behind_prefix(scope)) and scope["method"] == "POST":
            await self.webhook(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)
