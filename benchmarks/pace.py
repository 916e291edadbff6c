"""Requests a second that an account gets of one, two and four processes, shared and each by itself, and what a turn
costs: `python -m benchmarks.pace`. The limit is what PROVIDER_REQUESTS_PER_SECOND says."""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time

from tests.support.postgres import PostgresServer

from trunkline.db.paces import SharedPace
from trunkline.db.session import Database
from trunkline.errors import Role
from trunkline.providers.account import Account
from trunkline.providers.pace import BURST_SECONDS, Limits

PROCESSES = (1, 2, 4)
READY = "ready"


async def work(url: str, name: str, per_second: float, seconds: float, shared: bool) -> dict[str, float]:
    """One process that would ask without end, each request a moment long."""
    database = Database(url)
    account = Account(
        "bench", Limits(per_second=per_second, at_once=10), SharedPace(database, name) if shared else None
    )
    ended = time.monotonic() + seconds
    sent = 0

    async def ask() -> None:
        nonlocal sent
        while time.monotonic() < ended:
            async with account.turn(Role.CARRIER, "bench"):
                sent += time.monotonic() < ended
                await asyncio.sleep(0.02)

    began = time.process_time()
    tasks = [asyncio.create_task(ask()) for _ in range(20)]
    await asyncio.sleep(max(ended - time.monotonic(), 0))
    cpu = time.process_time() - began
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await database.close()
    return {"sent": sent, "cpu": cpu}


def together(url: str, processes: int, per_second: float, seconds: float, shared: bool) -> tuple[float, float]:
    """Requests a second of all, beyond the burst that an account allows once, and milliseconds of the processor for
    one."""
    command = [sys.executable, "-m", "benchmarks.pace", "--url", url, "--rate", str(per_second)]
    command += ["--seconds", str(seconds), *(["--shared"] if shared else [])]
    running = [
        subprocess.Popen([*command, "--name", f"p{n}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for n in range(processes)
    ]
    for one in running:
        assert one.stdout
        assert one.stdout.readline().strip() == READY
    for one in running:
        assert one.stdin
        one.stdin.write("go\n")
        one.stdin.flush()
    told = [json.loads(one.communicate(timeout=seconds + 60)[0]) for one in running]
    sent = sum(one["sent"] for one in told)
    burst = per_second * BURST_SECONDS
    return (sent - burst) / seconds, 1000 * sum(one["cpu"] for one in told) / max(sent, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=20, help="requests a second that the account allows")
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--name", help=argparse.SUPPRESS)
    parser.add_argument("--shared", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.url:
        print(READY, flush=True)
        sys.stdin.readline()
        print(json.dumps(asyncio.run(work(asked.url, asked.name, asked.rate, asked.seconds, asked.shared))))
        return
    print(f"limit: {asked.rate:g} requests a second")
    print("processes   shared   of the limit   each by itself   CPU a request, shared")
    for processes in PROCESSES:
        with PostgresServer() as server:
            alone, _ = together(server.fresh_database(), processes, asked.rate, asked.seconds, shared=False)
            shared, cpu = together(server.fresh_database(), processes, asked.rate, asked.seconds, shared=True)
        print(f"{processes:9} {shared:8.1f} {shared / asked.rate:14.2f} {alone:16.1f} {cpu:20.2f} ms")


if __name__ == "__main__":
    main()
