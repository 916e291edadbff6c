"""The application on a free loopback port, in a thread of the test process."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

import httpx2
import uvicorn

from tests.support.sandbox_server import SandboxServer
from trunkline.api.app import create_app
from trunkline.sandbox.server import environment
from trunkline.settings import Settings, load_settings

SECRET = "the-operators-secret"
QUICK = {
    "assign_wait_seconds": 10,
    "retry_for_seconds": 2,
    "listing_lag_seconds": 0.3,
    "number_cooldown_hours": 0,
    "provider_requests_per_second": 1000,
    "shutdown_seconds": 2,
    "log_level": "warning",
}


def app_settings(sandbox: SandboxServer, database_url: str, **changes: Any) -> Settings:
    """Settings for the sandbox's default accounts, with short waits."""
    values = {name.lower(): value for name, value in environment(sandbox.url).items()}
    return load_settings(
        _env_file=None, **(values | {"database_url": database_url, "vapi_secret_key": SECRET} | QUICK | changes)
    )


class AppServer:
    """Use as a context manager, one at a time in a process (the engine is one). `client` sends the operator's secret,
    `anonymous` sends nothing."""

    def __init__(self, settings: Settings) -> None:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        assert settings.vapi_secret_key
        secret = {"X-Vapi-Secret": settings.vapi_secret_key.get_secret_value()}
        self.client = httpx2.Client(base_url=self.url, headers=secret, timeout=30)
        self.anonymous = httpx2.Client(base_url=self.url, timeout=30)
        self.app = create_app(settings)
        self._server = uvicorn.Server(
            uvicorn.Config(self.app, log_level="warning", access_log=False, timeout_graceful_shutdown=2)
        )
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), daemon=True)

    def __enter__(self) -> AppServer:
        self._thread.start()
        deadline = time.monotonic() + 20
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise RuntimeError("the application did not start")
            time.sleep(0.005)
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.anonymous.close()
        self._server.should_exit = True
        self._thread.join(15)
        assert not self._thread.is_alive()
