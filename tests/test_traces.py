"""Traces: one assignment is one, whoever goes on with it; nobody's number and no secret is in them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.crash.conftest import ended, new_site, wait_until
from tests.support.app_server import SECRET, AppServer, app_settings
from tests.support.sandbox_server import SandboxServer
from trunkline import bootstrap, traces
from trunkline.domain.outcomes import STEPS
from trunkline.sandbox.server import environment
from trunkline.workflows.services import WEBHOOK_PATH

pytest.importorskip("opentelemetry.sdk", reason="the extra otel is not installed")
from tests.support.collector import Collector, told
from tests.support.sqlite import copied

OUTER = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{OUTER}-00f067aa0ba902b7-01"
CALLER = "+12025550142"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last spans are waited for, however slow the machine is."""
    monkeypatch.setattr(bootstrap, "LAST_SPANS_SECONDS", 60.0)


@pytest.fixture
def sqlite(migrated_sqlite: Path, tmp_path: Path) -> str:
    return copied(migrated_sqlite, tmp_path)


def test_an_assignment_is_one_trace_from_the_request_to_the_carriers(
    collector: Collector, sandbox: SandboxServer, database_url: str
) -> None:
    with AppServer(app_settings(sandbox, database_url, otel_exporter_otlp_endpoint=collector.url)) as server:
        body = {"name": "My Restaurant"}
        made = server.client.post("/api/restaurants", json=body, headers={"traceparent": TRACEPARENT}).json()
        assert made["assignment"]["status"] == "assigned"
        found = server.client.get("/api/events", params={"subject": made["id"]}).json()["items"]
        assert {event["trace_id"] for event in found} == {OUTER}
    tree = collector.tree(OUTER)
    assert tree[0] == "POST /api/restaurants"
    assert tree[1] == " assign_number"
    assert [name.strip() for name in tree if name.startswith("  ") and name.strip() in STEPS] == [
        step["name"] for step in made["assignment"]["steps"]
    ]
    assert tree[tree.index("  purchase") + 1] == "   twilio buy"
    root, run, buy = (collector.named(name) for name in ("POST /api/restaurants", "assign_number", "twilio buy"))
    assert root.parent_span_id.hex() == "00f067aa0ba902b7"
    assert told(root)["http.response.status_code"] == 201
    assert told(run) == {"trunkline.run": made["assignment"]["id"]}
    assert told(buy) == {"http.request.method": "POST", "http.response.status_code": 201}
    assert told(collector.named("purchase"))["trunkline.status"] == "done"
    assert collector.services == {"trunkline"}
    assert "GET /api/events" in {span.name for span in collector.spans}, "which began a trace of its own"


def test_whoever_resumes_a_run_goes_on_with_its_trace_and_its_log(
    collector: Collector, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        site = new_site(request, "sqlite", tmp_path, stack)
        first = site.start(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, PROVIDER_TIMEOUT_SECONDS="60")
        fault = site.hold("vapi", "phone_numbers.create", "after")
        headers = {"traceparent": TRACEPARENT, "Prefer": "respond-async"}
        made = first.client.post("/api/restaurants", json={"name": "My Restaurant"}, headers=headers).json()
        assignment = made["assignment"]["id"]
        wait_until(lambda: site.held(fault))
        first.kill()
        site.sandbox.control.delete(f"/faults/{fault}")
        second = site.start(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, PROVIDER_TIMEOUT_SECONDS="60")
        assert ended(second, assignment)["status"] == "assigned"
        assert second.stop() == 0
        # The first one was killed in this step, so that its span of it was never sent.
        assert {span.trace_id.hex() for span in collector.spans if span.name == "import_number"} == {OUTER}
        lines = [json.loads(line) for line in second.log.read_text().splitlines()]
        (over,) = [line for line in lines if line["event"] == "assignment ended"]
        assert over["trace_id"] == OUTER


def test_no_secret_and_nobodys_number_is_in_a_trace(collector: Collector, sandbox: SandboxServer, sqlite: str) -> None:
    changes = {"otel_exporter_otlp_endpoint": collector.url, "trace_calls": True}
    with AppServer(app_settings(sandbox, sqlite, **changes)) as server:
        made = server.client.post("/api/restaurants", json={"name": "My Restaurant"}).json()
        number = made["phone_number"]
        server.client.get(f"/api/numbers/{number}")
        server.client.get("/api/calls", params={"search": CALLER})
        server.client.get(f"/api/no-such-path/{CALLER}")
        sandbox.fault(provider="twilio", operation="available_numbers.search", status=400, times=1)
        server.client.post("/api/restaurants", json={"name": "Nobody's", "force_twilio": True})
        call = {"type": "assistant-request", "call": {"id": "call-1", "customer": {"number": CALLER}}}
        asked = {"message": call | {"phoneNumber": {"number": number}}}
        assert server.client.post(WEBHOOK_PATH, json=asked).status_code == 200
    names = {span.name for span in collector.spans}
    assert {f"POST {WEBHOOK_PATH}", "GET /api/numbers/{number}", "GET none"} <= names
    (failed,) = [span for span in collector.spans if span.name == "search" and span.status.code]
    assert (failed.status.code, failed.status.message) == (2, "")
    assert told(failed)["error.type"] == "Rejected"
    secrets = {SECRET, *(value for value in environment(sandbox.url).values() if not value.startswith("http"))}
    for secret in {*secrets, CALLER[1:], number[1:]}:
        assert not any(secret.encode() in body for body in collector.bodies), secret


def test_the_hot_webhook_has_no_span_unless_that_is_asked_for(
    collector: Collector, sandbox: SandboxServer, sqlite: str
) -> None:
    with AppServer(app_settings(sandbox, sqlite, otel_exporter_otlp_endpoint=collector.url)) as server:
        server.client.post(WEBHOOK_PATH, json={"message": {"type": "assistant-request"}})
        server.client.get("/healthz")
        server.client.get("/api/debts")
    assert [span.name for span in collector.spans if span.kind == 2] == ["GET /api/debts"]


def test_a_collector_that_is_away_stops_nothing(
    sandbox: SandboxServer, sqlite: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "LAST_SPANS_SECONDS", 0.1)
    with AppServer(app_settings(sandbox, sqlite, otel_exporter_otlp_endpoint="http://127.0.0.1:9")) as server:
        assert server.client.get("/api/debts").status_code == 200
    assert traces.traceparent() is None


def test_what_is_not_asked_for_is_not_loaded() -> None:
    """Neither the library for traces nor that of assistants: together they are half of a process's memory."""
    app = "create_app(load_settings(_env_file=None, vapi_api_key='some', vapi_secret_key='other'))"
    asked = f"""
import sys
from trunkline.app import create_app
from trunkline.settings import load_settings
{app}
print({{"opentelemetry.sdk", "mcp"}} & set(sys.modules))"""
    ended = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert ended.stdout == "set()\n"


def test_without_the_extra_the_server_says_so_and_starts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(traces, "find_spec", lambda name: None)
    traces.collect("http://127.0.0.1:9")
    assert "pip install 'trunkline[otel]'" in "".join(capsys.readouterr())
    with traces.begun("anything", {}):
        assert traces.trace_id() is None
