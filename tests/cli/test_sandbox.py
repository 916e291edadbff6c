"""`trunkline sandbox`: the server, and its world changed by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner

from tests.cli.conftest import Start
from tests.sandbox.twilio_client import TwilioApi
from tests.support.sandbox_server import SandboxServer
from trunkline.cli.app import program
from trunkline.errors import TrunklineError
from trunkline.sandbox.server import environment

NUMBER = "+14155550190"


@pytest.fixture
def run(sandbox: SandboxServer) -> Callable[..., Any]:
    """A command against this sandbox; what it printed, read where it is JSON."""

    def invoke(*arguments: str) -> Any:
        ended = CliRunner().invoke(program(), ["sandbox", *arguments, "--sandbox", sandbox.url], catch_exceptions=False)
        assert ended.exit_code == 0, ended.output
        return json.loads(ended.stdout) if "--json" in arguments else ended.output

    return invoke


def test_it_prints_the_settings_that_lead_to_it_and_stops_in_order(trunkline: Start) -> None:
    sandbox = trunkline("sandbox", "--port", "0")
    printed = sandbox.until("VONAGE_BASE_URL")
    settings = dict(line.split("=", 1) for line in printed.splitlines() if not line.startswith("#"))
    assert settings == environment(settings["VAPI_BASE_URL"])
    state = httpx2.get(f"{settings['VAPI_BASE_URL']}/sandbox/state").json()
    assert state["for_sale"]["twilio"] > 0
    assert sandbox.stop() == 0


def test_what_fails_is_told_and_ends(run: Callable[..., Any], sandbox: SandboxServer) -> None:
    api = TwilioApi(sandbox)
    assert "twilio incoming_numbers.create hangs up after the work, 1 time" in run(
        "fail", "twilio", "buy", "--drop", "--after", "--times", "1"
    )
    run("fail", "twilio", "list", "--status", "429", "--skip", "1")
    with pytest.raises(httpx2.RemoteProtocolError):
        api.post("/IncomingPhoneNumbers.json", PhoneNumber="+12125550100")
    assert [api.get("/IncomingPhoneNumbers.json").status_code for _ in range(2)] == [200, 429]
    assert [(f["kind"], f["hits"]) for f in run("faults", "--json")] == [("drop", 1), ("status", 1)]
    run("mend")
    assert api.get("/IncomingPhoneNumbers.json").status_code == 200
    assert "nothing fails" in run("faults")


def test_an_account_is_changed_and_numbers_are_put_in_it(run: Callable[..., Any], sandbox: SandboxServer) -> None:
    assert run("account", "twilio", "--trial", "--balance", "3.50", "--json")["trial"] is True
    assert "3.50 USD" in run("account", "twilio")
    run("numbers", "add", NUMBER, "--held")
    assert [n["number"] for n in run("numbers", "list", "--held", "--json")] == [NUMBER]
    run("reset")
    assert run("numbers", "list", "--held", "--json") == []
    assert run("account", "twilio", "--json")["trial"] is False


def test_many_numbers_are_in_vapi_at_once_and_the_world_drifts(run: Callable[..., Any]) -> None:
    run("numbers", "add", "+14155510000", "--count", "1000", "--imported")
    assert len(run("numbers", "list", "--held", "--json")) == 1000
    changed = run("drift", "--changes", "2", "--kind", "ghost", "--json")
    assert [one["kind"] for one in changed] == ["ghost", "ghost"]
    assert len(run("numbers", "list", "--held", "--json")) == 998
    said = run("drift", "--kind", "orphan")
    assert "0 changes: nothing else was left" in said


def test_the_log_names_what_was_asked_and_answered(run: Callable[..., Any], sandbox: SandboxServer) -> None:
    TwilioApi(sandbox).get("/IncomingPhoneNumbers.json")
    (line,) = run("log", "--provider", "twilio").splitlines()
    assert line.split()[1:] == ["twilio", "incoming_numbers.list", "GET", "200"]
    assert run("log", "--provider", "vonage") == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["fail", "twilio", "nonsense"], "incoming_numbers.create"),
        (["fail", "twilio", "buy", "--drop", "--status", "500"], "four ways to fail"),
        (["mend", "99"], "no such fault"),
        (["account", "twilio", "AC0"], "no account AC0"),
        (["numbers", "add", NUMBER, "foo"], "'foo' is not a phone number"),
    ],
    ids=["operation", "two ways", "fault", "account", "number"],
)
def test_what_is_not_there_is_named(sandbox: SandboxServer, arguments: list[str], said: str) -> None:
    with pytest.raises(TrunklineError, match=said):
        CliRunner().invoke(program(), ["sandbox", *arguments, "--sandbox", sandbox.url], catch_exceptions=False)
