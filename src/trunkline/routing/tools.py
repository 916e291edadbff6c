"""Tool calls: who was called is answered here; others are passed on to the operator's own server."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from trunkline.metrics import TOOL_CALLS
from trunkline.routing.directory import Values
from trunkline.routing.tools_server import NoAnswer, ToolsServer, one_line
from trunkline.voice.vapi_calls import part

Json = dict[str, Any]
BUILT_IN = "get_restaurant"
NOT_KNOWN = "no restaurant answers this number"
BESIDE = ("message", "metadata")  # what Vapi reads of a result besides


class ToolCall(NamedTuple):
    """`id` is None for a function call of the time before tools, which had none."""

    id: str | None
    name: str
    given: Json


class Tools:
    """Answers tool calls within the deadline, each with a result or with why there is none."""

    def __init__(self, server: ToolsServer) -> None:
        self._server = server

    async def answer(self, message: Json, restaurant: Values | None) -> Json:
        """To `tool-calls`, as Vapi wants it: `results` with a text each, by toolCallId."""
        calls = tool_calls(message)
        results = [told(call, restaurant) for call in calls if call.name == BUILT_IN]
        others = [call for call in calls if call.name != BUILT_IN]
        if others:
            asked = {"toolCallList": [call.given for call in others]}
            results += await self._pass_on(message, restaurant, others, asked)
        return {"results": counted(results)}

    async def answer_function(self, message: Json, restaurant: Values | None) -> Json:
        """To `function-call`, which Vapi sent before it had tools: one `result`, which also says what went wrong."""
        given = part(message, "functionCall")
        call = ToolCall(None, str(given.get("name")), given)
        results = [told(call, restaurant)]
        if call.name != BUILT_IN:
            results = await self._pass_on(message, restaurant, [call], {"functionCall": given})
        (result,) = counted(results)
        return {"result": result.get("result") or result["error"]}

    async def _pass_on(
        self, message: Json, restaurant: Values | None, calls: list[ToolCall], asked: Json
    ) -> list[Json]:
        if not self._server.configured:
            return [failed(call, f"the tool {call.name} is not known") for call in calls]
        if restaurant is None:
            return [failed(call, NOT_KNOWN) for call in calls]
        try:
            answer = await self._server.ask(message, restaurant, self._server.seconds, **asked)
        except NoAnswer as why:
            return [failed(call, f"the tool {call.name} {why}") for call in calls]
        return [as_text(call, result_for(call, answer)) for call in calls]


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


def told(call: ToolCall, restaurant: Values | None) -> Json:
    if restaurant is None:
        return failed(call, NOT_KNOWN)
    return named(call, result=msgspec.json.encode(restaurant).decode())


def failed(call: ToolCall, why: str) -> Json:
    return named(call, error=why)


def named(call: ToolCall, **fields: Any) -> Json:
    return {"name": call.name, "toolCallId": call.id, **fields}


def counted(results: list[Json]) -> list[Json]:
    for result in results:
        TOOL_CALLS.labels("error" if "error" in result else "result").inc()
    return results


def result_for(call: ToolCall, answer: Json) -> Json:
    """What the operator's server answers to this call; a function call's may stand by itself."""
    results = items(answer, "results")
    if call.id is None:
        return results[0] if results else answer
    return next((result for result in results if result.get("toolCallId") == call.id), {})


def as_text(call: ToolCall, result: Json) -> Json:
    """Vapi takes texts of one line only; anything else counts there as no result."""
    texts = {key: one_line(result[key]) for key in ("result", "error") if result.get(key) is not None}
    if not texts and "result" not in result:
        return failed(call, f"the tool {call.name} gave no result")
    beside = {key: result[key] for key in BESIDE if isinstance(result.get(key), dict)}
    return named(call, **(texts or {"result": one_line(None)}), **beside)
