"""Vapi's tools, as far as an assistant that uses them needs it."""

from __future__ import annotations

from trunkline.sandbox.vapi_resources import Resource
from trunkline.sandbox.vapi_wire import Checks
from trunkline.sandbox.world import World

TYPES = (
    *("apiRequest", "code", "dtmf", "endCall", "function", "transferCall", "handoff", "bash", "computer", "textEditor"),
    *("query", "google.calendar.event.create", "google.sheets.row.append", "google.calendar.availability.check"),
    *("slack.message.send", "sms", "mcp", "gohighlevel.calendar.availability.check"),
    *("gohighlevel.calendar.event.create", "gohighlevel.contact.create", "gohighlevel.contact.get"),
    *("sipRequest", "voicemail"),
)


def check(checks: Checks, world: World) -> None:
    if checks.body.get("type") not in TYPES:
        checks.messages.append(f"type must be one of the following values: {', '.join(TYPES)}")
    checks.object("function")
    checks.server(legacy=bool(world.switches["vapi_legacy_server_secret"]))


TOOLS = Resource("tools", "Tool", check)
