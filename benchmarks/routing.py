"""How fast a call finds its restaurant: `python -m benchmarks.routing`; the server has one core, the load another."""

from __future__ import annotations

import argparse
import gc
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2

from benchmarks.routing_load import Exchange, Measured, fixed_rate, full_speed
from benchmarks.routing_server import HELLO, PARSED
from benchmarks.routing_world import ASSISTANT, SECRET, WITHOUT_NUMBER, database, exchange
from trunkline.sandbox import twilio, vapi

SERVER_CORE, LOAD_CORE = 0, 1
DIFFERENT = 20_000
LINES = 32
PEERS = ("hello", "parse")


class Served:
    """A server process; stopped with SIGSTOP while it is not being measured."""

    def __init__(self, name: str, process: subprocess.Popen[str], port: int, exchanges: list[Exchange]) -> None:
        self.name, self.process, self.port, self.exchanges = name, process, port, exchanges

    @contextmanager
    def awake(self) -> Iterator[None]:
        os.kill(self.process.pid, signal.SIGCONT)
        time.sleep(0.2)
        try:
            yield
        finally:
            os.kill(self.process.pid, signal.SIGSTOP)

    @property
    def megabytes(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS"))

    @property
    def processor_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def serve(stack: ExitStack, name: str, exchanges: list[Exchange], *arguments: str) -> Served:
    command = [sys.executable, "-m", "benchmarks.routing_server", name.split()[0], str(SERVER_CORE), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    stack.callback(end, process)
    assert process.stdout
    told = process.stdout.readline().split()
    if not told:
        raise SystemExit(f"the server {name} did not start")
    return Served(name, process, int(told[1]), exchanges)


@contextmanager
def undisturbed(server: Served) -> Iterator[None]:
    """The server and the load before everything else on their cores, where the system allows it: the tail is then
    theirs and not the machine's. Linux still takes 50 ms of a second from who leaves none to others, unless
    kernel.sched_rt_runtime_us is -1."""
    threads = [0, *map(int, os.listdir(f"/proc/{server.process.pid}/task"))]
    try:
        for thread in threads:
            urgency = 20 if thread in (0, server.process.pid) else 10  # the loop goes before the threads beside it
            os.sched_setscheduler(thread, os.SCHED_FIFO, os.sched_param(urgency))
    except PermissionError:
        print("(without real-time priority: what else the machine does is in these figures)")
    try:
        yield
    finally:
        for thread in threads:
            with suppress(ProcessLookupError):
                os.sched_setscheduler(thread, os.SCHED_OTHER, os.sched_param(0))


def steady(server: Served, rate: float, options: argparse.Namespace) -> list[Measured]:
    """At a fixed rate, once for each round."""
    with undisturbed(server):
        return [fixed_rate(server.port, server.exchanges, LINES, rate, options.seconds) for _ in range(options.rounds)]


def end(process: subprocess.Popen[str]) -> None:
    os.kill(process.pid, signal.SIGCONT)
    process.terminate()
    process.wait(30)


def exchanges_for(numbers: int, assistant: str) -> list[Exchange]:
    chosen = random.Random(7).choices(range(numbers), k=DIFFERENT)
    return [exchange(index, assistant) for index in chosen]


def compare(servers: list[Served], rounds: int, seconds: float) -> dict[str, float]:
    """Requests a second at full speed, by server: each round measures all, one after the other. The server's own time
    on its core is shown too: unlike the rate, it hardly depends on what else the machine does."""
    rates: dict[str, list[float]] = {server.name: [] for server in servers}
    costs: dict[str, list[float]] = {server.name: [] for server in servers}
    wrong = asked = 0
    for server in servers:
        with server.awake():
            full_speed(server.port, server.exchanges, LINES, 1.0)
    for _ in range(rounds):
        for server in servers:
            with server.awake():
                before = server.processor_seconds
                found = full_speed(server.port, server.exchanges, LINES, seconds)
                total = found.correct + found.wrong
                costs[server.name].append((server.processor_seconds - before) / total * 1e6)
            rates[server.name].append(found.rate)
            wrong, asked = wrong + found.wrong, asked + total
    print(f"\nAt full speed, {LINES} connections, {rounds} rounds of {seconds:g} s; {asked:,} answers, {wrong} wrong")
    print(f"{'server':22} {'requests/s':>11} {'to hello':>9} {'to parse':>9}  CPU us each, to hello, to parse")
    for name in rates:
        faster = [statistics.median(map(ratio, rates[name], rates[peer])) for peer in PEERS]
        cheaper = [statistics.median(map(ratio, costs[peer], costs[name])) for peer in PEERS]
        print(
            f"{name:22} {statistics.median(rates[name]):11,.0f} {faster[0]:9.2f} {faster[1]:9.2f}"
            f" {statistics.median(costs[name]):12.1f} {cheaper[0]:9.2f} {cheaper[1]:9.2f}"
        )
    return {name: statistics.median(found_rates) for name, found_rates in rates.items()}


def ratio(one: float, other: float) -> float:
    return one / other


def tail_header(rate: str, rounds: int, seconds: float) -> None:
    print(f"\nAt {rate}, {rounds} rounds of {seconds:g} s, milliseconds from when a request was due")
    print(f"{'server':30} {'req/s':>7} {'p50':>7} {'p99':>7} {'p99.9':>7} {'p99.9/p50':>10} {'wrong':>6}")


def tail(name: str, rounds: list[Measured]) -> None:
    """Medians of the rounds."""
    p50, p99, p999 = (statistics.median(m.percentile(share) for m in rounds) * 1000 for share in (0.5, 0.99, 0.999))
    rate, wrong = statistics.median(m.rate for m in rounds), sum(m.wrong for m in rounds)
    print(f"{name:30} {rate:7,.0f} {p50:7.2f} {p99:7.2f} {p999:7.2f} {p999 / p50:10.1f} {wrong:6}")


def sandbox(stack: ExitStack) -> str:
    """Its URL. It shares the core of the load, and stands back for it."""
    command = ["nice", "-n", "19", sys.executable, "-m", "trunkline", "sandbox", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    stack.callback(end, process)
    assert process.stdout
    for line in process.stdout:
        for word in line.split():
            if word.startswith("http://"):
                return word.rstrip("/;,.")
    raise SystemExit("the sandbox did not start")


def while_a_batch_runs(folder: Path, numbers: int, rate: float, options: argparse.Namespace) -> None:
    """The same load on a service that finds, buys, imports and maps numbers for many restaurants meanwhile."""
    with ExitStack() as stack:
        url = sandbox(stack)
        accounts = httpx2.Client(base_url=f"{url}/sandbox")
        accounts.put(f"/accounts/twilio/{twilio.DEFAULT_ACCOUNT}", json={"balance": "1000000"}).raise_for_status()
        stock = [{"carrier": "twilio", "number": f"+1415{5560000 + n}"} for n in range(WITHOUT_NUMBER)]
        accounts.post("/numbers", json=stock).raise_for_status()
        listed = httpx2.get(f"{url}/assistant", headers={"Authorization": f"Bearer {vapi.DEFAULT_SECRET}"}).json()
        exchanges = exchanges_for(numbers, listed[0]["id"])
        server = serve(stack, "trunkline", exchanges, database(folder, numbers), url, str(options.pace))
        client = httpx2.Client(
            base_url=f"http://127.0.0.1:{server.port}", headers={"X-Vapi-Secret": SECRET}, timeout=60
        )
        time.sleep(1)
        quiet = steady(server, rate, options)
        batch = client.post("/api/batches", json={"limit": WITHOUT_NUMBER, "force_twilio": True}).json()
        time.sleep(1)
        busy = steady(server, rate, options)
        shown: dict[str, Any] = client.get(f"/api/batches/{batch['id']}").json()
        tail(f"{numbers:,}, before the batch", quiet)
        tail(f"{numbers:,}, while it runs", busy)
        print(f"  the batch meanwhile: {shown['status']}, {shown.get('counts', shown)}")
        client.post(f"/api/batches/{batch['id']}/cancel")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--numbers", type=int, nargs="+", default=[1_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--pace", type=float, default=5.0, help="the batch's requests a second to each provider")
    parser.add_argument("--folder", type=Path, help="keeps the databases for the next run")
    parser.add_argument("--parts", nargs="+", default=["speed", "batch"], choices=["speed", "batch"])
    options = parser.parse_args()
    os.sched_setaffinity(0, {LOAD_CORE})
    gc.disable()  # the load's own pauses would count as the servers'
    with ExitStack() as stack:
        folder = options.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        rates = speed(folder, options) if "speed" in options.parts else {}
        if "batch" in options.parts:
            half = rates.get(f"trunkline {options.numbers[0]:,}", 4000) / 2
            tail_header(f"{half:,.0f} requests/s", options.rounds, options.seconds)
            for numbers in options.numbers:
                while_a_batch_runs(folder, numbers, half, options)


def speed(folder: Path, options: argparse.Namespace) -> dict[str, float]:
    """Requests a second of each server at full speed, by its name."""
    with ExitStack() as stack:
        return measured(stack, folder, options)


def measured(stack: ExitStack, folder: Path, options: argparse.Namespace) -> dict[str, float]:
    request = exchange(0, ASSISTANT)[0]
    print(f"request of {len(request):,} bytes, {DIFFERENT:,} different ones")
    servers = [serve(stack, "hello", [(request, HELLO)]), serve(stack, "parse", [(request, PARSED)])]
    for numbers in options.numbers:
        url, started = database(folder, numbers), time.monotonic()
        server = serve(stack, f"trunkline {numbers:,}", exchanges_for(numbers, ASSISTANT), url)
        print(f"{server.name}: ready in {time.monotonic() - started:.1f} s, {server.megabytes:.0f} MB")
        servers.append(server)
    for server in servers:
        os.kill(server.process.pid, signal.SIGSTOP)
    if len(options.numbers) > 1:
        more = servers[-1].megabytes - servers[2].megabytes
        each = more / (options.numbers[-1] - options.numbers[0]) * 100_000
        print(f"memory per 100,000 mappings: {each:.1f} MB")
    rates = compare(servers, options.rounds, options.seconds)
    half = rates[f"trunkline {options.numbers[0]:,}"] / 2  # its peers are asked as often: their tail is the machine's
    tail_header(f"{half:,.0f} requests/s, quiet", options.rounds, options.seconds)
    for server in servers:
        with server.awake():
            asked = steady(server, half, options)
        tail(server.name, asked)
    return rates


if __name__ == "__main__":
    main()
