"""The command line as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from tests.support.operator import Operator
from tests.support.sandbox_server import SandboxServer
from tests.support.server_process import ServerProcess
from tests.support.sqlite import copied

KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "SSL_CERT_DIR")


class Program:
    """`trunkline ...` in an empty folder, with no settings but those given."""

    def __init__(self, folder: Path, arguments: tuple[str, ...], settings: dict[str, str]) -> None:
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "trunkline", *arguments],
            cwd=folder,
            env=kept | settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._output: list[str] = []
        self._errors: list[str] = []
        self._reader = threading.Thread(target=self._read_errors, daemon=True)
        self._reader.start()

    def until(self, part: str) -> str:
        """What it has printed up to the first line that has this part; it fails where the program ends before."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._output.append(line)
            if part in line:
                return "".join(self._output)
        raise AssertionError(f"no {part!r} in {self._output} {self._errors}")

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.process.terminate()
        return self.process.wait(60)

    def ends(self) -> tuple[int, str]:
        """The exit code and what it said on standard error, once it has ended by itself."""
        code = self.process.wait(60)
        self._reader.join(60)
        return code, "".join(self._errors)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(60)
        self._reader.join(60)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        self._errors.extend(self.process.stderr)


class Start(Protocol):
    def __call__(self, *arguments: str, **settings: str) -> Program: ...


@pytest.fixture
def trunkline(tmp_path: Path) -> Iterator[Start]:
    """Starts `trunkline` with arguments and settings; ended with the test."""
    programs: list[Program] = []

    def start(*arguments: str, **settings: str) -> Program:
        programs.append(Program(tmp_path, arguments, settings))
        return programs[-1]

    yield start
    for program in programs:
        program.close()


@pytest.fixture(scope="module")
def server(
    sandbox_server: SandboxServer, migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    sandbox_server.reset()
    folder = tmp_path_factory.mktemp("server")
    database = copied(migrated_sqlite, folder)
    with ServerProcess(sandbox_server, database, folder / "log", ENDPOINTS_ALLOW_PRIVATE="true") as running:
        yield running
        running.stop()


@pytest.fixture
def operator(
    server: ServerProcess, sandbox_server: SandboxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Operator]:
    monkeypatch.chdir(tmp_path)  # where there is no .env
    operator = Operator(server, sandbox_server)
    account = {"trial": False, "balance": "100000"}
    sandbox_server.control.put(f"/accounts/twilio/{operator.account}", json=account).raise_for_status()
    yield operator
    sandbox_server.control.delete("/faults")
    operator.client.close()
