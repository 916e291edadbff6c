"""Tool calls: who was called is answered here; others are passed on to the operator's own server, signed."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from typing import Any, NamedTuple

import httpx2
import msgspec
import structlog

from trunkline import __version__
from trunkline.metrics import TOOL_CALLS
from trunkline.routing.directory import Values
from trunkline.settings import Settings
from trunkline.voice.vapi_calls import part

log = structlog.get_logger()
Json = dict[str, Any]
BUILT_IN = "get_restaurant"
NOT_KNOWN = "no restaurant answers this number"
# Of a call, what tells it apart and nothing that may hold a secret: the payload can carry the carrier's keys.
CALL_FIELDS = ("id", "orgId", "type", "status", "phoneNumberId", "assistantId", "startedAt", "createdAt")


class ToolCall(NamedTuple):
    id: str
    name: str
    given: Json


class Tools:
    """Answers the tool calls of one message within the deadline, each with a result or with why there is none."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.tools_webhook_url
        secret = settings.tools_webhook_secret
        self._secret = secret.get_secret_value().encode() if secret else b""
        self._client = httpx2.AsyncClient(
            timeout=settings.tools_timeout_seconds, headers={"User-Agent": f"trunkline/{__version__}"}
        )
        self._seconds = settings.tools_timeout_seconds

    async def answer(self, message: Json, restaurant: Values | None) -> Json:
        """As Vapi wants it: `results` with a text each, by toolCallId."""
        calls = tool_calls(message)
        results = [told(call, restaurant) for call in calls if call.name == BUILT_IN]
        others = [call for call in calls if call.name != BUILT_IN]
        if self._url is None:
            results += [failed(call, f"the tool {call.name} is not known") for call in others]
        elif others:
            results += await self._pass_on(message, restaurant, others)
        for result in results:
            TOOL_CALLS.labels("error" if "error" in result else "result").inc()
        return {"results": results}

    async def close(self) -> None:
        await self._client.aclose()

    async def _pass_on(self, message: Json, restaurant: Values | None, calls: list[ToolCall]) -> list[Json]:
        if restaurant is None:
            return [failed(call, NOT_KNOWN) for call in calls]
        body = json.dumps({"message": passed_on(message, restaurant, calls)}).encode()
        try:
            async with asyncio.timeout(self._seconds):
                found = await self._ask(body, restaurant.restaurant_id)
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, ValueError) as error:
            log.warning("tool calls got no answer", tools=[call.name for call in calls], error=type(error).__name__)
            late = isinstance(error, httpx2.TimeoutException | TimeoutError)
            why = "did not answer in time" if late else "failed"
            return [failed(call, f"the tool {call.name} {why}") for call in calls]
        return [found.get(call.id) or failed(call, f"the tool {call.name} gave no result") for call in calls]

    async def _ask(self, body: bytes, restaurant_id: str) -> dict[str, Json]:
        """The results by toolCallId; ValueError where the answer is not one."""
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
        results = answer.get("results") if isinstance(answer, dict) else None
        given = [result for result in results if isinstance(result, dict)] if isinstance(results, list) else []
        return {result["toolCallId"]: as_text(result) for result in given if isinstance(result.get("toolCallId"), str)}


def tool_calls(message: Json) -> list[ToolCall]:
    """Of every list that Vapi has used; a call may stand as {id, function: {name, arguments}} or {id, name,
    parameters}."""
    found: dict[str, ToolCall] = {}
    paired = [part(pair, "toolCall") for pair in items(message, "toolWithToolCallList")]
    for call in (*items(message, "toolCallList"), *items(message, "toolCalls"), *paired):
        call_id, name = call.get("id"), part(call, "function").get("name") or call.get("name")
        if isinstance(call_id, str) and isinstance(name, str):
            found.setdefault(call_id, ToolCall(call_id, name, call))
    return list(found.values())


def items(source: Json, key: str) -> list[Json]:
    value = source.get(key)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def passed_on(message: Json, restaurant: Values, calls: list[ToolCall]) -> Json:
    """The message as Vapi's own, with these calls and the restaurant, and without anything that may be secret."""
    call, row, customer = part(message, "call"), part(message, "phoneNumber"), part(message, "customer")
    kept = {key: call[key] for key in CALL_FIELDS if isinstance(call.get(key), str)}
    return {
        "type": "tool-calls",
        "toolCallList": [call.given for call in calls],
        "call": kept | {"customer": {"number": part(call, "customer").get("number")}},
        "customer": {"number": customer.get("number")},
        "phoneNumber": {"id": row.get("id"), "number": row.get("number")},
        "restaurant": msgspec.to_builtins(restaurant),
    }


def told(call: ToolCall, restaurant: Values | None) -> Json:
    if restaurant is None:
        return failed(call, NOT_KNOWN)
    return {"name": call.name, "toolCallId": call.id, "result": msgspec.json.encode(restaurant).decode()}


def failed(call: ToolCall, why: str) -> Json:
    return {"name": call.name, "toolCallId": call.id, "error": why}


def as_text(result: Json) -> Json:
    """Vapi takes texts only; anything else counts there as no result."""
    kept = {key: result[key] for key in ("result", "error") if result.get(key) is not None}
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in kept.items()}
    return {"name": str(result.get("name") or ""), "toolCallId": result["toolCallId"], **texts}
