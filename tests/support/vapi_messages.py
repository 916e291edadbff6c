"""Messages in the shapes that Vapi has sent from 2024 to 2026, with all that makes reading them hard."""

from __future__ import annotations

import copy
from typing import Any

Json = dict[str, Any]
ORG = "0b6a7a1e-7d2f-4a3c-9a55-5a8f3c1d2e4f"
CALL, VOICE_ID = "0195d1c4-8c1f-7aa2-9f6e-3f0a8f1c2b7d", "88d8d3f6-5d0f-4c55-9b0f-1f0f3e7d2a11"
NUMBER, CALLER = "+14155550123", "+14155550142"
TOKEN = "f00dfeedf00dfeedf00dfeedf00dfeed"
TOOL_ID = "call_VPTl4Zd1g8t3sBfPpnn1RZzZ"

# Until 2025 the number's row came as it is stored, secrets included, its unset fields null.
ROW_2024: Json = {
    "id": VOICE_ID,
    "orgId": ORG,
    "assistantId": None,
    "number": NUMBER,
    "createdAt": "2024-05-12T20:42:01.234Z",
    "updatedAt": "2024-05-12T20:42:01.234Z",
    "stripeSubscriptionId": None,
    "twilioAccountSid": "AC" + "0" * 32,
    "twilioAuthToken": TOKEN,
    "stripeSubscriptionStatus": None,
    "name": "Front desk",
    "credentialId": None,
    "serverUrl": None,
    "serverUrlSecret": "another-secret-of-2024",
    "twilioOutgoingCallerId": None,
    "sipUri": None,
    "provider": "twilio",
    "fallbackForwardingPhoneNumber": None,
    "fallbackDestination": None,
    "squadId": None,
}
ROW_2026: Json = {
    "id": VOICE_ID,
    "orgId": ORG,
    "number": NUMBER,
    "createdAt": "2026-01-12T20:42:01.234Z",
    "updatedAt": "2026-01-12T20:42:01.234Z",
    "name": "trunkline-1a2b3c4d-asg_0dm2p8v1xq7n5c2j",
    "provider": "twilio",
    "status": "active",
    "providerResourceId": "c9f0f895-fb98-4b91-8e1a-1f2e3d4c5b6a",
    "smsEnabled": False,
    "useClusterSip": True,
    "server": {"url": "https://example.test/api/vapi/server", "headers": {"X-Vapi-Secret": "yet-another-secret"}},
}
CALL_RINGING: Json = {
    "id": CALL,
    "orgId": ORG,
    "createdAt": "2026-03-02T18:00:00.310Z",
    "updatedAt": "2026-03-02T18:00:00.310Z",
    "type": "inboundPhoneCall",
    "status": "ringing",
    "phoneCallProvider": "twilio",
    "phoneCallProviderId": "CA" + "1" * 32,
    "phoneCallTransport": "pstn",
    "phoneNumberId": VOICE_ID,
    "assistantId": None,
    "squadId": None,
    "customer": {"number": CALLER},
}
SIP_HEADERS = {"variableValues": {"from": f"<sip:{CALLER}@sip.vapi.ai>", "x-call-sid": "a-sid"}}


def _message(kind: str, row: Json = ROW_2026, call: Json | None = None, **fields: Any) -> Json:
    shared = {"timestamp": 1772474405120, "phoneNumber": row, "customer": {"number": CALLER}}
    return {"type": kind, **shared, "call": CALL_RINGING | (call or {}), **fields}


_FUNCTION = {"id": TOOL_ID, "type": "function", "function": {"name": "get_restaurant", "arguments": "{}"}}
_WITH_OBJECT = _FUNCTION | {"function": {"name": "get_restaurant", "arguments": {"about": "opening hours"}}}
_FLAT = {"id": TOOL_ID, "name": "get_restaurant", "parameters": {}}
_TOOL = {
    "type": "function",
    "function": {"name": "get_restaurant"},
    "server": {"url": "https://example.test", "secret": TOKEN},
}
_REPORT: Json = {
    "endedReason": "customer-ended-call",
    "cost": 0.0912,
    "costBreakdown": {"transport": 0.015, "vapi": 0.075, "total": 0.09},
    "startedAt": "2026-03-02T18:00:01.000Z",
    "endedAt": "2026-03-02T18:01:31.500Z",
}
_ARTIFACT = {
    "messages": [{"role": "bot", "message": "Hello", "time": 1772474401000, "secondsFromStart": 1.2}],
    "transcript": "AI: Hello\nUser: Do you have a table?\n",
    "recordingUrl": "https://example.test/recording.wav",
}

SHAPES: dict[str, Json] = {
    "assistant-request 2024": _message(
        "assistant-request", ROW_2024, timestamp="2024-05-12T21:03:11.220Z", artifact={"messages": []}
    ),
    "assistant-request 2025": _message("assistant-request", ROW_2024),
    "assistant-request 2026": _message("assistant-request"),
    "assistant-request by SIP": _message(
        "assistant-request",
        ROW_2026 | {"provider": "vapi"},
        {"phoneCallProvider": "vapi", "phoneCallTransport": "sip", "assistantOverrides": SIP_HEADERS},
        customer={"sipUri": "sip:anonymous@anonymous.invalid"},
    ),
    "status-update in-progress": _message("status-update", call={"status": "in-progress"}, status="in-progress"),
    "status-update forwarding": _message(
        "status-update", status="forwarding", destination={"type": "number", "number": "+14155550199"}
    ),
    "status-update ended": _message(
        "status-update",
        status="ended",
        endedReason="assistant-request-failed",
        inboundPhoneCallDebuggingArtifacts={"assistantRequestError": "timeout"},
    ),
    "tool-calls with text": _message(
        "tool-calls", toolCallList=[_FUNCTION], toolWithToolCallList=[_TOOL | {"toolCall": _FUNCTION}]
    ),
    "tool-calls with object": _message("tool-calls", ROW_2024, toolCalls=[_WITH_OBJECT], toolCallList=[_WITH_OBJECT]),
    "tool-calls flat": _message("tool-calls", toolCallList=[_FLAT]),
    "tool-calls paired only": _message("tool-calls", toolWithToolCallList=[_TOOL | {"toolCall": _FLAT}]),
    "function-call 2024": _message(
        "function-call", ROW_2024, functionCall={"name": "get_restaurant", "parameters": {}}
    ),
    "end-of-call-report 2024": _message(
        "end-of-call-report",
        ROW_2024,
        timestamp="2024-05-12T21:05:11.220Z",
        **_REPORT,
        transcript="AI: Hello",
        summary="A table was asked for.",
        recordingUrl="https://example.test/recording.wav",
    ),
    "end-of-call-report 2026": _message(
        "end-of-call-report",
        call={"status": "ended"},
        **_REPORT,
        durationSeconds=90.5,
        durationMs=90500,
        costs=[{"type": "vapi", "minutes": 1.5, "cost": 0.075}],
        artifact=_ARTIFACT,
        analysis={"summary": "A table was asked for.", "successEvaluation": "true"},
    ),
    "conversation-update": _message("conversation-update", messages=_ARTIFACT["messages"], conversation=[]),
    "speech-update": _message("speech-update", status="started", role="assistant", turn=1),
    "transcript": _message("transcript", role="user", transcriptType="final", transcript="Do you have a table?"),
    "hang": _message("hang"),
    "user-interrupted": _message("user-interrupted"),
    "transfer-destination-request": _message("transfer-destination-request", artifact=_ARTIFACT),
    "handoff-destination-request": _message("handoff-destination-request", parameters={"department": "kitchen"}),
    "knowledge-base-request": _message(
        "knowledge-base-request", messages=_ARTIFACT["messages"], messagesOpenAIFormatted=[]
    ),
    "phone-call-control": _message("phone-call-control", request="hang-up"),
    "assistant.started": _message("assistant.started", newAssistant={"id": "x", "credentials": [{"apiKey": TOKEN}]}),
    "a type of next year": _message("call.dreamt-of", dream={"deep": [1, 2, {"er": None}]}),
}


def shape(name: str, **changes: Any) -> Json:
    """A copy of a message; `call`, `phoneNumber` and `customer` are merged into it, others replace; None drops."""
    message = copy.deepcopy(SHAPES[name])
    for key, value in changes.items():
        if key in ("call", "phoneNumber", "customer") and isinstance(value, dict):
            message[key] |= value
        elif value is None:
            message.pop(key, None)
        else:
            message[key] = value
    return message
