"""How fast a batch buys numbers, against what the providers allow and the guide's way: `python -m benchmarks.batch`."""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import httpx2
from tests.support.postgres import PostgresServer

from trunkline.client import AsyncTrunkline, Trunkline
from trunkline.client.models import Batch
from trunkline.sandbox import twilio, vapi

MOST_RATIO, MOST_CPU_MS = 1.15, 8.0
SECRET = "only-for-the-benchmark"
TWILIO = f"/2010-04-01/Accounts/{twilio.DEFAULT_ACCOUNT}"


class Served(NamedTuple):
    """A process of ours: the address that it prints once it listens."""

    url: str
    pid: int

    def cpu(self) -> float:
        """Milliseconds of CPU of all its threads so far."""
        tasks = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e6


@dataclass(frozen=True)
class Terms:
    """What is measured: how many restaurants, at which latency of every provider, at how many requests at once."""

    restaurants: int
    guide: int
    latency: float
    at_once: int


@contextmanager
def process(folder: Path, *arguments: str, **settings: str) -> Iterator[Served]:
    """`trunkline ...` as a process of its own, once it listens."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    log = folder / f"{arguments[0]}.log"
    with log.open("w") as errors:
        child = subprocess.Popen(
            [sys.executable, "-m", "trunkline", *arguments, "--port", "0"],
            cwd=folder,
            env=kept | settings,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    assert child.stdout is not None
    try:
        for line in child.stdout:
            if found := re.search(r"listens on (http://[^\s;]+)", line):
                yield Served(found[1], child.pid)
                return
        raise SystemExit(f"trunkline {arguments[0]} did not start:\n{log.read_text()}")
    finally:
        child.terminate()
        child.wait(20)
        child.stdout.close()


class World:
    """The sandbox: every number for sale that is needed, money enough, and the same latency of every request."""

    def __init__(self, url: str, terms: Terms) -> None:
        self.url = url
        self.terms = terms
        self.control = httpx2.Client(base_url=f"{url}/sandbox", timeout=60)

    def reset(self) -> None:
        self.control.post("/reset").raise_for_status()
        self.control.put(f"/accounts/twilio/{twilio.DEFAULT_ACCOUNT}", json={"balance": "100000"}).raise_for_status()
        stock = [
            {"carrier": "twilio", "number": f"+1415{5560000 + n}"} for n in range(2 * self.terms.restaurants + 100)
        ]
        self.control.post("/numbers", json=stock).raise_for_status()
        slow = {"provider": "*", "kind": "latency", "seconds": self.terms.latency}
        self.control.post("/faults", json=slow).raise_for_status()

    def requests(self) -> Counter[str]:
        return Counter(row["provider"] for row in self.control.get("/requests").raise_for_status().json())

    def held(self) -> int:
        return len(self.control.get("/numbers", params={"held": "true", "carrier": "twilio"}).json())


def environment(sandbox_url: str, database_url: str, at_once: int) -> dict[str, str]:
    from trunkline.sandbox.server import environment as keys

    return keys(sandbox_url) | {
        "VAPI_SECRET_KEY": SECRET,
        "DATABASE_URL": database_url,
        "PROVIDER_CONCURRENCY": str(at_once),
        "PROVIDER_REQUESTS_PER_SECOND": "10000",
        "LOG_LEVEL": "warning",
    }


async def create_restaurants(url: str, count: int, at_once: int = 8, **wish: bool) -> None:
    """As fast as the server takes them, so many requests at once."""
    names = iter([f"Restaurant {n}" for n in range(count)])

    async def create(client: AsyncTrunkline) -> None:
        for name in names:
            await client.create_restaurant(name, **wish)

    async with AsyncTrunkline(url, SECRET) as client, asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(create(client))


class Ours(NamedTuple):
    """One batch: from its start to its end, requests by provider, each process's own CPU in milliseconds."""

    seconds: float
    requests: Counter[str]
    cpu: list[float]


def our_way(world: World, folder: Path, database_url: str, processes: int) -> Ours:
    """By purchase."""
    world.reset()
    settings = environment(world.url, database_url, world.terms.at_once)
    with ExitStack() as stack:
        all_served = [stack.enter_context(process(folder, "serve", **settings)) for _ in range(processes)]
        client = stack.enter_context(Trunkline(all_served[0].url, SECRET))
        asyncio.run(create_restaurants(all_served[0].url, world.terms.restaurants, assign_phone=False))
        started, spent = time.perf_counter(), [served.cpu() for served in all_served]
        batch = client.start_batch(carrier="twilio")
        for told in client.watch_batch(batch.id):
            if isinstance(told, Batch):
                batch = told
        seconds = time.perf_counter() - started
        cpu = [served.cpu() - before for served, before in zip(all_served, spent, strict=True)]
    bought = batch.sources.purchased
    if not batch.total == batch.counts.assigned == bought == world.held() == world.terms.restaurants:
        raise SystemExit(
            f"the batch did not buy a number for each: {batch.counts} {batch.sources}, {world.held()} held"
        )
    return Ours(seconds, world.requests(), cpu)


def guides_way(world: World) -> tuple[float, int]:
    """One restaurant after the other, every list read each time: (seconds, requests)."""
    world.reset()
    keys = (twilio.DEFAULT_ACCOUNT, twilio.DEFAULT_SECRET)
    with (
        httpx2.Client(base_url=f"{world.url}{TWILIO}", auth=keys, timeout=60) as carrier,
        httpx2.Client(
            base_url=world.url, headers={"Authorization": f"Bearer {vapi.DEFAULT_SECRET}"}, timeout=60
        ) as voice,
    ):
        assistant = voice.get("/assistant").raise_for_status().json()[0]["id"]
        before, started = world.requests().total(), time.perf_counter()
        for _ in range(world.terms.guide):
            buy_as_the_guide_says(carrier, voice, assistant)
        seconds = time.perf_counter() - started
    return seconds, world.requests().total() - before


def buy_as_the_guide_says(carrier: httpx2.Client, voice: httpx2.Client, assistant: str) -> None:
    """The nodes of its chart, for one restaurant, without any of the checks."""
    voice.get("/phone-number").raise_for_status()
    voice.get("/credential").raise_for_status()
    carrier.get("/IncomingPhoneNumbers.json").raise_for_status()
    offers = carrier.get("/AvailablePhoneNumbers/US/Local.json").raise_for_status().json()["available_phone_numbers"]
    bought = carrier.post("/IncomingPhoneNumbers.json", data={"PhoneNumber": offers[0]["phone_number"]})
    number = bought.raise_for_status().json()["phone_number"]
    keys = {"twilioAccountSid": twilio.DEFAULT_ACCOUNT, "twilioAuthToken": twilio.DEFAULT_SECRET}
    added = voice.post("/phone-number", json={"provider": "twilio", "number": number, **keys})
    row = added.raise_for_status().json()
    change = {"provider": "twilio", "assistantId": assistant}
    voice.patch(f"/phone-number/{row['id']}", json=change).raise_for_status()


def report(terms: Terms, ours: Ours, guide: tuple[float, int]) -> bool:
    """Whether it is as fast as the busiest provider lets it be, at no more CPU than is allowed."""
    busiest, most = ours.requests.most_common(1)[0]
    limit = most * terms.latency / terms.at_once
    ratio, cpu = ours.seconds / limit, sum(ours.cpu) / terms.restaurants
    print(f"{terms.restaurants} restaurants by purchase, {terms.latency * 1000:.0f} ms a request, ", end="")
    print(f"{terms.at_once} at once to each provider")
    for provider, count in [*sorted(ours.requests.items()), ("all", ours.requests.total())]:
        print(f"  {provider:<24}{count:>8} requests  {count / terms.restaurants:>6.2f} an item")
    print(f"  {'limit':<24}{limit:>8.1f} s         {busiest}'s requests x latency / at once")
    print(f"  {'measured':<24}{ours.seconds:>8.1f} s         {ratio:.2f} times the limit, {MOST_RATIO:g} at most")
    print(f"  {'own CPU':<24}{cpu:>8.1f} ms an item, {MOST_CPU_MS:g} at most")
    if len(ours.cpu) > 1:
        print(f"  {'of each process':<24}{', '.join(f'{one / 1000:.1f}' for one in ours.cpu):>8} s")
    each, guides = ours.seconds / terms.restaurants, guide[0] / terms.guide
    print(f"  {'a restaurant':<24}{each * 1000:>8.0f} ms")
    print(f"the guide's way, {terms.guide} restaurants, {guide[1] / terms.guide:.1f} requests each")
    print(f"  {'a restaurant':<24}{guides * 1000:>8.0f} ms        {guides / each:.0f} times as long")
    return ratio <= MOST_RATIO and cpu <= MOST_CPU_MS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--restaurants", type=int, default=1000)
    parser.add_argument("--guide", type=int, default=20, help="restaurants of the guide's way")
    parser.add_argument("--latency", type=float, default=0.1, help="seconds of every request to a provider")
    parser.add_argument("--at-once", type=int, default=10, help="requests at once to one provider")
    parser.add_argument("--database-url", help="a fresh one; an SQLite file, or a PostgreSQL for several")
    parser.add_argument("--processes", type=int, default=1, help="that work on it together")
    given = parser.parse_args()
    terms = Terms(given.restaurants, given.guide, given.latency, given.at_once)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="trunkline-batch-")))
        world = World(stack.enter_context(process(folder, "sandbox")).url, terms)
        guide = guides_way(world)
        url = given.database_url or f"sqlite:///{folder}/batch.sqlite"
        if given.processes > 1 and not given.database_url:
            url = stack.enter_context(PostgresServer()).fresh_database()
        ours = our_way(world, folder, url, given.processes)
    sys.exit(not report(terms, ours, guide))


if __name__ == "__main__":
    main()
