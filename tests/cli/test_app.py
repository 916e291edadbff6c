"""The program as a whole: help, version, exit codes, and how light it is to start."""

from __future__ import annotations

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from tests.cli.conftest import Start
from trunkline import __version__
from trunkline.cli import main
from trunkline.cli.app import app, asked_for

HEAVY = {
    "alembic",
    "dbos",
    "fastapi",
    "httpx2",
    "phonenumbers",
    "pydantic",
    "rich",
    "sqlalchemy",
    "structlog",
    "uvicorn",
}


def test_help_names_every_command_and_the_exit_codes() -> None:
    shown = CliRunner().invoke(app, ["--help"])
    assert shown.exit_code == 0
    for word in ("serve", "sandbox", "db", "demo", "0 done, 1 failed, 2 wrong usage or settings, 3 partly done"):
        assert word in shown.output


def test_help_imports_nothing_heavy() -> None:
    script = """
import atexit, sys
atexit.register(lambda: print("imported", *sys.modules))
from trunkline.cli import main
main()
"""
    run = subprocess.run([sys.executable, "-c", script, "--help"], capture_output=True, text=True, check=True)
    imported = {name.partition(".")[0] for name in run.stdout.split("imported", 1)[1].split()}
    assert "trunkline" in imported
    assert not HEAVY & imported


def test_only_the_command_that_is_asked_for_is_made() -> None:
    group, command = (asked_for(words) for words in (["--plain", "numbers", "list"], ["debts", "--json"]))
    assert ([g.name for g in group.registered_groups], group.registered_commands) == (["numbers"], [])
    assert (command.registered_groups, [c.name for c in command.registered_commands]) == ([], ["debts"])
    assert asked_for(["--help"]) is asked_for(["numbrs"]) is app


def test_the_module_runs_as_the_command_does(trunkline: Start) -> None:
    assert f"trunkline {__version__}" in trunkline("--version").until("trunkline")


def test_an_unknown_command_is_wrong_usage(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["trunkline", "fly"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert "No such command 'fly'" in capsys.readouterr().err


def test_unusable_settings_are_one_line_without_their_value(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["trunkline", "db", "current"])
    monkeypatch.setenv("DATABASE_URL", "mysql://root:hunter2@somewhere/db")
    with pytest.raises(SystemExit) as end:
        main()
    said = capsys.readouterr().err
    assert end.value.code == 2
    assert said.startswith("Error: DATABASE_URL: ")
    assert said.count("\n") == 1
    assert "hunter2" not in said
