"""The move from a script's own tables, by the commands that its page tells, while the phones go on ringing."""

from __future__ import annotations

import csv
import json
import re
import shlex
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support.operator import Operator
from tests.support.postgres import PostgresServer
from tests.support.server_process import SECRET
from tests.support.webhook import Answer, Webhook
from trunkline.sandbox.server import environment

PAGE = (Path(__file__).parents[2] / "docs/coming-from-a-script.md").read_text()
COMMANDS = [line for block in re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
SQLITE = [shlex.split(line) for line in COMMANDS if line.startswith("sqlite3")]
PSQL = [shlex.split(line) for line in COMMANDS if line.startswith("psql")]
OURS = [shlex.split(line)[1:] for line in COMMANDS if line.startswith("trunkline")]
SERVED = {"+13035550301": 'Osteria "Da Noi", Roma', "+13035550302": "Café Zürich", "+13035550303": "Roma"}
SPARE = "+13035550304"
TABLES = """
CREATE TABLE restaurants (id INTEGER PRIMARY KEY, name VARCHAR(200) NOT NULL);
CREATE TABLE phone_mappings (id INTEGER PRIMARY KEY, phone_number VARCHAR(20) NOT NULL, restaurant_id INTEGER NOT NULL);
"""


class Old:
    """The backend that goes: its tables, and what it answers to a call."""

    def __init__(self, file: Path) -> None:
        self.file, self.webhook = file, Webhook()
        self.webhook.answers["tool-calls"] = self.answer
        self.rows = list(enumerate([*SERVED.values(), "Never had a number"], 1))
        with closing(sqlite3.connect(file)) as database:
            self.fill(database.executescript)
            database.commit()

    def fill(self, execute: Any) -> None:
        execute(TABLES)
        told = ", ".join(f"({n}, '{name}')" for n, name in self.rows)
        mapped = ", ".join(f"({n}, '{number}', {n})" for n, number in enumerate(SERVED, 1))
        execute(f"INSERT INTO restaurants VALUES {told}; INSERT INTO phone_mappings VALUES {mapped};")

    def answer(self, message: dict[str, Any]) -> Answer:
        (call,) = message["toolCallList"]
        name = SERVED[message["phoneNumber"]["number"]]
        result = {"toolCallId": call["id"], "result": json.dumps({"restaurant_name": name})}
        return 200, {"results": [result]}


@pytest.fixture
def old(operator: Operator, tmp_path: Path) -> Iterator[Old]:
    """The world as the script left it: numbers at Twilio, in Vapi, answered by the assistant, with nobody's mark."""
    held = [{"carrier": "twilio", "number": number, "account": operator.account} for number in SERVED]
    operator.sandbox.control.post("/numbers?imported=true", json=held).raise_for_status()
    spare = {"carrier": "twilio", "number": SPARE, "account": operator.account}
    operator.sandbox.control.post("/numbers", json=spare).raise_for_status()
    old = Old(tmp_path / "app.db")
    with old.webhook:
        operator.run("setup-vapi", "--yes", **settings(operator, old.webhook.url.removesuffix("/api/vapi/server")))
        yield old


def settings(operator: Operator, reached: str) -> dict[str, Any]:
    return environment(operator.sandbox.url) | {"VAPI_SECRET_KEY": SECRET, "PUBLIC_BACKEND_URL": reached}


def ring(operator: Operator, number: str) -> str:
    """Which restaurant the assistant was told that was called."""
    told = operator.sandbox.control.post("/calls", json={"to": number}).raise_for_status().json()
    assert told["outcome"] == "assistant", told
    return str(json.loads(told["tool_result"]["result"])["restaurant_name"])


@contextmanager
def ringing(operator: Operator) -> Iterator[list[tuple[str, str]]]:
    """Calls without end, to one number after the other; what was answered by another restaurant, or by none."""
    wrong: list[tuple[str, str]] = []
    over = threading.Event()

    def go_on() -> None:
        while not over.is_set():
            for number, name in SERVED.items():
                try:
                    said = ring(operator, number)
                except Exception as error:
                    said = repr(error)
                if said != name:
                    wrong.append((number, said))
                over.wait(0.1)  # the commands need the machine as well

    caller = threading.Thread(target=go_on)
    caller.start()
    try:
        yield wrong
    finally:
        over.set()
        caller.join()


def export(old: Old) -> None:
    for _, _, _, _, query, _, target in SQLITE:
        with closing(sqlite3.connect(old.file)) as database, (old.file.parent / target).open("w") as file:
            found = database.execute(query)
            lines = csv.writer(file)
            lines.writerow([column[0] for column in found.description])
            lines.writerows(found)


def test_the_page_moves_a_world_and_every_call_is_answered_meanwhile(operator: Operator, old: Old) -> None:
    export(old)
    reached = settings(operator, operator.settings["TRUNKLINE_URL"])
    said = []
    with ringing(operator) as wrong:
        for command in OURS:
            if command[0] == "setup-vapi":
                assert {ring(operator, number) for number in SERVED} == set(SERVED.values())
                assert list(operator.client.calls()) == []  # all of them went to the old backend
            said.append(operator.run(*command, **(reached if command[0] == "setup-vapi" else {})))
    assert wrong == []
    assert [text.splitlines()[0] for text in said if "checksum" in text] == ["nothing differs", "nothing differs"]
    before = len(old.webhook.got)
    assert {number: ring(operator, number) for number in SERVED} == SERVED
    assert len(old.webhook.got) == before
    restaurants = {row.external_id: row for row in operator.client.restaurants()}
    assert {(int(mark or 0), row.name) for mark, row in restaurants.items()} == set(old.rows)
    assert {row.phone_number: row.name for row in restaurants.values() if row.phone_number} == SERVED
    for row in restaurants.values():
        assert bool(list(operator.client.calls(restaurant_id=row.id))) is bool(row.phone_number)
    assert operator.client.number(SPARE).state == "idle"
    assert {held["number"] for held in operator.sandbox.held("twilio")} == {*SERVED, SPARE}


def test_the_pages_export_is_the_same_from_both_databases(tmp_path: Path, postgres: PostgresServer) -> None:
    old, url = Old(tmp_path / "app.db"), postgres.fresh_database()
    export(old)
    with psycopg.connect(url) as connection:
        connection.execute("CREATE SCHEMA old; SET search_path TO old")  # beside our own tables
        old.fill(connection.execute)
        for command in PSQL:
            found = re.fullmatch(r"\\copy (\(.*\)) TO '(\w+\.csv)' (CSV HEADER)", command[-1])
            assert found is not None
            with connection.cursor().copy(f"COPY {found[1]} TO STDOUT {found[3]}") as copied:
                text = b"".join(copied).decode()
            assert text.splitlines() == (tmp_path / found[2]).read_text().splitlines()
    postgres.drop(url)
    assert len(PSQL) == len(SQLITE) == 2
