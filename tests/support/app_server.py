"""The application on a free loopback port, in a thread of the test process."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import ExitStack
from typing import Any

import httpx2

from tests.support.given import given
from tests.support.sandbox_server import SandboxServer
from trunkline.cli.servers import api_server, in_background, listen
from trunkline.sandbox.server import environment
from trunkline.settings import Settings

SECRET = "the-operators-secret"
QUICK = {
    "assign_wait_seconds": 50,
    "retry_for_seconds": 2,
    "listing_lag_seconds": 0.3,
    "number_cooldown_hours": 0,
    "provider_requests_per_second": 1000,
    "wrong_keys_allowed": 1_000_000,
    "shutdown_seconds": 2,
    "log_level": "warning",
}


def app_settings(sandbox: SandboxServer, database_url: str, **changes: Any) -> Settings:
    """Settings for the sandbox's default accounts, with short waits."""
    values = {name.lower(): value for name, value in environment(sandbox.url).items()}
    return given(**(values | {"database_url": database_url, "vapi_secret_key": SECRET} | QUICK | changes))


class AppServer:
    """Use as a context manager, one at a time in a process (the engine is one). `client` sends the operator's secret,
    `anonymous` sends nothing."""

    def __init__(self, settings: Settings) -> None:
        self._server = api_server(settings, listen("127.0.0.1", 0))
        self._running = ExitStack()
        self.app = self._server.app
        self.url = self._server.url
        assert settings.vapi_secret_key
        secret = {"X-Vapi-Secret": settings.vapi_secret_key.get_secret_value()}
        self.client = httpx2.Client(base_url=self.url, headers=secret, timeout=60)
        self.anonymous = httpx2.Client(base_url=self.url, timeout=60)

    def do(self, work: Coroutine[Any, Any, None]) -> None:
        """Do this in the application's thread, as its own workers do."""
        assert self._server._loop is not None
        asyncio.run_coroutine_threadsafe(work, self._server._loop).result(60)

    def __enter__(self) -> AppServer:
        self._running.enter_context(in_background(self._server))
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.anonymous.close()
        self._running.close()
