"""The sandbox's Vapi: tools, and assistants that use them."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from tests.sandbox.vapi_client import ORG, corrected, refused, switch, twilio_import
from tests.support import specs
from tests.support.sandbox_server import SandboxServer
from tests.support.webhook import Webhook

WHOLE = "vapi-openapi.json"
FUNCTION = {"name": "get_restaurant", "parameters": {"type": "object", "properties": {}}}
TOOL = {"type": "function", "function": FUNCTION, "server": {"url": "https://tools.example/vapi"}}


def make(vapi: httpx2.Client, **fields: Any) -> dict[str, Any]:
    answer = vapi.post("/tool", json=TOOL | fields)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def test_a_tool_is_made_listed_read_changed_and_deleted(vapi: httpx2.Client) -> None:
    made = make(vapi)
    assert (made["orgId"], made["type"], made["function"]) == (ORG, "function", FUNCTION)
    assert vapi.get("/tool").json() == [made]
    changed = vapi.patch(f"/tool/{made['id']}", json={"server": {"url": "https://other.example/"}}).json()
    assert (changed["server"], changed["function"]) == ({"url": "https://other.example/"}, FUNCTION)
    assert vapi.get(f"/tool/{made['id']}").json() == changed
    assert vapi.delete(f"/tool/{made['id']}").json() == changed
    assert vapi.get("/tool").json() == []
    assert refused(vapi.get(f"/tool/{made['id']}"), 404) == "Tool Not Found"


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"type": "telephone"}, "type must be one of the following values: apiRequest"),
        ({"function": "get_restaurant"}, "function must be an object"),
        ({"server": {"uri": "x"}}, "server.property uri should not exist"),
        ({"orgId": ORG}, "property orgId should not exist"),
    ],
)
def test_a_tool_that_is_none_is_refused(vapi: httpx2.Client, fields: dict[str, Any], says: str) -> None:
    assert refused(vapi.post("/tool", json=TOOL | fields), 400)[0].startswith(says)


@pytest.mark.skipif(not specs.present(WHOLE), reason="needs the official document")
def test_a_tools_answers_are_those_of_the_official_document(vapi: httpx2.Client) -> None:
    def only_tools(document: dict[str, Any]) -> None:
        corrected(document)
        document["paths"] = {path: item for path, item in document["paths"].items() if path.startswith("/tool")}

    spec = specs.load(WHOLE, patch=only_tools)
    made = make(vapi)
    for answer in (
        vapi.post("/tool", json=TOOL),
        vapi.get("/tool"),
        vapi.get(f"/tool/{made['id']}"),
        vapi.patch(f"/tool/{made['id']}", json={"async": True}),
        vapi.delete(f"/tool/{made['id']}"),
    ):
        spec.check(answer.request.method, str(answer.request.url), answer.status_code, answer.json())


def test_an_assistant_calls_a_tool_that_it_names_by_its_id(sandbox: SandboxServer, vapi: httpx2.Client) -> None:
    with Webhook() as webhook:
        tool = make(vapi, server={"url": webhook.url})
        assistant = vapi.post("/assistant", json={"name": "A", "model": {"toolIds": [tool["id"]]}}).json()
        vapi.post("/phone-number", json=twilio_import(assistantId=assistant["id"])).raise_for_status()
        played = sandbox.control.post("/calls", json={"to": twilio_import()["number"]}).json()
    assert played["outcome"] == "assistant"
    assert webhook.kinds == ["tool-calls"]


def test_a_deleted_assistant_leaves_its_id_or_not(sandbox: SandboxServer, vapi: httpx2.Client) -> None:
    def ends(**switches: Any) -> tuple[Any, str]:
        switch(sandbox, **switches)
        assistant = vapi.post("/assistant", json={"name": "A"}).json()["id"]
        row = vapi.post("/phone-number", json=twilio_import(assistantId=assistant)).json()
        vapi.delete(f"/assistant/{assistant}").raise_for_status()
        left = vapi.get(f"/phone-number/{row['id']}").json().get("assistantId")
        played = sandbox.control.post("/calls", json={"to": row["number"]}).json()
        vapi.delete(f"/phone-number/{row['id']}").raise_for_status()
        return left == assistant, played["ended_reason"]

    assert ends() == (True, "call.start.error-get-assistant")
    assert ends(vapi_deleted_assistant="cleared") == (False, "call-start-error-neither-assistant-nor-server-set")


def test_an_assistant_that_a_number_names_may_be_kept_from_deletion(
    sandbox: SandboxServer, vapi: httpx2.Client
) -> None:
    switch(sandbox, vapi_assistant_delete_in_use="refuse")
    assistant = vapi.post("/assistant", json={"name": "A"}).json()["id"]
    row = vapi.post("/phone-number", json=twilio_import(assistantId=assistant)).json()
    answer = vapi.delete(f"/assistant/{assistant}")
    assert (answer.status_code, answer.json()["error"]) == (409, "assistant_pinned")
    vapi.patch(f"/phone-number/{row['id']}", json={"provider": "twilio", "assistantId": None}).raise_for_status()
    assert vapi.delete(f"/assistant/{assistant}").status_code == 200
