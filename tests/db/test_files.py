"""The files of an SQLite database: nobody else reads them, and a write to a file that is gone is not believed."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.support.forked import Process
from tests.support.sandbox_server import SandboxServer
from tests.support.server_process import QUICK, ServerProcess
from trunkline.db.files import FileGone, prepare
from trunkline.db.migrate import ensure_current, transaction
from trunkline.db.session import Database
from trunkline.errors import SettingsError
from trunkline.sandbox.server import environment

pytestmark = pytest.mark.anyio


@pytest.fixture
def file(migrated_sqlite: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(migrated_sqlite, tmp_path / "trunkline.sqlite"))


@pytest.fixture
def open_to_all() -> Iterator[None]:
    """Files that are made are readable by all, as they are for most users."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def readable_by_others(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if stat.S_IMODE(path.stat().st_mode) & 0o077]


def refused_start(sandbox: SandboxServer, url: str, folder: Path) -> str:
    """The one line in which `trunkline serve` says why it does not start."""
    settings = environment(sandbox.url) | QUICK | {"DATABASE_URL": url, "HOME": str(folder)}
    said, complained = folder / "said", folder / "complained"
    with said.open("w") as out, complained.open("w") as errors:
        code = Process(["serve", "--port", "0"], folder, settings, out, errors).wait(60)
    told = complained.read_text()
    assert (code, told.count("\n"), said.read_text()) == (2, 1, ""), told
    return told


@pytest.mark.usefixtures("open_to_all")
def test_nobody_else_reads_what_a_server_stores(sandbox: SandboxServer, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    url = f"sqlite:///{folder}/trunkline.sqlite"
    with ServerProcess(sandbox, url, tmp_path / "log") as server:
        server.post("/api/restaurants", name="Roma")
        assert len(list(folder.iterdir())) == 7  # two databases with two files beside each, and the lock
        assert readable_by_others(folder) == []


@pytest.mark.usefixtures("open_to_all")
def test_files_from_before_are_made_private(file: Path) -> None:
    Path(f"{file}.lock").touch()
    assert readable_by_others(file.parent)
    ensure_current(f"sqlite:///{file}")
    assert readable_by_others(file.parent) == []


@pytest.mark.parametrize("put_back", [False, True], ids=["gone", "replaced"])
async def test_a_write_to_a_file_that_is_not_in_its_place_is_no_write(file: Path, put_back: bool) -> None:
    database = Database(f"sqlite:///{file}")
    async with database.write() as session:
        await session.execute(text("UPDATE installation SET name = 'a'"))
    copy = shutil.copy(file, f"{file}.copy")
    file.unlink()
    if put_back:
        shutil.move(copy, file)
    with pytest.raises(FileGone):
        async with database.write() as session:
            await session.execute(text("UPDATE installation SET name = 'b'"))
    await database.close()


async def test_a_file_that_comes_back_is_written_again(file: Path) -> None:
    database = Database(f"sqlite:///{file}")
    async with database.write():
        pass
    file.rename(f"{file}.away")
    with pytest.raises(FileGone):
        async with database.write():
            pass
    Path(f"{file}.away").rename(file)
    async with database.write():
        pass
    await database.close()


def test_nothing_is_bought_once_the_file_is_gone(sandbox: SandboxServer, file: Path, tmp_path: Path) -> None:
    with ServerProcess(sandbox, f"sqlite:///{file}", tmp_path / "log") as server:
        assert server.get("/readyz") == {"status": "ready"}
        server.client.post("/api/restaurants", json={"name": "Before"}).raise_for_status()
        held = sandbox.held("twilio")
        for path in (file, Path(f"{file}-wal"), Path(f"{file}-shm")):
            path.unlink()
        ready = server.client.get("/readyz")
        assert (ready.status_code, ready.json()["code"]) == (503, "not_ready")
        assert "gone" in ready.json()["detail"]
        made = server.client.post("/api/restaurants", json={"name": "After", "force_twilio": True})
        assert (made.status_code, made.json()["code"]) == (503, "not_ready")
        assert sandbox.held("twilio") == held


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"garbage" * 1000, "is no SQLite database"), (b"SQLite format 3\0" + b"garbage" * 1000, "cannot be opened")],
)
def test_what_is_no_database_is_refused(sandbox: SandboxServer, tmp_path: Path, content: bytes, told: str) -> None:
    file = tmp_path / "trunkline.sqlite"
    file.write_bytes(content)
    assert told in refused_start(sandbox, f"sqlite:///{file}", tmp_path)
    assert file.read_bytes() == content


def test_a_schema_that_is_not_what_it_says_is_refused(sandbox: SandboxServer, file: Path, tmp_path: Path) -> None:
    with transaction(f"sqlite:///{file}") as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0002'"))
    told = refused_start(sandbox, f"sqlite:///{file}", tmp_path)
    assert "says that it is at schema 0002, and its tables are others" in told
    with transaction(f"sqlite:///{file}") as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert "newer than this version's" in refused_start(sandbox, f"sqlite:///{file}", tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="a superuser may write everything")
def test_a_file_that_may_not_be_written_is_refused(file: Path) -> None:
    file.chmod(0o400)
    with pytest.raises(SettingsError, match="Permission denied") as refused:
        prepare(file)
    assert "let this user write" in (refused.value.hint or "")


@pytest.mark.parametrize(("where", "mend"), [("missing/db", "does not exist"), (".", "names a directory")])
def test_a_place_where_no_file_can_be_is_named(tmp_path: Path, where: str, mend: str) -> None:
    with pytest.raises(SettingsError, match="cannot be opened") as refused:
        prepare(tmp_path / where)
    assert mend in (refused.value.hint or "")
