"""What Vapi's server messages and call records look like, after the official schemas and recorded messages."""

from __future__ import annotations

import re
from typing import Any, Literal

from trunkline.sandbox.vapi.imports import SECRETS_ON_NUMBERS
from trunkline.sandbox.vapi.wire import E164, iso, new_id
from trunkline.sandbox.world import Switch, World

SWITCHES = {
    "vapi_webhook_twilio_secrets": Switch(
        True, bool, "messages carry the number's row with twilioAuthToken in clear, as recorded in 2024"
    ),
    "vapi_tool_call_shape": Switch(
        "string",
        Literal["string", "object", "parameters"],
        "function.arguments as JSON text (schema) or object (recorded), or `parameters` (pages of the docs)",
    ),
}
# Recorded in assistant-request: the row's unset fields are null. In other messages they are left out.
ROW_FIELDS = (
    *("assistantId", "squadId", "workflowId", "name", "number", "sipUri", "credentialId", "server", "serverUrl"),
    *("serverUrlSecret", "fallbackDestination", "fallbackForwardingPhoneNumber", "twilioOutgoingCallerId", "hooks"),
    *("stripeSubscriptionId", "stripeSubscriptionStatus", "stripeSubscriptionCurrentPeriodStart"),
    *("twilioAccountSid", *SECRETS_ON_NUMBERS),
)
TRANSPORTS = {"twilio": ("twilio", "pstn"), "vonage": ("vonage", "pstn"), "telnyx": ("telnyx", "pstn")}
PRICES = {"transport": 0.01, "vapi": 0.05}
VARIABLE = re.compile(r"\{\{-?\s*([\w.-]+?)\s*-?\}\}")
# One simulated call, in seconds after it rang.
ANSWERED, SPOKE, ASKED, TOLD, SECONDS = 1, 2, 8, 9, 30


def new_call(world: World, row: dict[str, Any], caller: str, rang: float) -> dict[str, Any]:
    """The call as it rings; `rang` in epoch milliseconds."""
    provider, transport = TRANSPORTS.get(row["provider"], ("vapi", "sip"))
    at_provider = f"CA{world.hex(32)}" if provider == "twilio" else new_id(world)
    call: dict[str, Any] = {
        "id": new_id(world),
        "orgId": row["orgId"],
        "createdAt": iso(rang),
        "updatedAt": iso(rang),
        "type": "inboundPhoneCall",
        "status": "ringing",
        "phoneCallProvider": provider,
        "phoneCallProviderId": at_provider,
        "phoneCallTransport": transport,
        "phoneNumberId": row["id"],
        "customer": {"number": caller},
    }
    if row["provider"] == "vapi":
        headers = {"x-call-sid": at_provider, "from": f"<sip:{caller}@sip.vapi.ai>"}
        call["assistantOverrides"] = {"variableValues": headers}
    return call


def number_row(world: World, row: dict[str, Any], nulls: bool) -> dict[str, Any]:
    hidden = () if world.switches["vapi_webhook_twilio_secrets"] else SECRETS_ON_NUMBERS
    shown = {key: value for key, value in row.items() if key not in hidden}
    return {**dict.fromkeys(ROW_FIELDS), **shown} if nulls else shown


def envelope(
    world: World, kind: str, call: dict[str, Any], row: dict[str, Any], at: float, fields: dict[str, Any]
) -> dict[str, Any]:
    """A whole message: the call, the number's row and the caller are in every one. `at` in epoch milliseconds."""
    asked = kind == "assistant-request"
    nothing: dict[str, Any] = {"assistantId": None, "squadId": None} if asked else {}
    return {
        "type": kind,
        "timestamp": int(at),
        **fields,
        "call": nothing | call,
        "phoneNumber": number_row(world, row, nulls=asked),
        "customer": call["customer"],
    }


def tool_calls(world: World, tool: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The id of one call of a function tool, and the fields of its message."""
    call_id, name = f"call_{world.hex(24)}", tool["function"]["name"]
    one: dict[str, Any] = {"id": call_id, "type": "function", "function": {"name": name, "arguments": "{}"}}
    if world.switches["vapi_tool_call_shape"] == "object":
        one["function"]["arguments"] = {}
    elif world.switches["vapi_tool_call_shape"] == "parameters":
        one = {"id": call_id, "name": name, "parameters": {}}
    return call_id, {"toolCalls": [one], "toolCallList": [one], "toolWithToolCallList": [tool | {"toolCall": one}]}


def artifact(rang: float, heard: str, tool: str, call_id: str, result: str) -> dict[str, Any]:
    """What was said; times in epoch milliseconds."""

    def spoken(role: str, text: str, second: float) -> dict[str, Any]:
        start, end = rang + second * 1000, rang + second * 1000 + 900
        return {"role": role, "message": text, "time": start, "endTime": end, "secondsFromStart": second}

    question = "Which restaurant is this?"
    asked = {"id": call_id, "type": "function", "function": {"name": tool, "arguments": "{}"}}
    messages: list[dict[str, Any]] = [
        spoken("bot", heard, SPOKE),
        spoken("user", question, ASKED - 2),
        {
            "role": "tool_calls",
            "toolCalls": [asked],
            "message": "",
            "time": rang + ASKED * 1000,
            "secondsFromStart": ASKED,
        },
        {
            "role": "tool_call_result",
            "toolCallId": call_id,
            "name": tool,
            "result": result,
            "time": rang + TOLD * 1000,
            "secondsFromStart": TOLD,
        },
        spoken("bot", result, TOLD + 1),
    ]
    formatted = [
        {"role": "assistant", "content": heard},
        {"role": "user", "content": question},
        {"role": "assistant", "content": result},
    ]
    transcript = f"AI: {heard}\nUser: {question}\nAI: {result}\n"
    return {"messages": messages, "messagesOpenAIFormatted": formatted, "transcript": transcript}


def bill(provider: str, seconds: float) -> dict[str, Any]:
    """cost, costs and costBreakdown of a call of this length."""
    minutes = round(seconds / 60, 4)
    transport, vapi = (round(minutes * PRICES[kind], 4) for kind in ("transport", "vapi"))
    costs: list[dict[str, Any]] = [
        {"type": "transport", "minutes": minutes, "cost": transport},
        {"type": "vapi", "subType": "normal", "minutes": minutes, "cost": vapi},
    ]
    if provider in TRANSPORTS:
        costs[0]["provider"] = provider
    total = round(transport + vapi, 4)
    return {"cost": total, "costs": costs, "costBreakdown": {"transport": transport, "vapi": vapi, "total": total}}


def with_overrides(assistant: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
    """The assistant as it acts in this call."""
    return assistant | {key: value for key, value in overrides.items() if key not in ("variableValues", "tools:append")}


def said(text: str, values: dict[str, Any]) -> str:
    """A template with its variables; a missing one is spoken as its name."""

    def value(match: re.Match[str]) -> str:
        found: Any = values
        for part in match[1].split("."):
            found = found.get(part) if isinstance(found, dict) else None
        return match[1] if found is None else str(found)

    return VARIABLE.sub(value, text)


def valid_destination(destination: Any) -> bool:
    if not isinstance(destination, dict):
        return False
    if destination.get("type") == "sip":
        return isinstance(destination.get("sipUri"), str)
    number = destination.get("number")
    if destination.get("type") != "number" or not isinstance(number, str):
        return False
    return destination.get("numberE164CheckEnabled") is False or E164.fullmatch(number) is not None
