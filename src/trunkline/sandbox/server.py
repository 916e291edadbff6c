"""Starts the sandbox as a server on loopback."""

from __future__ import annotations

import uvicorn

from trunkline.sandbox.app import DroppingProtocol, Sandbox
from trunkline.sandbox.control import control_routes

HOST, PORT = "127.0.0.1", 8001


def build_sandbox() -> Sandbox:
    """A sandbox with every vendor, in its default state."""
    return Sandbox([])


def serve(host: str = HOST, port: int = PORT, log_level: str = "warning") -> None:
    """Serve until SIGINT or SIGTERM."""
    sandbox = build_sandbox()
    uvicorn.run(
        sandbox.app(control_routes(sandbox)),
        host=host,
        port=port,
        http=DroppingProtocol,
        log_level=log_level,
        access_log=False,
        timeout_graceful_shutdown=1,
    )
