"""A random soak: seeded faults on every operation, processes killed every few seconds, then the books are compared; and
a storm of everything that may be asked, in any order and at once.

`SOAK_ASSIGNMENTS` (default 100), `SOAK_KILLS` (default 1, of the storm) and `SOAK_SEED` (default: a new one, printed)
change it; `make soak` runs a longer one.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter, defaultdict, deque
from typing import Any

import httpx2

from tests.crash.books import Books
from tests.crash.conftest import Site, wait_until
from tests.support.receiver import Receiver
from tests.support.retold import committed
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
        self.servers = [self._start() for _ in range(PROCESSES)]
        self.kills = 0
        self._next_kill = time.monotonic() + KILL_EVERY

    def tick(self) -> None:
        if time.monotonic() >= self._next_kill:
            place = self._chance.randrange(PROCESSES)
            self.servers[place].kill()
            self.servers[place] = self._start()
            self.kills += 1
            self._next_kill = time.monotonic() + KILL_EVERY

    def _start(self) -> ServerProcess:
        return self._site.start(ENDPOINTS_ALLOW_PRIVATE="true")

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
        f"seed {seed}, {len(books.assignments)} assignments {dict(ends)}, {kills} kills, {seconds:.0f} s, "
        f"{len(books.intents)} intents, {bought} bought, {held} held, {len(books.mappings)} mapped, "
        f"{len(books.debts)} owed, wrongs {books.wrongs()}"
    )


def test_soak(postgres_site: Site, capsys: Any) -> None:
    wanted = int(os.environ.get("SOAK_ASSIGNMENTS", "100"))
    seed = int(os.environ.get("SOAK_SEED", time.time_ns() % 1_000_000))
    site, chance = postgres_site, random.Random(seed)
    site.sandbox.reset(seed=seed)
    site.sandbox.control.put(f"/accounts/twilio/{twilio.DEFAULT_ACCOUNT}", json={"balance": "100000"})
    stock = [{"carrier": "twilio", "number": f"+1646555{n:04}"} for n in range(wanted)]
    site.sandbox.control.post("/numbers", json=stock).raise_for_status()
    make_trouble(site.sandbox)
    began = time.monotonic()
    fleet = Fleet(site, chance)
    with Receiver() as receiver:
        made = fleet.servers[0].client.post("/api/endpoints", json={"url": receiver.url}).json()
        receiver.answer = lambda got: (200 if got.verified_by(made["secret"]) else 400, {}, b"")
        for n in range(wanted):
            fleet.ask(f"Restaurant {n}")
        for _ in range(3):
            time.sleep(KILL_EVERY)
            fleet.tick()
        site.sandbox.control.delete("/faults")
        books = site.books(seconds=150 + wanted / 4)
        wait_until(lambda: arrived(site, receiver, fleet.servers[0], made["id"]), 60 + wanted / 4)
    with capsys.disabled():
        told = f"{len(receiver.received)} deliveries of {len({got.id for got in receiver.received})} events"
        print("\n" + report(books, fleet.kills, time.monotonic() - began, seed), told)
    assert out_of_order(site, receiver) == []
    assert books.wrongs() == []
    assert books.settled()
    held = {n["number"] for n in books.held["twilio"]}
    assert held == {m.number for m in books.mappings}
    assert len({a.restaurant_id for a in books.assignments}) == wanted


def arrived(site: Site, receiver: Receiver, server: ServerProcess, endpoint: str) -> bool:
    """Whether the endpoint has got every event, from its own creation on; what waits for its next try is tried
    before that."""
    for _ in range(90):
        if committed(site.database_url, since="endpoint.created").keys() <= {got.id for got in receiver.received}:
            return True
        time.sleep(1)
    server.client.post(f"/api/endpoints/{endpoint}/recover", json={"since": "2020-01-01T00:00:00Z"}).raise_for_status()
    return False


def out_of_order(site: Site, receiver: Receiver) -> list[str | None]:
    """The restaurants whose events have reached the endpoint for the first time in another order than they happened in,
    or with others that never happened."""
    happened, arrived = defaultdict[str | None, list[str]](list), defaultdict[str | None, list[str]](list)
    for event, restaurant in committed(site.database_url, since="endpoint.created").items():
        happened[restaurant].append(event)
    for event, restaurant in {got.id: got.event["restaurant_id"] for got in receiver.received}.items():
        arrived[restaurant].append(event)
    return [one for one in {*happened, *arrived} if one is not None and happened[one] != arrived[one]]


class Storm:
    """Two processes (SQLite: one), asked for everything by several threads until so many of them were killed."""

    PEOPLE = 6
    KILL_EVERY = 1.5

    def __init__(self, site: Site, seed: int) -> None:
        self._site, self._seed = site, seed
        self._count = 1 if site.database_url.startswith("sqlite") else 2
        self._servers = [site.start() for _ in range(self._count)]
        assert all(server.client for server in self._servers)
        self._over = threading.Event()
        self._lately: deque[str] = deque(maxlen=6)  # restaurants, so that many ask about the same ones
        self.told: Counter[str] = Counter()

    def rage(self, kills: int) -> None:
        people = [threading.Thread(target=self._live, args=(n,)) for n in range(self.PEOPLE)]
        for person in people:
            person.start()
        chance = random.Random(self._seed)
        for _ in range(kills):
            self._over.wait(self.KILL_EVERY)
            place = chance.randrange(self._count)
            self._servers[place].kill()
            heir = self._site.start()
            assert heir.client
            self._servers[place] = heir
        self._over.wait(self.KILL_EVERY)
        self._over.set()
        for person in people:
            person.join(60)

    def _live(self, person: int) -> None:
        chance = random.Random(f"{self._seed} {person}")
        while not self._over.is_set():
            server = chance.choice(self._servers)
            try:
                name, answer = self._ask(chance, server)
            except (httpx2.HTTPError, RuntimeError):
                self._over.wait(0.05)  # it was killed
                continue
            self.told[f"{name} {answer.status_code}"] += 1

    def _ask(self, chance: random.Random, server: ServerProcess) -> tuple[str, httpx2.Response]:
        headers = {"Prefer": "respond-async"}
        names = ("create", "delete", "phone", "activate", "release", "batch", "cancel", "repoint")
        name = chance.choices(names, (6, 3, 3, 4, 1, 0.5, 0.5, 0.2))[0]
        restaurant = chance.choice([*self._lately, ""])
        if name == "create" or not restaurant:
            body: dict[str, Any] = {"name": "Any", "assign_phone": chance.random() < 0.7}
            answer = server.client.post("/api/restaurants", json=body, headers=headers)
            if answer.status_code < 300:
                self._lately.append(answer.json()["id"])
            return "create", answer
        path = f"/api/restaurants/{restaurant}"
        match name:
            case "delete":
                return name, server.client.delete(path)
            case "phone":
                return name, server.client.post(f"{path}/phone", json={}, headers=headers)
            case "activate":
                return name, server.client.post(f"{path}/activate-phone")
            case "release":
                listed = server.client.get("/api/numbers", params={"limit": 50}).json()["items"]
                if held := [n["number"] for n in listed if n["state"] in ("idle", "in_service")]:
                    body = {"give_back": chance.random() < 0.5, "force": chance.random() < 0.7}
                    return name, server.client.post(f"/api/numbers/{chance.choice(held)}/release", json=body)
                return "look", server.client.get("/api/numbers")
            case "batch":
                return name, server.client.post("/api/batches", json={"include_shared": chance.random() < 0.5})
            case "cancel":
                listed = server.client.get("/api/batches").json()["items"]
                latest = listed[0]["id"] if listed else "none"
                return name, server.client.post(f"/api/batches/{latest}/cancel")
            case _:
                return name, server.client.post("/api/numbers/repoint", json={})


def test_a_storm_of_everything_at_once_leaves_balanced_books(site: Site, capsys: Any) -> None:
    kills = int(os.environ.get("SOAK_KILLS", "1"))
    seed = int(os.environ.get("SOAK_SEED", time.time_ns() % 1_000_000))
    account = {"balance": "100000", "trial": bool(seed % 2)}
    site.sandbox.control.put(f"/accounts/twilio/{twilio.DEFAULT_ACCOUNT}", json=account).raise_for_status()
    stock = [{"carrier": "twilio", "number": f"+1646555{n:04}"} for n in range(100 + 60 * kills)]
    site.sandbox.control.post("/numbers", json=stock).raise_for_status()
    storm = Storm(site, seed)
    storm.rage(kills)
    books = site.books(seconds=60 + 3 * kills)
    with capsys.disabled():
        print("\n" + report(books, kills, 0, seed), dict(sorted(storm.told.items())))
    assert [told for told in storm.told if told.endswith(" 500")] == []
    assert books.wrongs() == []
    assert books.settled()
