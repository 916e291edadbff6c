"""A call without a phone, played by a sandbox: what the caller would have heard, and which restaurant answered."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

SANDBOX_PORT = 8001
SANDBOX_URL = f"http://127.0.0.1:{SANDBOX_PORT}"


@dataclass(frozen=True)
class Message:
    """One message of Vapi's to a server: how often it was sent, and what came back the first time."""

    type: str
    status: str | None
    sent: int
    http_status: int | None
    milliseconds: float
    error: str | None


@dataclass(frozen=True)
class PlayedCall:
    """`outcome` is assistant, error, forwarded, hung_up or not_reached; `restaurant_id` is None where none answered."""

    call: str | None
    to: str
    caller: str
    outcome: str
    heard: str
    restaurant_id: str | None
    restaurant_name: str | None
    why: str | None
    messages: list[Message] = field(default_factory=list)

    @classmethod
    def of(cls, told: dict[str, Any]) -> PlayedCall:
        """From the sandbox's answer. Who answered is what the assistant was told: by its tool, or in the answer to
        assistant-request."""
        who = restaurant_of(told) if told["outcome"] == "assistant" else {}
        messages = [
            Message(m["type"], m["status"], m["sent"], m["http_status"], m["milliseconds"], m["error"])
            for m in told["messages"]
        ]
        return cls(
            call=told["call"],
            to=told["to"],
            caller=told["from"],
            outcome=told["outcome"],
            heard=told["heard"],
            restaurant_id=who.get("restaurant_id"),
            restaurant_name=who.get("restaurant_name"),
            why=told["why"] or told["ended_reason"],
            messages=messages,
        )


def restaurant_of(told: dict[str, Any]) -> dict[str, Any]:
    """{} where the tool and the answer name different restaurants, or none."""
    named = []
    for message in told["messages"]:
        answer = message["answer"] if isinstance(message["answer"], dict) else {}
        if message["type"] == "assistant-request" and not message["failed"]:
            named.append((answer.get("assistantOverrides") or {}).get("variableValues"))
    try:
        named.append(json.loads((told["tool_result"] or {}).get("result", "null")))
    except ValueError:
        named.append(None)
    found = [who for who in named if isinstance(who, dict) and who.get("restaurant_id")]
    return found[0] if found and all(w["restaurant_id"] == found[0]["restaurant_id"] for w in found) else {}
