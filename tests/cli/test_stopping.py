"""SIGTERM: who streams, who waits and what runs are over within SHUTDOWN_SECONDS, and nothing is called an error."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.sandbox_server import SandboxServer
from tests.support.server_process import ServerProcess


class Waiting(threading.Thread):
    """A request that is not answered soon; `answer` is what came in the end."""

    def __init__(self, client: httpx2.Client, method: str, path: str, **sent: Any) -> None:
        super().__init__(daemon=True)
        self._request = client.build_request(method, path, timeout=60, **sent)
        self._client = client
        self.begun = threading.Event()
        self.answer: httpx2.Response | None = None
        self.start()

    def run(self) -> None:
        with suppress(httpx2.HTTPError), httpx2.Client() as own:  # cut off is no answer
            response = own.send(self._request, stream=True)
            self.begun.set()
            response.read()
            self.answer = response


@pytest.fixture
def server(sandbox: SandboxServer, tmp_path: Path) -> Iterator[ServerProcess]:
    url = f"sqlite:///{tmp_path}/stopping.sqlite"
    with ServerProcess(sandbox, url, tmp_path / "log", SHUTDOWN_SECONDS="2", ASSIGN_WAIT_SECONDS="50") as server:
        yield server


def test_streams_and_waiting_requests_end_with_the_server(sandbox: SandboxServer, server: ServerProcess) -> None:
    sandbox.fault(provider="vapi", operation="phone_numbers.create", kind="hold")
    server.client.post("/api/restaurants", json={"name": "Streamed", "assign_phone": False}).raise_for_status()
    batch = server.client.post("/api/batches", json={}).json()
    streams = [Waiting(server.client, "GET", f"/api/batches/{batch['id']}/events") for _ in range(5)]
    waiting = Waiting(server.client, "POST", "/api/restaurants", json={"name": "Waits", "force_twilio": True})
    assert all(stream.begun.wait(60) for stream in streams)
    deadline = time.monotonic() + 60
    while not sandbox.held("twilio"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert server.stop() == 0  # or it raises, long before the last of them would have ended
    for one in (*streams, waiting):
        one.join(60)
    assert waiting.answer is not None
    assert (waiting.answer.status_code, waiting.answer.json()["assignment"]["status"]) == (201, "running")
    assert all(stream.answer is not None and stream.answer.status_code == 200 for stream in streams)
    log = server.log.read_text()
    assert "Traceback" not in log
    assert "ASGI" not in log


HANGS = """
import asyncio, contextlib, os, signal
from starlette.applications import Starlette
from trunkline.cli import servers

@contextlib.asynccontextmanager
async def hangs_at_its_end(app):
    yield
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(600)

servers.LAST_SECONDS = 0.2
servers.Server(
    Starlette(lifespan=hangs_at_its_end),
    servers.listen("127.0.0.1", 0),
    http="h11",
    grace=0.0,
    announce=lambda: os.kill(os.getpid(), signal.SIGTERM),
    forced=True,
).run()
"""


def test_a_server_whose_end_hangs_ends_all_the_same() -> None:
    ended = subprocess.run([sys.executable, "-c", HANGS], capture_output=True, text=True, timeout=120)
    assert ended.returncode == 1
    assert "the end hangs" in ended.stdout + ended.stderr
