"""How long it takes from the command to the first answer, and how much memory the server has then: `python -m
benchmarks.start`. Without a sandbox, on a database that has this version's schema."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import httpx2
from tests.support.postgres import PostgresServer

from benchmarks.batch import SECRET, process
from trunkline.db.migrate import upgrade
from trunkline.sandbox.server import environment

ANSWER_SECONDS, MEGABYTES, HELP_SECONDS = 1.5, 125, 0.08
STARTS = 3  # the quickest counts: others use the machine too
NOWHERE = "http://127.0.0.1:9"  # no provider is there; the start does not wait for one


class Start(NamedTuple):
    """Until the first answer, the processor's time in it, and what is in memory then."""

    seconds: float
    cpu: float
    megabytes: float


def start(folder: Path, url: str) -> Start:
    settings = environment(NOWHERE) | {"DATABASE_URL": url, "VAPI_SECRET_KEY": SECRET}
    begun = time.perf_counter()
    with process(folder, "serve", **settings) as served:
        httpx2.get(f"{served.url}/readyz").raise_for_status()
        seconds = time.perf_counter() - begun
        pages = int(Path(f"/proc/{served.pid}/statm").read_text().split()[1])
        return Start(seconds, served.cpu() / 1000, pages * os.sysconf("SC_PAGE_SIZE") / 2**20)


def ask_for_help() -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-m", "trunkline", "--help"], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begun


def main() -> None:
    within = True
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sqlite = f"sqlite:///{folder / 'trunkline.sqlite'}"
        upgrade(sqlite)
        urls = {"SQLite": sqlite, "PostgreSQL": stack.enter_context(PostgresServer()).fresh_database()}
        for name, url in urls.items():
            found = [start(folder, url) for _ in range(STARTS + 1)][1:]  # the first makes the engine's tables
            seconds, cpu, megabytes = (min(column) for column in zip(*found, strict=True))
            kept = seconds <= ANSWER_SECONDS and megabytes <= MEGABYTES
            within = within and kept
            print(
                f"{name:12}{seconds:7.2f} s to the first answer (limit {ANSWER_SECONDS}) {cpu:7.2f} s of CPU"
                f" {megabytes:7.0f} MB (limit {MEGABYTES}){'' if kept else '  TOO MUCH'}"
            )
    seconds = min(ask_for_help() for _ in range(STARTS))
    print(f"--help      {seconds:7.2f} s (limit {HELP_SECONDS}){'' if seconds <= HELP_SECONDS else '  TOO MUCH'}")
    sys.exit(0 if within and seconds <= HELP_SECONDS else 1)


if __name__ == "__main__":
    main()
