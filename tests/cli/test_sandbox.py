"""`trunkline sandbox`."""

from __future__ import annotations

import httpx2

from tests.cli.conftest import Start
from trunkline.sandbox.server import environment


def test_it_prints_the_settings_that_lead_to_it_and_stops_in_order(trunkline: Start) -> None:
    sandbox = trunkline("sandbox", "--port", "0")
    printed = sandbox.until("VONAGE_BASE_URL")
    settings = dict(line.split("=", 1) for line in printed.splitlines() if not line.startswith("#"))
    assert settings == environment(settings["VAPI_BASE_URL"])
    state = httpx2.get(f"{settings['VAPI_BASE_URL']}/sandbox/state").json()
    assert state["for_sale"]["twilio"] > 0
    assert sandbox.stop() == 0
