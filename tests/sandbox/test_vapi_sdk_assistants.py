"""The official Vapi SDK on assistants: one test, because only touching these parts of it costs 20 seconds of CPU."""

from __future__ import annotations

from typing import Any

import httpx
from vapi import Vapi

from tests.sandbox.vapi_client import corrected
from tests.support import specs
from tests.support.sandbox_server import SandboxServer
from trunkline.sandbox.vapi import DEFAULT_SECRET

CURRENT = "vapi-openapi-trimmed.json"
ONCE: Any = {"max_retries": 0}


def test_the_sdk_drives_every_assistant_operation(sandbox: SandboxServer) -> None:
    document = [specs.load(CURRENT, closed=True, patch=corrected)] if specs.present(CURRENT) else []
    recorder = specs.Recorder(*document)
    with httpx.Client(timeout=10, event_hooks={"response": [recorder]}) as http:
        assistants = Vapi(token=DEFAULT_SECRET, base_url=sandbox.url, httpx_client=http).assistants
        [shared] = assistants.list(limit=10, request_options=ONCE)
        assert shared.name == "Restaurant Voice Assistant"
        made = assistants.create(name="Other", first_message="Hello", metadata={"shop": 1}, request_options=ONCE)
        server: Any = {"url": "https://example.com/api/vapi/server"}
        changed = assistants.update(made.id, name="Renamed", server=server, request_options=ONCE)
        assert (changed.name, changed.first_message, changed.server.url) == ("Renamed", "Hello", server["url"])
        assert assistants.get(made.id, request_options=ONCE) == changed
        assert assistants.delete(made.id, request_options=ONCE).id == made.id
        assert [row.id for row in assistants.list(request_options=ONCE)] == [shared.id]
    for spec in recorder.specs:
        assert recorder.seen == {name for name in spec.operations() if "/assistant" in name}
