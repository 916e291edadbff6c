"""What happens to numbers at Twilio unasked: in its console, by its support, by another program."""

from __future__ import annotations

import random
from typing import Any

from trunkline.sandbox.marks import ANOTHER, installation_of, new_mark
from trunkline.sandbox.twilio.state import give_up, hand_over, parent_of, take
from trunkline.sandbox.twilio.stock import CARRIER
from trunkline.sandbox.world import Account, Drift, Number, World

PBX = "https://pbx.example/voice"


def lose(world: World, number: Number, account: str, chance: random.Random) -> str:
    give_up(world, number, for_sale=False)
    return f"released in the console of {account}"


def move(world: World, number: Number, account: str, chance: random.Random) -> str:
    """To a subaccount, which the keys of its parent show; one is opened where there is none."""
    below = [a.id for a in world.accounts.values() if a.carrier == CARRIER and parent_of(a) == account]
    if not below:
        opened = Account(CARRIER, f"AC{chance.getrandbits(128):032x}", world.hex(32), extra={"parent": account})
        below = [world.add_account(opened).id]
    hand_over(world, number, target := chance.choice(below))
    return f"moved to subaccount {target}"


def mislead(world: World, number: Number, account: str, chance: random.Random) -> str:
    """Twilio asks the trunk or the application in place of the voice URL."""
    name, value = chance.choice(
        [
            ("voice_url", PBX),
            ("trunk_sid", f"TK{chance.getrandbits(128):032x}"),
            ("voice_application_sid", f"AP{chance.getrandbits(128):032x}"),
        ]
    )
    number.wire[name] = value
    return f"{name} set to {value}"


def remark(world: World, number: Number, account: str, chance: random.Random) -> str:
    number.wire["friendly_name"] = new_mark(ANOTHER, chance)
    return "friendly_name overwritten by another installation"


def raise_price(world: World, number: Number, account: str, chance: random.Random) -> str:
    """Twilio publishes one price for a country and type."""
    old, new = number.price, number.price + 1
    for alike in world.numbers.values():
        if (alike.carrier, alike.country, alike.type) == (CARRIER, number.country, number.type):
            alike.price = new
    return f"{number.country} {number.type} numbers cost {new} a month, and not {old}"


def rotate(world: World, number: Number, account: str, chance: random.Random) -> str:
    world.accounts[CARRIER, account].secret = secret = f"sandbox-twilio-{chance.getrandbits(64):016x}"
    return f"the AuthToken of {account} is {secret} now"


def held(world: World, number: Number, account: str, **wire: Any) -> None:
    number.wire = wire
    take(world, number, account)


def buy_with_our_mark(world: World, number: Number, account: str, chance: random.Random) -> str | None:
    ours = installation_of(n.wire.get("friendly_name") for n in world.held(CARRIER, account))
    if ours is None:
        return None
    held(world, number, account, friendly_name=new_mark(ours, chance))
    return f"in {account} with the mark of {ours}"


def buy_for_another(world: World, number: Number, account: str, chance: random.Random) -> str:
    held(world, number, account, friendly_name=new_mark(ANOTHER, chance), voice_url=PBX)
    return f"bought for {account} by another installation"


def buy_by_hand(world: World, number: Number, account: str, chance: random.Random) -> str:
    held(world, number, account)
    return f"bought in the console of {account}"


def buy_for_use(world: World, number: Number, account: str, chance: random.Random) -> str:
    held(world, number, account, voice_url=PBX)
    return f"bought in the console of {account} and pointed at {PBX}"


DRIFTS = (
    Drift("ghost", "served", lose),
    Drift("moved", "served", move),
    Drift("webhook_drifted", "served", mislead),
    Drift("other_installation", "served", remark),
    Drift("other_installation", "for_sale", buy_for_another),
    Drift("orphan", "for_sale", buy_with_our_mark),
    Drift("adoptable", "for_sale", buy_by_hand),
    Drift("foreign", "for_sale", buy_for_use),
    Drift("still_billed", "given_back", buy_by_hand),
    Drift("price_changed", "served", raise_price, whole=True),
    Drift("stale_credential", "served", rotate, whole=True),
)
