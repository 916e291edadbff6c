"""One process has the SQLite file; who comes second is told, and the kernel frees it whatever ends the first."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from trunkline.db.lock import SingleProcess, database_file
from trunkline.errors import SettingsError

HOLDER = """
import sys
from pathlib import Path
from trunkline.db.lock import SingleProcess
with SingleProcess(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""

HOLDER_WITH_A_CHILD = """
import subprocess, sys
from pathlib import Path
from trunkline.db.lock import SingleProcess
with SingleProcess(Path(sys.argv[1])):
    subprocess.run([sys.executable, "-c", "print('held', flush=True); input()"], close_fds=False)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "trunkline.sqlite"


@contextmanager
def held_by_another_process(file: Path, program: str = HOLDER) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", program, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_a_second_process_is_refused_and_told_who_has_it_and_what_to_do(file: Path) -> None:
    with held_by_another_process(file) as other, pytest.raises(SettingsError) as caught:
        SingleProcess(file)
    assert caught.value.detail == f"the database {file} is in use by process {other.pid}"
    assert caught.value.hint
    assert "stop that process" in caught.value.hint
    assert "DATABASE_URL" in caught.value.hint


def test_another_name_of_the_same_file_does_not_get_round_the_lock(file: Path) -> None:
    alias = file.with_name("alias.sqlite")
    file.touch()
    alias.symlink_to(file)
    with held_by_another_process(file), pytest.raises(SettingsError):
        SingleProcess(alias)


def test_a_killed_process_leaves_the_file_free(file: Path) -> None:
    with held_by_another_process(file) as other:
        other.kill()
        other.wait()
        with SingleProcess(file):
            assert Path(f"{file}.lock").read_text() == f"{os.getpid()}\n"


def test_a_process_that_ends_leaves_the_file_free(file: Path) -> None:
    with held_by_another_process(file) as other:
        assert other.stdin
        other.stdin.close()
        assert other.wait(60) == 0
        SingleProcess(file).close()


def test_a_program_that_the_killed_holder_started_does_not_keep_the_lock(file: Path) -> None:
    with held_by_another_process(file, HOLDER_WITH_A_CHILD) as other:
        other.kill()
        other.wait()
        SingleProcess(file).close()


def test_close_gives_it_back_and_may_be_called_twice(file: Path) -> None:
    first = SingleProcess(file)
    with pytest.raises(SettingsError, match=f"in use by process {os.getpid()}"):
        SingleProcess(file)
    first.close()
    second = SingleProcess(file)
    first.close()
    with pytest.raises(SettingsError):
        SingleProcess(file)
    second.close()


def test_a_directory_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file or directory") as caught:
        SingleProcess(tmp_path / "absent" / "trunkline.sqlite")
    assert caught.value.hint


def test_only_an_sqlite_url_has_a_file() -> None:
    assert database_file("sqlite:///trunkline.sqlite") == Path("trunkline.sqlite")
    assert database_file("sqlite:////data/trunkline.sqlite") == Path("/data/trunkline.sqlite")
    assert database_file("postgresql://user@host/trunkline") is None
