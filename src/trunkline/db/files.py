"""The files of an SQLite database: usable before they are opened, this user's alone, and still there afterwards."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import structlog
from sqlalchemy.exc import OperationalError

from trunkline.errors import SettingsError

log = structlog.get_logger()
PRIVATE = 0o600
OF_OTHERS = 0o077
HEADER = b"SQLite format 3\0"  # SQLite's documents, "Database File Format", 1.3
ENGINES = ".engine"  # the durable engine's own database, beside ours
BESIDE = ("", "-wal", "-shm", "-journal", ENGINES, f"{ENGINES}-wal", f"{ENGINES}-shm", ".lock")


class FileGone(OperationalError):
    """The file was taken away, or another one put in its place: what is written now is lost with the process."""

    def __init__(self) -> None:
        super().__init__(None, None, FileNotFoundError("the database's file is gone or another one is in its place"))


def prepare(file: Path) -> None:
    """Make the database's file where there is none, and let no other user of the machine read what is in it: calls,
    callers, tenants. SettingsError where it cannot be used, before anything is opened."""
    for path in (file, Path(f"{file}{ENGINES}")):
        try:
            found = os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE)
        except OSError as error:
            raise SettingsError(f"the database cannot be opened: {path}: {error.strerror}", hint=_mend(path)) from None
        with os.fdopen(found, "rb") as opened:
            begins = opened.read(len(HEADER))
        if begins and begins != HEADER:
            hint = "check DATABASE_URL, or put back the file of a backup"
            raise SettingsError(f"the database cannot be opened: {path} is no SQLite database", hint=hint)
    for suffix in BESIDE:
        _make_private(Path(f"{file}{suffix}"))


def _mend(path: Path) -> str:
    if not path.parent.is_dir():
        return "check DATABASE_URL: the directory does not exist"
    if path.is_dir():
        return "check DATABASE_URL: it names a directory"
    return "let this user write the file and its directory, or check DATABASE_URL"


def _make_private(path: Path) -> None:
    try:
        if (mode := stat.S_IMODE(path.stat().st_mode)) & OF_OTHERS:
            path.chmod(mode & ~OF_OTHERS)
    except FileNotFoundError:
        return
    except OSError as error:
        log.warning("others may read a file of the database", file=path.name, error=error.strerror)


class HeldFile:
    """The file as it was when it was opened."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._known: tuple[int, int] | None = None

    def opened(self) -> None:
        """It is the one that is there now."""
        if self._known is None:
            self._known = self._there()

    def refuse_gone(self) -> None:
        """FileGone unless it is still in its place."""
        if self._known is not None and self._there() != self._known:
            raise FileGone

    def _there(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self._path)
        except OSError:
            return None
        return found.st_dev, found.st_ino
