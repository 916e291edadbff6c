"""Processes of `trunkline` that begin at once: forks of one process that has imported all and begun nothing.

That the program also starts by itself is for the tests of the command line, whose processes are no forks.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any, NoReturn

from sqlalchemy.orm import configure_mappers

ROOT = Path(__file__).parents[2]
IMPORTED = [
    "anyio._backends._asyncio",
    "dbos._sys_db_postgres",
    "dbos._sys_db_sqlite",
    "httpcore2",
    "trunkline.api.protocol",
    "trunkline.app",
    "trunkline.cli.app",
    "trunkline.cli.sandbox",
    "trunkline.cli.serve",
    "trunkline.cli.servers",
    "trunkline.logs",
    "uvloop",
]
# What a server looks for every ten seconds, or three, is not what the tests wait for.
OFTEN = {
    "trunkline.workflows.settle_debts": {"STRAY_SECONDS": 2.0},
    "trunkline.workflows.share_batch": {"LOOK_SECONDS": 1.0},
}
LONGEST = 1 << 16
KEPT = ("PATH", "HOME", "LANG", "PYTHONPATH", "SSL_CERT_DIR")


class Process:
    """`python -m trunkline` with these arguments, in this folder, with no settings but these."""

    def __init__(
        self, arguments: list[str], folder: Path, settings: dict[str, str], out: IO[str], errors: IO[str]
    ) -> None:
        self._parent = _parent(os.getpid())
        job = {"arguments": arguments, "folder": str(folder), "settings": settings}
        self.pid = int(self._parent.ask(job, out.fileno(), errors.fileno()))
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._parent.ask({"ended": self.pid})
        return self.returncode

    def wait(self, seconds: float) -> int:
        """Its exit code, or less than nothing by a signal; TimeoutExpired when the time is over."""
        deadline = time.monotonic() + seconds
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("trunkline", seconds)
            time.sleep(0.005)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:  # nobody else has its id before it was asked for
            os.kill(self.pid, number)


class _Parent:
    """The process that is forked, as seen from the tests; it ends with them, and so do all its children."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.forked", str(theirs.fileno())],
                cwd=ROOT,
                env={name: os.environ[name] for name in KEPT if name in os.environ},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        atexit.register(self._end)

    def ask(self, request: dict[str, Any], *files: int) -> Any:
        socket.send_fds(self._socket, [json.dumps(request).encode()], files)
        return json.loads(self._socket.recv(LONGEST))

    def _end(self) -> None:
        self._socket.close()
        self._process.wait()


@functools.cache
def _parent(tests: int) -> _Parent:
    """One for each process of the tests, by its id."""
    return _Parent()


def be_forked(peer: socket.socket) -> dict[str, Any]:
    """Answer until the tests end; what this gives, it gives in a child, for which it is the work to do."""
    children: set[int] = set()
    while True:
        request, files, _, _ = socket.recv_fds(peer, LONGEST, 2)
        if not request:
            end(children)
        job: dict[str, Any] = json.loads(request)
        if pid := job.get("ended"):
            ended, status = os.waitpid(pid, os.WNOHANG)
            children -= {ended}
            peer.send(json.dumps(os.waitstatus_to_exitcode(status) if ended else None).encode())
        elif pid := os.fork():
            children.add(pid)
            peer.send(json.dumps(pid).encode())
            for file in files:
                os.close(file)
        else:
            for file, standard in zip(files, (1, 2), strict=True):
                os.dup2(file, standard)
                os.close(file)
            return job


def end(children: set[int]) -> NoReturn:
    for child in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    sys.exit()


def main() -> None:
    for module in IMPORTED:
        importlib.import_module(module)
    for module, constants in OFTEN.items():
        vars(importlib.import_module(module)).update(constants)
    configure_mappers()
    gc.collect()
    gc.freeze()  # what all have, no fork looks through: at its start and its end that took half a second
    with socket.socket(fileno=int(sys.argv[1])) as peer:
        job = be_forked(peer)
    os.chdir(job["folder"])
    os.environ |= job["settings"]
    sys.path[0] = job["folder"]
    sys.argv = ["trunkline", *job["arguments"]]
    runpy.run_module("trunkline", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
