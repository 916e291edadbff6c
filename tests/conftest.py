"""What every test may use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.sandbox_server import SandboxServer


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def sandbox_server() -> Iterator[SandboxServer]:
    with SandboxServer() as server:
        yield server


@pytest.fixture
def sandbox(sandbox_server: SandboxServer) -> SandboxServer:
    """A running sandbox in its default state."""
    sandbox_server.reset()
    return sandbox_server
