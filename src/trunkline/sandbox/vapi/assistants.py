"""Vapi's assistants and their tools, as far as a phone number's life needs them."""

from __future__ import annotations

from typing import Any, Literal

from trunkline.sandbox.vapi.resources import Resource
from trunkline.sandbox.vapi.wire import Checks, Record, Refused, shelf
from trunkline.sandbox.world import Switch, World

SHARED_ASSISTANT: dict[str, Any] = {
    "name": "Restaurant Voice Assistant",
    "firstMessage": "Thank you for calling {{restaurant_name}}. How can I help you?",
    "model": {
        "provider": "openai",
        "model": "gpt-4.1",
        "messages": [{"role": "system", "content": "You answer the telephone for the restaurant {{restaurant_name}}."}],
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "get_restaurant",
                    "description": "Which restaurant was called.",
                    "parameters": {"type": "object", "properties": {}},
                },
            }
        ],
    },
    "voice": {"provider": "vapi", "voiceId": "Elliot"},
}


TOOL_TYPES = (
    *("apiRequest", "code", "dtmf", "endCall", "function", "transferCall", "handoff", "bash", "computer", "textEditor"),
    *("query", "google.calendar.event.create", "google.sheets.row.append", "google.calendar.availability.check"),
    *("slack.message.send", "sms", "mcp", "gohighlevel.calendar.availability.check"),
    *("gohighlevel.calendar.event.create", "gohighlevel.contact.create", "gohighlevel.contact.get"),
    *("sipRequest", "voicemail"),
)
SWITCHES = {
    "vapi_deleted_assistant": Switch(
        "kept",
        Literal["kept", "cleared"],
        "numbers keep a deleted assistant's id and calls end with `call.start.error-get-assistant`, or they lose it",
    ),
    "vapi_assistant_delete_in_use": Switch(
        "allow",
        Literal["allow", "refuse"],
        "deleting an assistant that a phone number names; 409 is published for pinned ones only",
    ),
}


def check_assistant(checks: Checks, world: World) -> None:
    """Only what matters to a phone number is checked; the rest of an assistant is kept as it is."""
    checks.text("name", longest=40)
    checks.text("firstMessage")
    for name in ("metadata", "model", "voice", "transcriber"):
        checks.object(name)
    checks.server(legacy=bool(world.switches["vapi_legacy_server_secret"]))


def leave(world: World, org: str, record: Record) -> None:
    """Before the assistant goes: may it, and what becomes of the phone numbers that name it?"""
    named_by = [n for n in shelf(world, org, "numbers").values() if n.wire.get("assistantId") == record.id]
    if named_by and world.switches["vapi_assistant_delete_in_use"] == "refuse":
        raise Refused(409, "The assistant is pinned.", error="assistant_pinned")
    if world.switches["vapi_deleted_assistant"] == "cleared":
        for number in named_by:
            del number.wire["assistantId"]


def check_tool(checks: Checks, world: World) -> None:
    if checks.body.get("type") not in TOOL_TYPES:
        checks.messages.append(f"type must be one of the following values: {', '.join(TOOL_TYPES)}")
    checks.object("function")
    checks.server(legacy=bool(world.switches["vapi_legacy_server_secret"]))


ASSISTANTS = Resource("assistants", "Assistant", check_assistant, leave)
TOOLS = Resource("tools", "Tool", check_tool)
