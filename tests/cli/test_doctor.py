"""`trunkline doctor`: what is wrong is named with its mend, at the live providers; nothing is changed."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.cli.shop import Said, Shop
from tests.support.postgres import PostgresServer
from tests.support.sandbox_server import SandboxServer
from tests.support.sqlite import copied
from trunkline.sandbox import twilio, vapi, vonage


@pytest.fixture
def shop(sandbox: SandboxServer, migrated_sqlite: Path, tmp_path: Path) -> Iterator[Shop]:
    url = copied(migrated_sqlite, tmp_path)
    with Shop(sandbox, tmp_path, url) as opened:
        yield opened


def doctor(shop: Shop, **settings: str) -> tuple[Said, dict[str, dict[str, Any]]]:
    """What it said, and its findings by subject; of several on one subject the worst."""
    said = shop.run("doctor", "--here", "--json", **settings)
    assert said.out, said.errors
    order = ["ok", "warning", "problem"]
    return said, {f["subject"]: f for f in sorted(said.json, key=lambda f: order.index(f["level"]))}


def ask_vapi(shop: Shop, method: str, path: str, **fields: Any) -> Any:
    headers = {"Authorization": f"Bearer {vapi.DEFAULT_SECRET}"}
    answer = httpx2.request(method, f"{shop.sandbox.url}{path}", json=fields or None, headers=headers)
    return answer.raise_for_status().json()


def test_a_server_that_runs_looks_with_its_own_settings(shop: Shop) -> None:
    wrong = {"TWILIO_AUTH_TOKEN": "another", "VAPI_API_KEY": "another"}
    told = shop.run("doctor", "--json", **wrong).json
    assert "Full account" in next(f["text"] for f in told if f["subject"] == "twilio")
    said, found = doctor(shop, **wrong)
    assert (said.code, found["twilio"]["level"]) == (1, "problem")
    unknown = shop.run("doctor", "--json", TRUNKLINE_SECRET="another", **wrong)
    assert unknown.code == 1
    assert "looking with the settings found here" in unknown.errors


def test_all_is_right_after_setup_and_nothing_is_changed_by_looking(shop: Shop) -> None:
    shop.create("Roma")
    shop.run("setup-vapi", "--yes")
    shop.sandbox.control.delete("/requests")
    said, found = doctor(shop)
    assert said.code == 0, said.out
    assert {subject for subject, finding in found.items() if finding["level"] != "ok"} == {"public address"}
    assert "this machine only" in found["public address"]["text"]
    assert "Full account" in found["twilio"]["text"]
    assert "numbers in service: 1, all answered by the shared assistant" in found["routing"]["text"]
    assert {r["method"] for r in shop.sandbox.requests()} == {"GET"}
    table = shop.run("doctor")
    assert table.code == 0
    assert "1 warning\n" in table.out  # its address is of this machine; the server that looks runs, at whatever port


def test_an_assistant_that_does_not_reach_us_is_a_problem_with_its_mend(shop: Shop) -> None:
    said, found = doctor(shop)
    assert said.code == 1
    assert found["assistant"]["level"] == "problem"
    assert found["assistant"]["mend"] == "run: trunkline setup-vapi"
    shop.run("setup-vapi", "--yes")
    assistant = ask_vapi(shop, "GET", "/assistant")[0]
    ask_vapi(shop, "PATCH", f"/assistant/{assistant['id']}", serverMessages=["tool-calls"])
    _, found = doctor(shop)
    assert "end-of-call-report" in found["assistant"]["text"]
    ask_vapi(shop, "PATCH", f"/assistant/{assistant['id']}", serverMessages=None, model={"tools": []})
    said, found = doctor(shop)
    assert (said.code, found["assistant"]["level"]) == (0, "warning")
    assert "no tool get_restaurant" in found["assistant"]["text"]
    assert doctor(shop, VAPI_ROUTING="server")[1]["assistant"]["level"] == "ok"


@pytest.mark.parametrize(
    ("settings", "subject", "told"),
    [
        ({"VAPI_API_KEY": "a-public-key"}, "vapi", "refused our key"),
        ({"TWILIO_AUTH_TOKEN": "wrong"}, "twilio", "Authenticate"),
        ({"VAPI_ASSISTANT_NAME": "Nobody"}, "assistant", "none named 'Nobody'"),
        ({"VAPI_SECRET_KEY": "another-secret"}, "webhook", "does not know our VAPI_SECRET_KEY"),
        ({"VAPI_SECRET_KEY": "another-secret"}, "assistant", "does not send our VAPI_SECRET_KEY"),
        ({"PUBLIC_BACKEND_URL": "http://127.0.0.1:9"}, "public address", "does not answer"),
        ({"PUBLIC_BACKEND_URL": "http://trunkline.invalid"}, "public address", "does not answer"),
        ({"PUBLIC_BACKEND_URL": "", "VAPI_ROUTING": "server"}, "public address", "is not set"),
        ({"DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none"}, "database", "cannot be opened"),
        ({"VAPI_ROUTING": "server"}, "routing", "1 of 1 numbers in service are not answered by our server"),
    ],
)
def test_each_problem_is_named(shop: Shop, settings: dict[str, str], subject: str, told: str) -> None:
    shop.create("Roma")
    shop.run("setup-vapi", "--yes")
    said, found = doctor(shop, **settings)
    assert said.code == 1
    assert found[subject]["level"] == "problem"
    assert told in found[subject]["text"]
    assert found[subject]["mend"]
    assert settings.get("VAPI_SECRET_KEY", "-none-") not in said.out


@pytest.mark.parametrize(
    ("settings", "subject", "told"),
    [
        ({"TRUNKLINE_URL": "http://127.0.0.1:9"}, "server", "none runs"),
        ({"CARRIERS": "twilio,byo"}, "byo", "keys are not set"),
        ({"PUBLIC_BACKEND_URL": ""}, "public address", "is not set"),
    ],
)
def test_each_warning_is_named_and_fails_nothing(shop: Shop, settings: dict[str, str], subject: str, told: str) -> None:
    shop.run("setup-vapi", "--yes")
    said, found = doctor(shop, **settings)
    assert said.code == 0, said.out
    assert found[subject]["level"] == "warning"
    assert told in found[subject]["text"]


def test_accounts_are_told_with_their_kind_and_balance(shop: Shop) -> None:
    put = shop.sandbox.control.put
    put(f"/accounts/twilio/{twilio.DEFAULT_ACCOUNT}", json={"trial": True, "balance": "12.5"}).raise_for_status()
    put(f"/accounts/vonage/{vonage.DEFAULT_ACCOUNT}", json={"balance": "0"}).raise_for_status()
    _, found = doctor(shop, CARRIERS="twilio,telnyx,vonage")
    assert (found["twilio"]["level"], found["vonage"]["level"]) == ("warning", "warning")
    assert "Trial account, balance 12.5 USD" in found["twilio"]["text"]
    assert "nothing can be bought" in found["vonage"]["text"]
    assert found["telnyx"]["level"] == "ok"


def test_a_number_that_serves_somebody_else_is_named(shop: Shop) -> None:
    number = shop.create("Roma")["phone_number"]
    shop.run("setup-vapi", "--yes")
    other = ask_vapi(shop, "POST", "/assistant", name="Somebody else's")["id"]
    (row,) = ask_vapi(shop, "GET", "/phone-number")
    ask_vapi(shop, "PATCH", f"/phone-number/{row['id']}", assistantId=other)
    said, found = doctor(shop)
    assert said.code == 1
    assert number in found["routing"]["text"]


def test_a_wrong_clock_is_a_problem(shop: Shop) -> None:
    """As the provider's Date shows it."""

    class Early(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def date_time_string(self, timestamp: float | None = None) -> str:
            return formatdate(time.time() - 120, usegmt=True)

        def log_message(self, format: str, *args: Any) -> None:
            return

    assert doctor(shop)[1]["clock"]["level"] == "ok"
    with ThreadingHTTPServer(("127.0.0.1", 0), Early) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        said, found = doctor(shop, VAPI_BASE_URL=f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
    assert said.code == 1
    assert found["clock"]["level"] == "problem"
    assert found["clock"]["text"].endswith("s ahead")


def test_an_old_schema_is_a_problem_on_postgresql(shop: Shop, postgres: PostgresServer) -> None:
    url = postgres.empty_database()
    said, found = doctor(shop, DATABASE_URL=url)
    assert said.code == 1
    assert found["database"]["mend"] == "run: trunkline db upgrade"
    postgres.drop(url)


def test_a_database_that_is_not_there_yet_is_not_made_by_looking(shop: Shop, tmp_path: Path) -> None:
    file = tmp_path / "later.sqlite"
    _, found = doctor(shop, DATABASE_URL=f"sqlite:///{file}")
    assert found["database"]["level"] == "ok"
    assert "next start" in found["database"]["text"]
    assert not file.exists()


def test_former_keys_are_counted_until_they_are_renewed(shop: Shop, tmp_path: Path) -> None:
    roma, _ = shop.create("Roma"), shop.create("Napoli")
    assert doctor(shop)[1]["keys"]["level"] == "ok"
    with sqlite3.connect(tmp_path / "trunkline.sqlite") as database:
        database.execute("DELETE FROM keys WHERE restaurant_id = ?", (roma["id"],))
        database.execute("UPDATE restaurants SET api_key_hash = 'h' WHERE id = ?", (roma["id"],))
    found = doctor(shop)[1]["keys"]
    assert (found["level"], "rotate-key --all" in found["mend"]) == ("warning", True)
    assert found["text"].endswith(": 1")
    assert shop.run("restaurants", "rotate-key", "--all", "--yes").code == 0
    assert doctor(shop)[1]["keys"]["level"] == "ok"


def test_a_secret_that_may_do_more_than_vapi_needs_is_told_where_vapi_reaches_us(shop: Shop) -> None:
    public = {"PUBLIC_BACKEND_URL": "https://trunkline.example.com"}
    assert "VAPI_SECRET_SCOPES=webhook" in doctor(shop, **public)[1]["secret"]["mend"]
    assert "secret" not in doctor(shop, VAPI_SECRET_SCOPES="Webhook", **public)[1]
    found = doctor(shop, VAPI_SECRET_SCOPES="webhook", VAPI_SECRET_KEY_PREVIOUS="the-one-before", **public)[1]["secret"]
    assert "VAPI_SECRET_KEY_PREVIOUS" in found["text"]
