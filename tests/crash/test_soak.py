"""A random soak: seeded faults on every operation, processes killed every few seconds, then the books are compared.

`SOAK_ASSIGNMENTS` (default 200) and `SOAK_SEED` (default: a new one, printed) change it; `make soak` runs a longer one.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from typing import Any

import httpx2

from tests.crash.books import Books
from tests.crash.conftest import Site
from tests.support.sandbox_server import SandboxServer
from tests.support.server_process import ServerProcess
from trunkline.sandbox import twilio

PROCESSES = 3
KILL_EVERY = 4.0
TROUBLE: list[dict[str, Any]] = [
    {"kind": "latency", "seconds": 0.05, "probability": 0.3},
    {"kind": "drop", "when": "before", "probability": 0.03},
    {"kind": "drop", "when": "after", "probability": 0.05},
    {"kind": "status", "status": 503, "when": "before", "probability": 0.03},
    {"kind": "status", "status": 500, "when": "after", "probability": 0.04},
    {"kind": "status", "status": 429, "when": "before", "probability": 0.04, "headers": {"Retry-After": "0"}},
    {"kind": "latency", "seconds": 2.3, "probability": 0.01},
]


class Fleet:
    """Several processes on one PostgreSQL, of which one is killed and replaced now and then."""

    def __init__(self, site: Site, chance: random.Random) -> None:
        self._site = site
        self._chance = chance
        self.servers = [site.start() for _ in range(PROCESSES)]
        self.kills = 0
        self._next_kill = time.monotonic() + KILL_EVERY

    def tick(self) -> None:
        if time.monotonic() >= self._next_kill:
            place = self._chance.randrange(PROCESSES)
            self.servers[place].kill()
            self.servers[place] = self._site.start()
            self.kills += 1
            self._next_kill = time.monotonic() + KILL_EVERY

    def ask(self, name: str) -> None:
        """Create a restaurant, with the same key until some process answers."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            self.tick()
            server = self._chance.choice(self.servers)
            try:
                answer = self._post(server, name)
            except (httpx2.HTTPError, RuntimeError):
                continue
            if answer.status_code in (201, 202):
                return
        raise AssertionError(f"no process accepted {name}")

    @staticmethod
    def _post(server: ServerProcess, name: str) -> httpx2.Response:
        headers = {"Prefer": "respond-async", "Idempotency-Key": name}
        return server.client.post("/api/restaurants", json={"name": name}, headers=headers)


def make_trouble(sandbox: SandboxServer) -> None:
    for provider in ("twilio", "vapi"):
        for rule in TROUBLE:
            sandbox.fault(provider=provider, **rule)


def report(books: Books, kills: int, seconds: float, seed: int) -> str:
    ends = Counter(f"{a.status}{' ' + a.reason if a.reason else ''}" for a in books.assignments)
    held = sum(len(numbers) for numbers in books.held.values())
    bought = sum(i.status == "bought" for i in books.intents)
    return (
        f"soak: seed {seed}, {len(books.assignments)} assignments {dict(ends)}, {kills} kills, {seconds:.0f} s, "
        f"{len(books.intents)} intents, {bought} bought, {held} held, {len(books.mappings)} mapped, "
        f"{len(books.debts)} owed, wrongs {books.wrongs()}"
    )


def test_soak(postgres_site: Site, capsys: Any) -> None:
    wanted = int(os.environ.get("SOAK_ASSIGNMENTS", "200"))
    seed = int(os.environ.get("SOAK_SEED", time.time_ns() % 1_000_000))
    site, chance = postgres_site, random.Random(seed)
    site.sandbox.reset(seed=seed)
    site.sandbox.control.put(f"/accounts/twilio/{twilio.DEFAULT_ACCOUNT}", json={"balance": "100000"})
    stock = [{"carrier": "twilio", "number": f"+1646555{n:04}"} for n in range(wanted)]
    site.sandbox.control.post("/numbers", json=stock).raise_for_status()
    make_trouble(site.sandbox)
    began = time.monotonic()
    fleet = Fleet(site, chance)
    for n in range(wanted):
        fleet.ask(f"Restaurant {n}")
    for _ in range(3):
        time.sleep(KILL_EVERY)
        fleet.tick()
    site.sandbox.control.delete("/faults")
    books = site.books(seconds=150 + wanted / 4)
    with capsys.disabled():
        print("\n" + report(books, fleet.kills, time.monotonic() - began, seed))
    assert books.wrongs() == []
    assert books.settled()
    held = {n["number"] for n in books.held["twilio"]}
    assert held == {m.number for m in books.mappings}
    assert len({a.restaurant_id for a in books.assignments}) == wanted
