"""Which carriers there are, and those that the settings name and give keys for."""

from __future__ import annotations

from typing import Protocol

from trunkline.carriers.base import Carrier
from trunkline.carriers.byo import ByoCarrier
from trunkline.carriers.telnyx import TelnyxCarrier
from trunkline.carriers.twilio import TwilioCarrier
from trunkline.carriers.vapi_numbers import VapiCarrier
from trunkline.carriers.vonage import VonageCarrier
from trunkline.settings import Settings


class CarrierClass(Protocol):
    """What a carrier's class offers besides the port."""

    def __call__(self, settings: Settings) -> Carrier: ...

    def configured(self, settings: Settings) -> bool:
        """Whether the settings hold what the carrier needs."""


CARRIERS: dict[str, CarrierClass] = {
    "twilio": TwilioCarrier,
    "telnyx": TelnyxCarrier,
    "vonage": VonageCarrier,
    "vapi": VapiCarrier,
    "byo": ByoCarrier,
}


def build_carriers(settings: Settings) -> dict[str, Carrier]:
    """The configured carriers, in the order in which the settings want them tried."""
    return {name: CARRIERS[name](settings) for name in settings.carriers if CARRIERS[name].configured(settings)}
