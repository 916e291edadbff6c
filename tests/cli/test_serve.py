"""`trunkline serve`: what it refuses, and that it serves for real and on a sandbox."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from pydantic import SecretStr

from tests.cli.conftest import Start
from tests.support.sandbox_server import SandboxServer
from trunkline import __version__
from trunkline.cli import main
from trunkline.cli.serve import has_provider_keys, how_to_try, in_earnest, sandbox_settings
from trunkline.db.lock import SingleProcess
from trunkline.sandbox.server import environment
from trunkline.settings import Settings, load_settings

SECRET = "a-secret-of-the-tests"


def one_line(said: str) -> str:
    assert said.startswith("Error: ")
    assert said.count("\n") == 1, said
    return said


def tried(printed: str) -> httpx2.Response:
    """The answer to the curl that was printed, sent as it stands there."""
    url = re.search(r"curl -X POST (\S+)", printed)
    body = re.search(r"-d '(.*)'", printed, re.DOTALL)
    assert url
    assert body
    headers = dict(re.findall(r'-H "([\w-]+): ([^"]+)"', printed))
    return httpx2.post(url[1], headers=headers, json=json.loads(body[1]), timeout=90)


@pytest.fixture
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Neither an environment nor a `.env`."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    return monkeypatch


@pytest.fixture
def refused(no_settings: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Runs `trunkline serve` where it does not get as far as to start; the exit code and what it said."""

    def run(*arguments: str, **settings: str) -> tuple[int, str]:
        no_settings.setattr(sys, "argv", ["trunkline", "serve", "--port", "0", *arguments])
        for name, value in settings.items():
            no_settings.setenv(name, value)
        with pytest.raises(SystemExit) as end:
            main()
        assert isinstance(end.value.code, int)
        return end.value.code, one_line(capsys.readouterr().err)

    return run


def test_without_a_secret_it_does_not_start(refused: Callable[..., tuple[int, str]]) -> None:
    code, said = refused(VAPI_API_KEY="some-key")
    assert code == 2
    assert "VAPI_SECRET_KEY is not set" in said


def test_without_vapis_key_it_does_not_start(refused: Callable[..., tuple[int, str]]) -> None:
    code, said = refused(VAPI_SECRET_KEY=SECRET)
    assert code == 2
    assert "VAPI_API_KEY is not set" in said
    assert SECRET not in said


def test_incomplete_keys_are_refused_and_not_replaced_by_a_sandbox(refused: Callable[..., tuple[int, str]]) -> None:
    code, said = refused("--sandbox-without-keys", TWILIO_ACCOUNT_SID="AC1", VAPI_SECRET_KEY=SECRET)
    assert code == 2
    assert "VAPI_API_KEY is not set" in said


def test_a_port_in_use_is_told_in_one_line(refused: Callable[..., tuple[int, str]]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, said = refused("--sandbox", "--port", str(port))
    assert code == 1
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in said


def test_a_database_in_use_is_told_in_one_line(trunkline: Start, tmp_path: Path) -> None:
    keys = {"VAPI_API_KEY": "some-key", "VAPI_SECRET_KEY": SECRET, "DATABASE_URL": f"sqlite:///{tmp_path}/held.sqlite"}
    with SingleProcess(tmp_path / "held.sqlite"):
        code, said = trunkline("serve", "--port", "0", **keys).ends()
    assert code == 2
    assert "in use by process" in one_line(said)


def test_without_keys_the_printed_curl_gets_a_number_from_the_sandbox(trunkline: Start, tmp_path: Path) -> None:
    server = trunkline("serve", "--sandbox-without-keys", "--port", "0", TMPDIR=str(tmp_path))
    printed = server.until("}'")
    assert "no provider's key is set" in printed
    answer = tried(printed)
    assert answer.status_code == 201
    assert answer.json()["assignment"]["source"] == "purchased"
    assert list(tmp_path.glob("trunkline-*"))
    assert server.stop() == 0
    assert not list(tmp_path.glob("trunkline-*"))


def test_with_keys_it_serves_for_real_and_shows_no_secret(
    trunkline: Start, sandbox: SandboxServer, tmp_path: Path
) -> None:
    keys = environment(sandbox.url) | {"VAPI_SECRET_KEY": SECRET, "DATABASE_URL": f"sqlite:///{tmp_path}/real.sqlite"}
    server = trunkline("serve", "--sandbox-without-keys", "--port", "0", **keys)
    printed = server.until("}'")
    assert "no provider's key is set" not in printed
    assert f"those of a sandbox, at {sandbox.url}" in printed
    assert SECRET not in printed
    answer = tried(printed.replace("$VAPI_SECRET_KEY", SECRET))
    assert answer.status_code == 201
    assert [n["number"] for n in sandbox.held("twilio")] == [answer.json()["phone_number"]]
    assert server.stop() == 0
    assert SECRET not in server.ends()[1]


def test_a_server_with_real_keys_says_that_it_buys_where_and_how(no_settings: pytest.MonkeyPatch) -> None:
    keys = {"VAPI_API_KEY": "real-vapi-key", "TWILIO_AUTH_TOKEN": "real-token", "TELNYX_API_KEY": "real-telnyx-key"}
    wishes = {"TWILIO_ACCOUNT_SID": "AC12", "CARRIERS": "telnyx,vonage,twilio", "MAX_MONTHLY_PRICE": "1.50"}
    for name, value in {**keys, **wishes}.items():
        no_settings.setenv(name, value)
    said = in_earnest(load_settings())
    for told in ("bought at telnyx and twilio (account AC12)", "1.50", "reuse_first", "VAPI_ROUTING=assistant"):
        assert told in said
    assert "real-" not in said
    assert "\n" not in said


def test_what_is_printed_finds_commands_and_secret_where_it_is_pasted(
    no_settings: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("VAPI_SECRET_KEY='a secret, quoted'\n")
    no_settings.setenv("PATH", "/usr/bin:/bin")
    no_settings.delenv("TRUNKLINE_SECRET", raising=False)
    lines = how_to_try("http://127.0.0.1:1", "$VAPI_SECRET_KEY")
    exports = [line for line in lines if line.startswith("export ")]
    pasted = "\n".join([*exports, 'echo "$VAPI_SECRET_KEY|$TRUNKLINE_SECRET|$TRUNKLINE_URL"', "trunkline --version"])
    ran = subprocess.run(["/bin/sh", "-c", pasted], capture_output=True, text=True, check=True, cwd="/")
    secret = "a secret, quoted"
    assert ran.stdout.splitlines() == [f"{secret}|{secret}|http://127.0.0.1:1", f"trunkline {__version__}"]


def test_on_a_sandbox_no_real_key_or_address_is_left(no_settings: pytest.MonkeyPatch) -> None:
    vendors = [name for name in Settings.model_fields if re.match("(vapi|twilio|telnyx|vonage)_", name)]
    forms = {"_url": "https://real-value", "_plan": '{"signatureHeader": "real-value"}'}
    for name in {*vendors} - {"twilio_sms_enabled", "vapi_routing"}:
        no_settings.setenv(name.upper(), next((v for end, v in forms.items() if name.endswith(end)), "real-value"))
    assert len(vendors) > 20
    used = dict(sandbox_settings("http://127.0.0.1:1"))
    texts = {n: str(v.get_secret_value() if isinstance(v, SecretStr) else v) for n, v in used.items()}
    assert [name for name, text in texts.items() if "real-value" in text] == ["vapi_secret_key"]
    assert all("127.0.0.1:1" in text for name, text in texts.items() if name.endswith("_base_url"))


@pytest.mark.parametrize("key", ["VAPI_API_KEY", "TWILIO_ACCOUNT_SID", "TELNYX_API_KEY", "VONAGE_API_KEY"])
def test_any_providers_key_means_that_it_is_for_real(key: str, no_settings: pytest.MonkeyPatch) -> None:
    assert not has_provider_keys(load_settings())
    no_settings.setenv(key, "some-key")
    assert has_provider_keys(load_settings())
