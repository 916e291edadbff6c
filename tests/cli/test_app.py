"""The program as a whole: help, version, exit codes, and how light it is to start."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from tests.cli.conftest import Start
from trunkline import __version__
from trunkline.cli import main
from trunkline.cli.app import COMMANDS, GROUPS, program

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
    shown = CliRunner().invoke(program(), ["--help"])
    assert shown.exit_code == 0
    for word in ("serve", "sandbox", "db", "demo", "0 done, 1 failed, 2 wrong usage or settings, 3 partly done"):
        assert word in shown.output


def imported(*words: str, code: int = 0, **settings: str) -> set[str]:
    """The modules that are there when the program ends."""
    script = """
import atexit, sys
atexit.register(lambda: print("imported", *sys.modules))
from trunkline.cli import main
main()
"""
    run = subprocess.run(
        [sys.executable, "-c", script, *words], capture_output=True, text=True, check=False, env=os.environ | settings
    )
    assert run.returncode == code, run.stderr
    return set(run.stdout.split("imported", 1)[1].split())


def test_help_imports_nothing_heavy_and_no_command() -> None:
    modules = imported("--help")
    assert "trunkline.cli.app" in modules
    assert not HEAVY & {name.partition(".")[0] for name in modules}
    assert not {f"trunkline.cli.{place.split('.')[0]}" for place, _ in (COMMANDS | GROUPS).values()} & modules


def test_only_the_command_that_is_asked_for_is_imported_and_made() -> None:
    group, command = (program(words) for words in (["--plain", "numbers", "list"], ["debts", "--json"]))
    assert ([g.name for g in group.registered_groups], group.registered_commands) == (["numbers"], [])
    assert (command.registered_groups, [c.name for c in command.registered_commands]) == ([], ["debts"])
    modules = imported("debts", "--help")
    assert "trunkline.cli.debts" in modules
    assert "trunkline.cli.numbers" not in modules


def test_a_server_does_not_load_what_draws_tracebacks() -> None:
    modules = imported("serve", "--port", "0", code=2, VAPI_SECRET_KEY="")
    assert {"trunkline.bootstrap", "structlog.dev"} < modules
    assert not {"rich", "pygments", "attr"} & modules


@pytest.mark.parametrize("words", [["--help"], ["-h", "numbers"], ["--plain", "--help", "debts"]])
def test_help_says_of_every_command_what_it_says_itself(words: list[str]) -> None:
    shown, whole = (
        CliRunner().invoke(made, words, prog_name="trunkline", terminal_width=200)
        for made in (program(words), program())
    )
    assert (shown.exit_code, shown.output) == (0, whole.output)
    assert "..." not in shown.output.split("Commands:")[1]


def test_who_mistypes_is_told_of_every_command() -> None:
    ended = CliRunner().invoke(program(["numbrs", "list"]), ["numbrs", "list"])
    assert ended.exit_code == 2
    assert "No such command 'numbrs'. Did you mean 'numbers'?" in ended.output


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
