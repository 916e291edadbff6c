"""What happens in Vapi unasked: to the records of carriers' numbers, to its own numbers, to the shared assistant."""

from __future__ import annotations

import random
from copy import deepcopy
from typing import Any

from trunkline.sandbox.marks import installation_of, new_mark
from trunkline.sandbox.vapi.assistants import ASSISTANTS, leave
from trunkline.sandbox.vapi.numbers import PhoneNumber, hold, numbers_of
from trunkline.sandbox.vapi.wire import Record, new_id, shelf, tick
from trunkline.sandbox.world import Drift, Number, World

ELSEWHERE = "https://elsewhere.example/vapi"
SOMEBODY = {"name": "Somebody's assistant", "firstMessage": "Pizza palace."}


def served(world: World) -> dict[tuple[str, str], PhoneNumber]:
    """The carriers' numbers that something answers in an organisation, by carrier and number."""
    orgs: dict[str, dict[str, PhoneNumber]] = world.vendor("vapi").get("numbers", {})
    answers = ("assistantId", "server", "squadId", "workflowId")
    return {
        (record.wire["provider"], str(record.wire.get("number"))): record
        for records in orgs.values()
        for record in records.values()
        if any(record.wire.get(name) for name in answers)
    }


def record_of(world: World, number: Number) -> PhoneNumber:
    return served(world)[number.carrier, number.number]


def others_assistant(world: World, org: str) -> str:
    """An assistant that serves somebody else; made where there is none."""
    found = (r.id for r in ASSISTANTS.of(world, org).values() if r.wire.get("name") == SOMEBODY["name"])
    return next(found, None) or ASSISTANTS.add(world, org, dict(SOMEBODY)).id


def forget(world: World, number: Number, account: str, chance: random.Random) -> str:
    """The record is gone, and the number stands where it stood."""
    record = record_of(world, number)
    del numbers_of(world, record.wire["orgId"])[record.id]
    return "its record deleted in Vapi"


def import_twice(world: World, number: Number, account: str, chance: random.Random) -> str:
    """A second record, younger and with an id of its own."""
    first, now = record_of(world, number), tick(world)
    second = PhoneNumber(deepcopy(first.wire) | {"id": new_id(world)}, now, now, first.active_at)
    numbers_of(world, first.wire["orgId"])[second.id] = second
    return f"imported a second time, as {second.id}"


def misroute(world: World, number: Number, account: str, chance: random.Random) -> str:
    """Somebody else's assistant answers it, somebody else's server, or nothing at all."""
    record = record_of(world, number)
    assistant = others_assistant(world, record.wire["orgId"])
    ways: list[tuple[dict[str, Any], str]] = [
        ({"assistantId": assistant}, "answered by somebody's assistant"),
        ({"server": {"url": ELSEWHERE}}, f"answered by {ELSEWHERE}"),
        ({}, "answered by nothing"),
    ]
    new, said = chance.choice(ways)
    record.wire = {key: value for key, value in record.wire.items() if key not in ("assistantId", "server")} | new
    record.touch(world)
    return said


def give_up(world: World, number: Number, account: str, chance: random.Random) -> str:
    del numbers_of(world, account)[record_of(world, number).id]
    number.account = None
    return "the free number was given up in Vapi"


def end_assistant(world: World, number: Number, account: str, chance: random.Random) -> str | None:
    record = record_of(world, number)
    assistants = shelf(world, record.wire["orgId"], "assistants")
    gone: Record | None = assistants.get(str(record.wire.get("assistantId")))
    if gone is None:
        return None
    leave(world, record.wire["orgId"], gone)
    del assistants[gone.id]
    return f"assistant {gone.wire.get('name')} deleted"


def held(world: World, number: Number, account: str) -> PhoneNumber:
    number.account = account
    hold(world, number)
    return list(numbers_of(world, account).values())[-1]


def take_with_our_mark(world: World, number: Number, account: str, chance: random.Random) -> str | None:
    ours = installation_of(record.wire.get("name") for record in numbers_of(world, account).values())
    if ours is None:
        return None
    held(world, number, account).wire["name"] = new_mark(ours, chance)
    return f"a free number with the mark of {ours}"


def take_by_hand(world: World, number: Number, account: str, chance: random.Random) -> str:
    held(world, number, account)
    return "a free number taken in Vapi's dashboard"


def take_for_use(world: World, number: Number, account: str, chance: random.Random) -> str:
    held(world, number, account).wire["assistantId"] = others_assistant(world, account)
    return "a free number taken for somebody's assistant"


# Its own numbers cannot be in Vapi twice, nor missing there; what it costs to have them is nothing.
DRIFTS = (
    Drift("missing_in_vapi", "imported", forget),
    Drift("twice_in_vapi", "imported", import_twice),
    Drift("misrouted", "imported", misroute),
    Drift("misrouted", "served", misroute),
    Drift("dead_target", "imported", end_assistant, whole=True),
    Drift("dead_target", "served", end_assistant, whole=True),
    Drift("ghost", "served", give_up),
    Drift("orphan", "for_sale", take_with_our_mark),
    Drift("adoptable", "for_sale", take_by_hand),
    Drift("foreign", "for_sale", take_for_use),
)
