"""Copies of a database: both SQLite files at one moment, back again, and all rows into an empty PostgreSQL."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import Connection, Table, func, insert, select, text

from trunkline.db import files
from trunkline.db.lock import SingleProcess, database_file
from trunkline.db.migrate import current, opened, pending
from trunkline.db.models import Base, Event, NumberChange
from trunkline.db.sqlite import BUSY_SECONDS
from trunkline.errors import SettingsError

PIECE = 1000


def back_up(url: str, target: Path) -> list[Path]:
    """Write both files of an SQLite database, as they are at one moment, also while a server works on it; the engine's
    stands beside the target. SettingsError where there is no such database, or the target is there already."""
    source = _sqlite_file(url)
    written = [target, Path(f"{target}{files.ENGINES}")]
    for path in written:
        if path.exists():
            raise SettingsError(f"{path} is there already", hint="choose another name")
    if not source.exists():
        raise SettingsError(f"there is no database {source}", hint="check DATABASE_URL")
    pairs = [(Path(f"{source}{suffix}"), Path(f"{target}{suffix}")) for suffix in ("", files.ENGINES)]
    pairs = [(source, target) for source, target in pairs if source.exists()]
    with _one_moment([source for source, _ in pairs]) as readers:
        for reader, (_, target) in zip(readers, pairs, strict=True):
            _write(reader, target)
    return [target for _, target in pairs]


@contextmanager
def _one_moment(sources: list[Path]) -> Iterator[list[sqlite3.Connection]]:
    """A reader of each file, all of the same moment: writers wait while the readers begin, and no longer."""
    readers = [sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None) for file in sources]
    writers = [sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None) for file in sources]
    try:
        for writer in writers:
            writer.execute("BEGIN IMMEDIATE")
        for reader in readers:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM sqlite_master").fetchone()  # it begins with the first read
        for writer in writers:
            writer.execute("ROLLBACK")
        yield readers
    finally:
        for connection in (*writers, *readers):
            connection.close()


def _write(reader: sqlite3.Connection, target: Path) -> None:
    """Whole or not at all: under another name until it is complete."""
    part = Path(f"{target}.part")
    os.close(os.open(part, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, files.PRIVATE))
    try:
        with closing(sqlite3.connect(part)) as copy:
            reader.backup(copy)
        part.rename(target)
    finally:
        part.unlink(missing_ok=True)


def restore(url: str, backup: Path) -> list[Path]:
    """Put the files of a backup in the place of the database's, which are kept under other names; these. SettingsError
    while a server works on it, or for a file that is no backup of this program's."""
    target = _sqlite_file(url)
    if not backup.is_file():
        raise SettingsError(f"there is no backup {backup}", hint="give the file that trunkline backup has written")
    _refuse_other(backup)
    kept: list[Path] = []
    with SingleProcess(target):
        former = _free_name(target)
        for suffix in ("", "-wal", "-shm", files.ENGINES, f"{files.ENGINES}-wal", f"{files.ENGINES}-shm"):
            if (file := Path(f"{target}{suffix}")).exists():
                file.rename(f"{former}{suffix}")
                kept.append(Path(f"{former}{suffix}"))
        for suffix in ("", files.ENGINES):
            if (source := Path(f"{backup}{suffix}")).exists():
                with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as reader:
                    _write(reader, Path(f"{target}{suffix}"))
    return kept


def _refuse_other(backup: Path) -> None:
    with backup.open("rb") as opened_file:
        begins = opened_file.read(len(files.HEADER))
    if begins != files.HEADER or current(f"sqlite:///{backup}") is None:
        raise SettingsError(f"{backup} is no backup of a Trunkline database", hint="give the file of a backup")
    pending(f"sqlite:///{backup}")  # of a newer version: refused


def _free_name(target: Path) -> Path:
    for n in range(1, 1000):
        if not (name := Path(f"{target}.before-restore-{n}")).exists():
            return name
    raise SettingsError(f"{target} was restored a thousand times", hint="remove the files that were kept")


def copy_to_postgresql(url: str, target_url: str) -> dict[str, int]:
    """Copy every row into a PostgreSQL that has this version's tables and nothing in them; how many of each table.

    All or nothing. The engine's records are not copied: what is unfinished is found by our own tables, and goes on.
    """
    source = _sqlite_file(url)
    if database_file(target_url):
        raise SettingsError("the target is no PostgreSQL", hint="give an address like postgresql://user@host/name")
    for which, what in ((url, f"the database {source}"), (target_url, "the target")):
        if current(which) is None or pending(which):
            raise SettingsError(f"{what} is not at this version's schema", hint="run trunkline db upgrade with its URL")
    with SingleProcess(source), opened(url) as rows, opened(target_url) as target:
        copied = {table.name: _copy(rows, target, table) for table in Base.metadata.sorted_tables}
        for counted, sequence in ((NumberChange.id, "number_changes_id_seq"), (Event.seq, "events_seq_seq")):
            newest = select(func.coalesce(func.max(counted), 0) + 1).scalar_subquery()
            target.execute(select(func.setval(text(f"'{sequence}'"), newest, False)))
        target.commit()
    return copied


def _copy(rows: Connection, target: Connection, table: Table) -> int:
    if target.execute(select(table).limit(1)).first() is not None:
        raise SettingsError(f"the target has rows in {table.name} already", hint="give an empty database")
    copied = 0
    for piece in rows.execute(select(table)).mappings().partitions(PIECE):
        target.execute(insert(table), [dict(row) for row in piece])
        copied += len(piece)
    return copied


def _sqlite_file(url: str) -> Path:
    file = database_file(url)
    if file is None:
        raise SettingsError("DATABASE_URL names no SQLite file", hint="PostgreSQL has its own: pg_dump and pg_restore")
    return file
