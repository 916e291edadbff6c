"""A backup is one moment of a database at work; a copy in PostgreSQL goes on where the file ended."""

from __future__ import annotations

import shutil
import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.desk import Desk, sandbox_settings
from tests.support.postgres import PostgresServer
from tests.support.sandbox_server import SandboxServer
from trunkline.bootstrap import running_services
from trunkline.db.copies import back_up, copy_to_postgresql, restore
from trunkline.db.lock import SingleProcess
from trunkline.errors import SettingsError

pytestmark = pytest.mark.anyio


@pytest.fixture
def file(migrated_sqlite: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(migrated_sqlite, tmp_path / "trunkline.sqlite"))


def names(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as opened:
        return [name for (name,) in opened.execute("SELECT name FROM restaurants ORDER BY id")]


async def test_a_backup_of_a_database_at_work_is_put_back(sandbox: SandboxServer, file: Path, tmp_path: Path) -> None:
    url, target = f"sqlite:///{file}", tmp_path / "backup.sqlite"
    async with running_services(sandbox_settings(sandbox, url)) as services:
        desk = Desk(services, sandbox)
        roma = await desk.assign("Roma")
        written = back_up(url, target)
        await desk.assign("Napoli")
        with pytest.raises(SettingsError, match="in use by process"):
            restore(url, target)
    assert written == [target, Path(f"{target}.engine")]
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in written)
    assert names(target) == ["Roma"]
    kept = restore(url, target)
    assert names(file) == ["Roma"]
    assert names(kept[0]) == ["Roma", "Napoli"]
    async with running_services(sandbox_settings(sandbox, url)) as services:
        desk = Desk(services, sandbox)
        number = await desk.number(roma.number)
        assert number.state == "in_service"
        again = await desk.assign("Milano", force_twilio=True)
        assert again.status == "assigned"


async def test_both_files_are_of_one_moment(file: Path, tmp_path: Path) -> None:
    """Somebody writes one file and then the other, all the time: the copy never has the second write alone."""
    both, stop = (file, Path(f"{file}.engine")), threading.Event()
    for path in both:
        with closing(sqlite3.connect(path)) as opened:
            opened.executescript(
                "PRAGMA journal_mode=WAL; CREATE TABLE ticks (n INTEGER); INSERT INTO ticks VALUES (0)"
            )

    def write() -> None:
        opened = [sqlite3.connect(path, timeout=30, isolation_level=None) for path in both]
        while not stop.is_set():
            for connection in opened:
                connection.execute("UPDATE ticks SET n = n + 1")
        for connection in opened:
            connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        copies = [back_up(f"sqlite:///{file}", tmp_path / f"copy-{n}") for n in range(10)]
    finally:
        stop.set()
        writer.join()
    for copied in copies:
        ticks = []
        for path in copied:
            with closing(sqlite3.connect(path)) as opened:
                ticks.append(opened.execute("SELECT n FROM ticks").fetchone()[0])
        assert ticks[0] - ticks[1] in (0, 1)


async def test_what_is_no_backup_is_refused_and_nothing_is_moved(file: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{file}"
    letter = tmp_path / "letter"
    letter.write_bytes(b"a letter" * 100)
    empty = tmp_path / "empty.sqlite"
    sqlite3.connect(empty).execute("CREATE TABLE others (n)").connection.close()
    for wrong in (letter, empty, tmp_path / "nowhere"):
        with pytest.raises(SettingsError, match=r"no backup"):
            restore(url, wrong)
    with pytest.raises(SettingsError, match="there already"):
        back_up(url, letter)
    with pytest.raises(SettingsError, match="no SQLite file"):
        back_up("postgresql://nobody@localhost/none", tmp_path / "b")
    assert sorted(path.name for path in tmp_path.glob("*.before-restore*")) == []


async def test_everything_goes_on_in_a_postgresql(sandbox: SandboxServer, postgres: PostgresServer, file: Path) -> None:
    url, target = f"sqlite:///{file}", postgres.fresh_database()
    async with running_services(sandbox_settings(sandbox, url)) as services:
        before = await Desk(services, sandbox).assign("Roma")
    with SingleProcess(file), pytest.raises(SettingsError, match="in use"):
        copy_to_postgresql(url, target)
    copied = copy_to_postgresql(url, target)
    assert (copied["restaurants"], copied["numbers"], copied["mappings"]) == (1, 1, 1)
    with pytest.raises(SettingsError, match="has rows"):
        copy_to_postgresql(url, target)
    async with running_services(sandbox_settings(sandbox, target)) as services:
        desk = Desk(services, sandbox)
        assert (await desk.number(before.number)).state == "in_service"
        assert (await desk.assign("Napoli")).status == "assigned"
        assert len(sandbox.held("twilio")) == 2
    postgres.drop(target)
