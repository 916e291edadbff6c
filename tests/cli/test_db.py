"""`trunkline db`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.support.postgres import PostgresServer
from trunkline.cli import main
from trunkline.cli.app import program
from trunkline.db.migrate import ensure_current
from trunkline.errors import SettingsError


def say(*arguments: str) -> str:
    shown = CliRunner().invoke(program(), ["db", *arguments])
    assert shown.exit_code == 0, shown.output
    return shown.output.strip()


def test_a_new_file_is_upgraded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/new.sqlite")
    assert say("current") == "no tables (run: trunkline db upgrade)"
    assert not (tmp_path / "new.sqlite").exists()
    assert say("upgrade").startswith("upgraded from nothing to ")
    revision = say("current")
    assert "upgrade" not in revision
    assert say("upgrade") == f"schema {revision}, as before"


def test_a_postgresql_is_upgraded_so_that_the_server_takes_it(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.empty_database()
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(SettingsError, match="without tables"):
        ensure_current(url)
    assert say("upgrade").startswith("upgraded from nothing to ")
    ensure_current(url)
    postgres.drop(url)


@pytest.mark.parametrize("name", ["missing/new.sqlite", "no-database.sqlite"])
def test_what_is_no_database_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (tmp_path / "no-database.sqlite").write_bytes(b"a letter, say" * 1000)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/{name}")
    monkeypatch.setattr(sys, "argv", ["trunkline", "db", "upgrade"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("Error: the database cannot be opened: ")
    assert said.count("\n") == 1


def test_a_current_file_stays_as_it_is(migrated_sqlite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = shutil.copy(migrated_sqlite, tmp_path / "kept.sqlite")
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{file}")
    assert say("upgrade").endswith("as before")
