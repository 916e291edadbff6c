"""Which carriers there are, and those that the settings name and give keys for."""

from __future__ import annotations

from typing import Protocol

from trunkline.carriers.base import Carrier
from trunkline.carriers.byo import ByoCarrier
from trunkline.carriers.telnyx import TelnyxCarrier
from trunkline.carriers.twilio import TwilioCarrier
from trunkline.carriers.vapi_numbers import VapiCarrier
from trunkline.carriers.vonage import VonageCarrier
from trunkline.providers.account import Account, Accounts
from trunkline.settings import Settings


class CarrierClass(Protocol):
    """What a carrier's class offers besides the port."""

    def __call__(self, settings: Settings, account: Account | None = None) -> Carrier:
        """`account` is what its clients share with others; None: nobody else asks it."""

    def configured(self, settings: Settings) -> bool:
        """Whether the settings hold what the carrier needs."""


CARRIERS: dict[str, CarrierClass] = {
    "twilio": TwilioCarrier,
    "telnyx": TelnyxCarrier,
    "vonage": VonageCarrier,
    "vapi": VapiCarrier,
    "byo": ByoCarrier,
}


def build_carriers(settings: Settings, accounts: Accounts) -> dict[str, Carrier]:
    """The configured carriers, in the order in which the settings want them tried."""
    configured = [name for name in settings.carriers if CARRIERS[name].configured(settings)]
    return {name: CARRIERS[name](settings, accounts.of(name)) for name in configured}
