"""What happens to numbers at Telnyx unasked: in its portal, by its support, by another program."""

from __future__ import annotations

import random
from typing import Any

from trunkline.sandbox.marks import ANOTHER, installation_of, new_mark
from trunkline.sandbox.telnyx.wire import CARRIER, give_back, hold
from trunkline.sandbox.world import Drift, Number, World


def lose(world: World, number: Number, account: str, chance: random.Random) -> str:
    give_back(world, number)
    return "deleted in the portal"


def mislead(world: World, number: Number, account: str, chance: random.Random) -> str:
    connection = connect_elsewhere(chance)
    number.wire |= connection
    return f"assigned to connection {connection['connection_id']}"


def connect_elsewhere(chance: random.Random) -> dict[str, Any]:
    return {"connection_id": str(chance.randrange(10**18, 2 * 10**18)), "connection_name": "PBX"}


def remark(world: World, number: Number, account: str, chance: random.Random) -> str:
    number.wire["customer_reference"] = new_mark(ANOTHER, chance)
    return "customer_reference overwritten by another installation"


def rotate(world: World, number: Number, account: str, chance: random.Random) -> str:
    world.accounts[CARRIER, account].secret = secret = f"KEY0SANDBOX0{chance.getrandbits(64):016X}"
    return f"the API key is {secret} now"


def held(world: World, number: Number, account: str, **wire: Any) -> None:
    number.account, number.wire = account, wire
    hold(world, number)


def buy_with_our_mark(world: World, number: Number, account: str, chance: random.Random) -> str | None:
    ours = installation_of(n.wire.get("customer_reference") for n in world.held(CARRIER, account))
    if ours is None:
        return None
    held(world, number, account, customer_reference=new_mark(ours, chance))
    return f"in the account with the mark of {ours}"


def buy_for_another(world: World, number: Number, account: str, chance: random.Random) -> str:
    held(world, number, account, customer_reference=new_mark(ANOTHER, chance), **connect_elsewhere(chance))
    return "bought by another installation"


def buy_by_hand(world: World, number: Number, account: str, chance: random.Random) -> str:
    held(world, number, account)
    return "bought in the portal"


def buy_for_use(world: World, number: Number, account: str, chance: random.Random) -> str:
    held(world, number, account, **connect_elsewhere(chance))
    return "bought in the portal and assigned to a connection"


# Another account's numbers, and what a held number costs, are nowhere in what a key shows.
DRIFTS = (
    Drift("ghost", "served", lose),
    Drift("webhook_drifted", "served", mislead),
    Drift("other_installation", "served", remark),
    Drift("other_installation", "for_sale", buy_for_another),
    Drift("orphan", "for_sale", buy_with_our_mark),
    Drift("adoptable", "for_sale", buy_by_hand),
    Drift("foreign", "for_sale", buy_for_use),
    Drift("still_billed", "given_back", buy_by_hand),
    Drift("stale_credential", "served", rotate, whole=True),
)
