"""The sandbox on a free loopback port, in a thread of the test process."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

import httpx2
import uvicorn

from trunkline.sandbox.app import DroppingProtocol
from trunkline.sandbox.control import control_routes
from trunkline.sandbox.server import build_sandbox


class SandboxServer:
    """Use as a context manager; `url` is its base, `control` a client of its control API."""

    def __init__(self, **uvicorn_options: Any) -> None:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        scheme = "https" if "ssl_certfile" in uvicorn_options else "http"
        self.host = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self.url = f"{scheme}://{self.host}"
        self.control = httpx2.Client(base_url=f"{self.url}/sandbox", timeout=10, verify=False)
        sandbox = build_sandbox()
        self._server = uvicorn.Server(
            uvicorn.Config(
                sandbox.app(control_routes(sandbox)),
                http=DroppingProtocol,
                log_level="warning",
                access_log=False,
                timeout_graceful_shutdown=1,
                timeout_keep_alive=600,  # a connection that it closes may just be used by somebody slow
                **uvicorn_options,
            )
        )
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), daemon=True)

    def __enter__(self) -> SandboxServer:
        self._thread.start()
        deadline = time.monotonic() + 60
        while not self._server.started:
            if time.monotonic() > deadline:
                raise RuntimeError("the sandbox did not start")
            time.sleep(0.005)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(60)
        self.control.close()

    def reset(self, **options: Any) -> None:
        self.control.post("/reset", json=options).raise_for_status()

    def fault(self, **rule: Any) -> int:
        """Arm one fault and return its id."""
        answer = self.control.post("/faults", json=rule)
        assert answer.status_code == 201, answer.text
        return int(answer.json()[0]["id"])

    def requests(self, **query: Any) -> list[dict[str, Any]]:
        answer = self.control.get("/requests", params=query)
        return list(answer.raise_for_status().json())

    def held(self, carrier: str) -> list[dict[str, Any]]:
        """The numbers that some account of this carrier holds."""
        return list(self.control.get("/numbers", params={"carrier": carrier, "held": "true"}).json())
