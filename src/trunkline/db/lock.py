"""One process for one SQLite file: a lock beside it that the kernel gives back when the process ends in any way."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from sqlalchemy.engine import make_url

from trunkline.errors import SettingsError


def database_file(url: str) -> Path | None:
    """The file of an SQLite URL; None for PostgreSQL."""
    parsed = make_url(url)
    return Path(parsed.database) if parsed.get_backend_name() == "sqlite" and parsed.database else None


class SingleProcess:
    """Holds `<file>.lock` from its construction to `close()`; SettingsError at once where another process has it.

    The lock file stays: removing it would let two processes lock two files of the same name.
    """

    def __init__(self, path: Path) -> None:
        target = path.resolve()  # every name of one file shares one lock
        try:
            self._file = os.open(f"{target}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise SettingsError(
                f"cannot lock the database {path}: {error.strerror}",
                hint="check DATABASE_URL: its directory must exist and be writable",
            ) from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._file, 20).decode(errors="replace").strip()
            os.close(self._file)
            raise SettingsError(
                f"the database {path} is in use by process {holder or '(starting)'}",
                hint="stop that process; to run several, set DATABASE_URL to a PostgreSQL",
            ) from None
        os.ftruncate(self._file, 0)
        os.write(self._file, f"{os.getpid()}\n".encode())

    def close(self) -> None:
        """Give the lock back; a second call does nothing."""
        if self._file >= 0:
            os.ftruncate(self._file, 0)
            fcntl.flock(self._file, fcntl.LOCK_UN)  # closing alone leaves it to a child that is just being started
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> SingleProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
