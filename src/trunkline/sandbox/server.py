"""The whole sandbox, and the settings that lead to it."""

from __future__ import annotations

from starlette.applications import Starlette

from trunkline.sandbox import telnyx, twilio, vapi, vonage
from trunkline.sandbox.app import Sandbox
from trunkline.sandbox.control import control_routes


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


def sandbox_app() -> Starlette:
    """The sandbox with its control API, to be served with `DroppingProtocol`."""
    sandbox = build_sandbox()
    return sandbox.app(control_routes(sandbox))
