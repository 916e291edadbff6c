"""What 200 open pages of the console cost a call: `python -m benchmarks.console_streams`, on the cores of routing's."""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import os
import selectors
import socket
import statistics
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.synchronize import Event
from pathlib import Path

import httpx2

from benchmarks.routing import LINES, LOAD_CORE, exchanges_for, serve, tail, tail_header, undisturbed
from benchmarks.routing_load import Measured, fixed_rate
from benchmarks.routing_world import ASSISTANT, SECRET, database, restaurant_of

MOST_RATIO = 1.10


def read_streams(port: int, cookie: str, count: int, ready: Event) -> None:
    """As browsers do: open each, and read whatever comes; for ever."""
    os.nice(19)  # it shares the load's core, and stands back for it
    request = f"GET /console/live HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\nAccept: text/event-stream\r\n\r\n"
    waiting, quiet = selectors.DefaultSelector(), set(range(count))
    for n in range(count):
        line = socket.create_connection(("127.0.0.1", port))
        line.sendall(request.encode())
        waiting.register(line, selectors.EVENT_READ, n)
    while True:
        for key, _ in waiting.select():
            if not key.fileobj.recv(65536):  # type: ignore[union-attr]
                raise SystemExit("a stream has ended")
            quiet.discard(key.data)
        if not quiet:
            ready.set()


@contextmanager
def streams(port: int, cookie: str, count: int) -> Iterator[None]:
    """Open in another process, each of them told at least once, until the block ends."""
    ready = multiprocessing.get_context("spawn").Event()
    reader = multiprocessing.get_context("spawn").Process(target=read_streams, args=(port, cookie, count, ready))
    reader.start()
    try:
        if not ready.wait(60):
            raise SystemExit("the streams are not all open")
        yield
    finally:
        reader.terminate()
        reader.join()


@contextmanager
def happening(client: httpx2.Client, each: float) -> Iterator[None]:
    """Something is written every so many seconds, of which every open page is told."""
    over = threading.Event()

    def change() -> None:
        turn = 0
        while not over.wait(each):
            turn += 1
            path = f"/api/restaurants/{restaurant_of(turn % 100)[0]}"
            client.patch(path, json={"metadata": {"turn": str(turn)}}).raise_for_status()

    worker = threading.Thread(target=change)
    worker.start()
    try:
        yield
    finally:
        over.set()
        worker.join()


def measure(folder: Path, options: argparse.Namespace) -> bool:
    """Print both; whether the tail is within what it may be. Rounds alternate: the machine's mood meets both."""
    with ExitStack() as stack:
        exchanges = exchanges_for(options.numbers, ASSISTANT)
        server = serve(stack, "trunkline", exchanges, database(folder, options.numbers))
        url = f"http://127.0.0.1:{server.port}"
        visitor = httpx2.Client(base_url=url, timeout=60)
        visitor.post("/console/login", data={"credential": SECRET})
        cookie = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
        changer = httpx2.Client(base_url=url, headers={"X-Vapi-Secret": SECRET}, timeout=60)
        stack.enter_context(happening(changer, options.each))

        def once() -> Measured:
            with undisturbed(server):
                return fixed_rate(server.port, exchanges, LINES, options.rate, options.seconds)

        once()
        without, beside = [], []
        for _ in range(options.rounds):
            without.append(once())
            with streams(server.port, cookie, options.streams):
                beside.append(once())
    tail_header(f"{options.rate:g} requests/s, a change each {options.each:g} s", options.rounds, options.seconds)
    tail("no page is open", without)
    tail(f"{options.streams} pages are open", beside)
    p99 = [statistics.median(one.percentile(0.99) for one in rounds) for rounds in (without, beside)]
    print(f"p99 with them is {p99[1] / p99[0]:.2f} of that without; {MOST_RATIO:.2f} is allowed")
    return p99[1] / p99[0] <= MOST_RATIO


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--numbers", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=500.0, help="calls a second")
    parser.add_argument("--each", type=float, default=1.0, help="seconds between changes that all pages are told of")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each round, without and with them")
    options = parser.parse_args()
    os.sched_setaffinity(0, {LOAD_CORE})
    gc.disable()  # the load's own pauses would count as the server's
    with tempfile.TemporaryDirectory(prefix="trunkline-streams-") as folder:
        sys.exit(not measure(Path(folder), options))


if __name__ == "__main__":
    main()
