"""The official Vapi SDK on assistants and calls: one test, because only touching these parts costs 20 s of CPU."""

from __future__ import annotations

from typing import Any

import httpx
from vapi import Vapi

from tests.sandbox.vapi_client import corrected, give
from tests.support import specs
from tests.support.sandbox_server import SandboxServer
from trunkline.sandbox.vapi import DEFAULT_ACCOUNT, DEFAULT_SECRET

CURRENT = "vapi-openapi-trimmed.json"
ONCE: Any = {"max_retries": 0}


def test_the_sdk_drives_every_assistant_operation_and_reads_calls(sandbox: SandboxServer) -> None:
    document = [specs.load(CURRENT, closed=True, patch=corrected)] if specs.present(CURRENT) else []
    recorder = specs.Recorder(*document)
    with httpx.Client(timeout=60, event_hooks={"response": [recorder]}) as http:
        sdk = Vapi(token=DEFAULT_SECRET, base_url=sandbox.url, httpx_client=http)
        assistants = sdk.assistants
        [shared] = assistants.list(limit=10, request_options=ONCE)
        assert shared.name == "Restaurant Voice Assistant"
        made = assistants.create(name="Other", first_message="Hello", metadata={"shop": 1}, request_options=ONCE)
        server: Any = {"url": "https://example.com/api/vapi/server"}
        changed = assistants.update(made.id, name="Renamed", server=server, request_options=ONCE)
        assert (changed.name, changed.first_message, changed.server.url) == ("Renamed", "Hello", server["url"])
        assert assistants.get(made.id, request_options=ONCE) == changed
        assert assistants.delete(made.id, request_options=ONCE).id == made.id
        assert [row.id for row in assistants.list(request_options=ONCE)] == [shared.id]
        give(sandbox, "vapi", "+12064872299", DEFAULT_ACCOUNT)
        [row] = sdk.phone_numbers.list(request_options=ONCE)
        sdk.phone_numbers.update(row.id, request={"provider": "vapi", "assistantId": shared.id}, request_options=ONCE)
        placed = sandbox.control.post("/calls", json={"to": row.number, "from": "+14155550166"}).json()
        [kept] = sdk.calls.list(assistant_id=shared.id, phone_number_id=row.id, limit=10, request_options=ONCE)
        assert (kept.id, kept.status, kept.ended_reason) == (placed["call"], "ended", "customer-ended-call")
        assert sdk.calls.get(kept.id, request_options=ONCE).customer.number == "+14155550166"
        assert sdk.calls.list(id=row.id, request_options=ONCE) == []
    read_only = {"GET /call", "GET /call/{id}"}
    for spec in recorder.specs:
        assert recorder.seen >= read_only | {name for name in spec.operations() if "/assistant" in name}
