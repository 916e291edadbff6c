"""The real server as a process of its own, to be killed."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path
from typing import Any

import httpx2

from tests.support.forked import Process
from tests.support.sandbox_server import SandboxServer
from trunkline.sandbox.server import environment

SECRET = "a-secret-of-the-tests"
QUICK = {
    "VAPI_SECRET_KEY": SECRET,
    "RETRY_FOR_SECONDS": "20",
    "LISTING_LAG_SECONDS": "0.3",
    "PROVIDER_TIMEOUT_SECONDS": "2",
    "PROVIDER_REQUESTS_PER_SECOND": "1000",
    "NUMBER_COOLDOWN_HOURS": "0",
    "TAKEOVER_SECONDS": "2.5",
    "SHUTDOWN_SECONDS": "1",
    "LOG_LEVEL": "info",
}


class ServerProcess:
    """`trunkline serve` on a free port, or on this one; `kill()` is kill -9. Its log goes to `log`."""

    def __init__(self, sandbox: SandboxServer, database_url: str, log: Path, port: int = 0, **changes: str) -> None:
        settings = environment(sandbox.url) | QUICK | {"DATABASE_URL": database_url} | changes
        self.log = log
        self._out = log.with_suffix(".out")
        folder = log.parent  # where there is no .env
        with log.open("a") as errors, self._out.open("w") as out:
            self.process = Process(["serve", "--port", str(port)], folder, settings, out, errors)
        self._client: httpx2.Client | None = None

    def __enter__(self) -> ServerProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.resume()
        self.kill()

    @property
    def client(self) -> httpx2.Client:
        """A client with the operator's secret, once the server answers."""
        if self._client is None:
            deadline = time.monotonic() + 60
            while not (found := re.search(r"listens on (http://\S+?);", self._out.read_text())):
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"the server did not start:\n{self.log.read_text()[-3000:]}")
                time.sleep(0.02)
            self._client = httpx2.Client(base_url=found[1], headers={"X-Vapi-Secret": SECRET}, timeout=30)
        return self._client

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        """POST without waiting for the flow."""
        answer = self.client.post(path, json=body, headers={"Prefer": "respond-async"})
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    def get(self, path: str) -> Any:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM, and its exit code."""
        return self._end(signal.SIGTERM)

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def _end(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        code = self.process.wait(60)
        if self._client is not None:
            self._client.close()
        return code
