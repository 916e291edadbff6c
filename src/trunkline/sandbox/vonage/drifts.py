"""What happens to numbers at Vonage unasked: in its dashboard, by its support, by another program."""

from __future__ import annotations

import random
import uuid
from typing import Any

from trunkline.sandbox.vonage.numbers import give_back, holdings
from trunkline.sandbox.vonage.wire import CARRIER
from trunkline.sandbox.world import Drift, Number, World

PBX = "sip:pbx.example"


def lose(world: World, number: Number, account: str, chance: random.Random) -> str:
    give_back(world, number)
    return "cancelled in the dashboard"


def mislead(world: World, number: Number, account: str, chance: random.Random) -> str:
    application = str(uuid.UUID(int=chance.getrandbits(128), version=4))
    number.wire["app_id"] = application
    return f"linked to application {application}"


def rotate(world: World, number: Number, account: str, chance: random.Random) -> str:
    world.accounts[CARRIER, account].secret = secret = f"SandboxVonage{chance.getrandbits(32):08X}"
    return f"the secret of {account} is {secret} now"


def held(world: World, number: Number, account: str, **wire: Any) -> None:
    number.account, number.wire = account, wire
    holdings(world).add(number)


def buy_by_hand(world: World, number: Number, account: str, chance: random.Random) -> str:
    held(world, number, account)
    return "bought in the dashboard"


def buy_for_use(world: World, number: Number, account: str, chance: random.Random) -> str:
    held(world, number, account, voiceCallbackType="sip", voiceCallbackValue=PBX)
    return f"bought in the dashboard and pointed at {PBX}"


# Vonage keeps no text with a number, so there are no marks; nor does a list show what a held number costs.
DRIFTS = (
    Drift("ghost", "served", lose),
    Drift("webhook_drifted", "served", mislead),
    Drift("adoptable", "for_sale", buy_by_hand),
    Drift("foreign", "for_sale", buy_for_use),
    Drift("still_billed", "given_back", buy_by_hand),
    Drift("stale_credential", "served", rotate, whole=True),
)
