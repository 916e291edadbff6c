"""What one assignment costs beside very many numbers, and how long calls wait: `python -m benchmarks.fleet`."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from benchmarks.batch import Served, environment, process
from benchmarks.beside import beside
from benchmarks.routing_world import SECRET, database, message, number_of
from trunkline.client import Trunkline
from trunkline.client.models import Batch
from trunkline.db import installation
from trunkline.db.session import Database
from trunkline.sandbox import twilio

MOST_REQUESTS, MOST_CPU_MS, LONGEST_WAIT_MS = 6.0, 25.0, 20.0
MANY = 100  # restaurants of a batch
EACH = 8  # assignments of a kind; the first of all reads the lists and is told apart
EVERY = 0.004  # seconds from one call to the next


@dataclass
class Cost:
    """What assignments cost each: requests to providers, own CPU, and the longest that a call waited beside them."""

    requests: list[int] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    wait: float = 0.0

    def line(self, kind: str, judged: bool) -> bool:
        requests, cpu = sum(self.requests) / len(self.requests), sum(self.cpu) / len(self.cpu)
        good = requests <= MOST_REQUESTS and cpu <= MOST_CPU_MS and self.wait <= LONGEST_WAIT_MS
        shown = "" if good or not judged else "  TOO MUCH"
        print(f"    {kind:26}{requests:7.1f} requests {cpu:9.1f} ms of CPU {self.wait:9.1f} ms longest wait{shown}")
        return good or not judged


class Calls:
    """Calls that ring all the time while they are counted; how long the slowest waited for its answer."""

    def __init__(self, url: str) -> None:
        self._url, self.longest = url, 0.0

    def ring(self, over: threading.Event) -> None:
        with httpx2.Client(base_url=self._url, headers={"X-Vapi-Secret": SECRET}) as client:
            while not over.wait(EVERY):
                begun = time.perf_counter()
                client.post("/api/vapi/server", json={"message": message(0)}).raise_for_status()
                self.longest = max(self.longest, (time.perf_counter() - begun) * 1000)


def seed(sandbox: httpx2.Client, mark: str, count: int) -> None:
    """So many numbers in use under our marks, at the carrier and in Vapi; some that are idle, and some for sale."""
    sandbox.post("/reset").raise_for_status()
    sandbox.put(f"/accounts/twilio/{twilio.DEFAULT_ACCOUNT}", json={"balance": "100000"}).raise_for_status()
    held = {"carrier": "twilio", "account": twilio.DEFAULT_ACCOUNT}
    used = [held | {"number": number_of(n), "wire": {"friendly_name": f"{mark}_{n}"}} for n in range(count)]
    idle = [held | {"number": f"+1415559{n:04d}"} for n in range(2 * EACH)]
    sandbox.put(
        "/switches", json={"vapi_duplicate_import": "second_record"}
    ).raise_for_status()  # else each is compared with all before
    for part in range(0, count, 10_000):
        sandbox.post("/numbers", params={"imported": "true"}, json=used[part : part + 10_000]).raise_for_status()
    sandbox.post("/numbers", params={"imported": "true"}, json=idle).raise_for_status()
    sandbox.put("/switches", json={"vapi_duplicate_import": "conflict"}).raise_for_status()
    sale = [{"carrier": "twilio", "number": f"+1415556{n:04d}"} for n in range(500)]
    sandbox.post("/numbers", json=sale).raise_for_status()


async def mark_of(url: str) -> str:
    opened = Database(url)
    try:
        async with opened.write() as session:
            return f"trunkline-{await installation.name(session)}-asg"
    finally:
        await opened.close()


def assign(served: Served, client: Trunkline, sandbox: httpx2.Client, cost: Cost, bought: bool) -> None:
    sandbox.delete("/requests").raise_for_status()
    begun = served.cpu()
    restaurant = client.create_restaurant("Roma", force_twilio=bought)
    cost.cpu.append(served.cpu() - begun)
    cost.requests.append(len(sandbox.get("/requests").raise_for_status().json()))
    if restaurant.assignment is None or restaurant.assignment.source != ("purchased" if bought else "existing"):
        raise SystemExit(f"not as it was to be: {restaurant.assignment}")


def serve_many(served: Served, client: Trunkline) -> bool:
    """A batch beside the numbers: nothing of it fails, and calls are answered meanwhile."""
    rung, begun = Calls(served.url), time.perf_counter()
    with beside(rung.ring):
        batch = client.start_batch(carrier="twilio", limit=MANY)
        for told in client.watch_batch(batch.id):
            if isinstance(told, Batch):
                batch = told
    seconds, failed = time.perf_counter() - begun, batch.total - batch.counts.assigned
    good = failed == 0 and rung.longest <= LONGEST_WAIT_MS
    shown = "" if good else "  TOO MUCH"
    print(f"    a batch of {batch.total}: {failed} failed, {seconds:.1f} s, {rung.longest:.1f} ms longest wait{shown}")
    return good


def measure(folder: Path, sandbox_url: str, count: int) -> bool:
    """Print what the first assignment costs, which reads the lists, and what those after it cost."""
    url = database(folder, count)
    with httpx2.Client(base_url=f"{sandbox_url}/sandbox", timeout=600) as sandbox:
        seed(sandbox, asyncio.run(mark_of(url)), count)
        settings = environment(sandbox_url, url, 10) | {"VAPI_SECRET_KEY": SECRET, "ASSIGN_WAIT_SECONDS": "60"}
        with process(folder, "serve", **settings) as served, Trunkline(served.url, SECRET) as client:
            right = True
            for bought in (False, True):
                cost, first = Cost(), Cost()
                rung = Calls(served.url)
                with beside(rung.ring):
                    assign(served, client, sandbox, first, bought)
                first.wait = rung.longest
                for _ in range(EACH):
                    assign(served, client, sandbox, cost, bought)
                rung = Calls(served.url)
                with beside(rung.ring):
                    for _ in range(EACH // 2):
                        assign(served, client, sandbox, Cost(), bought)
                cost.wait = rung.longest
                kind = "a purchase" if bought else "a number that is idle"
                first.line(f"{kind}, the first", False)
                right = cost.line(kind, True) and right
            return serve_many(served, client) and right


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--numbers", type=int, nargs="*", default=[20, 1_000, 10_000, 50_000], help="at the carrier and in Vapi"
    )
    given, right = parser.parse_args(), True
    with tempfile.TemporaryDirectory(prefix="trunkline-fleet-") as temporary:
        folder = Path(temporary)
        print(
            f"  limits: {MOST_REQUESTS:g} requests, {MOST_CPU_MS:g} ms of CPU, "
            f"{LONGEST_WAIT_MS:g} ms longest wait of a call"
        )
        for count in given.numbers:
            with process(folder, "sandbox") as sandbox:
                print(f"  {count:,} numbers", flush=True)
                right = measure(folder, sandbox.url, count) and right
    sys.exit(not right)


if __name__ == "__main__":
    main()
