"""Starts the sandbox as a server on loopback."""

from __future__ import annotations

import uvicorn

from trunkline.sandbox import telnyx, twilio, vapi, vonage
from trunkline.sandbox.app import DroppingProtocol, Sandbox
from trunkline.sandbox.control import control_routes

HOST, PORT = "127.0.0.1", 8001


def build_sandbox() -> Sandbox:
    """A sandbox with every vendor, in its default state."""
    return Sandbox(
        [
            twilio.Twilio(),
            vapi.Vapi(),
            telnyx.Telnyx(),
            vonage.Vonage(),
        ]
    )


def environment(base_url: str) -> dict[str, str]:
    """The settings that make Trunkline use this sandbox with its default accounts."""
    return {
        "TWILIO_ACCOUNT_SID": twilio.DEFAULT_ACCOUNT,
        "TWILIO_AUTH_TOKEN": twilio.DEFAULT_SECRET,
        "TWILIO_BASE_URL": base_url,
        "TWILIO_PRICING_BASE_URL": base_url,
        "VAPI_API_KEY": vapi.DEFAULT_SECRET,
        "VAPI_BASE_URL": base_url,
        "TELNYX_API_KEY": telnyx.DEFAULT_SECRET,
        "TELNYX_BASE_URL": f"{base_url}/v2",
        "VONAGE_API_KEY": vonage.DEFAULT_ACCOUNT,
        "VONAGE_API_SECRET": vonage.DEFAULT_SECRET,
        "VONAGE_BASE_URL": base_url,
    }


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
