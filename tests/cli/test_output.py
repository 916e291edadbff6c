"""What others have written is shown and steers no terminal, also what was stored before names were checked."""

from __future__ import annotations

import csv
import json
import sqlite3
from pathlib import Path

import pytest

from tests.support.operator import Operator
from tests.support.server_process import ServerProcess

CLI = Path(__file__).parent.parent.parent / "src/trunkline/cli"
HOSTILE = "Roma\x1b[2J\x1b]0;owned\x07\x9b31m \u202eevil\u2066\nForged  line"
STEERING = {"\x1b", "\x07", "\x9b", "\u202e", "\u2066"}


@pytest.fixture
def hostile(operator: Operator, server: ServerProcess) -> str:
    """The id of a restaurant in service whose name steers terminals."""
    made = operator.restaurant("Roma")
    with sqlite3.connect(server.log.parent / "trunkline.sqlite", timeout=60) as database:
        database.execute("UPDATE restaurants SET name = ? WHERE id = ?", (HOSTILE, made.id))
    return str(made.id)


def test_no_command_passes_on_what_steers_a_terminal(operator: Operator, hostile: str) -> None:
    number = operator.client.restaurant(hostile).phone_number
    assert number is not None
    for command in (
        ("restaurants", "list"),
        ("restaurants", "show", hostile),
        ("numbers", "list"),
        ("numbers", "show", number),
        ("restaurants", "rotate-key", hostile, "--yes"),
        ("restaurants", "delete", hostile, "--yes"),
    ):
        said = operator.run(*command)
        assert "evil" in said, command
        assert not STEERING & set(said), command
        assert not [line for line in said.splitlines() if line.startswith("Forged")], command


def test_json_says_what_is_stored_and_steers_no_terminal_either(operator: Operator, hostile: str) -> None:
    for command in (("restaurants", "show", hostile), ("restaurants", "list")):
        said = operator.run(*command, "--json")
        assert not STEERING & set(said)
        shown = json.loads(said)
        assert HOSTILE in [one["name"] for one in (shown if isinstance(shown, list) else [shown])]


@pytest.mark.parametrize(
    ("command", "column"),
    [
        (("restaurants", "list"), "phone_number"),
        (("numbers", "list"), "monthly_price"),
        (("assignments", "list"), "restaurant_id"),
        (("batch", "list"), "total"),
        (("debts",), "subject"),
        (("accounts", "list"), "provider"),
        (("costs", "--restaurants"), "monthly_price"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_each_list_is_csv_with_the_fields_of_the_api(operator: Operator, command: tuple[str, ...], column: str) -> None:
    rows = list(csv.DictReader(operator.run(*command, "--csv").splitlines()))
    listed = operator.json(*command)
    assert len(rows) == len(listed)
    assert [row[column] for row in rows] == [str(one[column] or "") for one in listed]


def test_a_spreadsheet_executes_nothing_of_a_csv(operator: Operator) -> None:
    hostile = '=HYPERLINK("https://evil.example","Roma")'
    made = operator.restaurant(hostile)
    rows = {row["id"]: row for row in csv.DictReader(operator.run("restaurants", "list", "--csv").splitlines())}
    assert rows[made.id]["name"] == f"'{hostile}"
    assert rows[made.id]["phone_number"] == made.phone_number


def test_a_list_has_one_form(operator: Operator) -> None:
    assert "--json and --csv" in operator.refused("debts", "--json", "--csv", code=2)


def test_commands_speak_by_one_way_only() -> None:
    alone = {"output.py", "show.py", "csv_form.py", "reference.py"}
    assert [
        file.name for file in CLI.glob("*.py") if "typer.echo(" in file.read_text() and file.name not in alone
    ] == []
