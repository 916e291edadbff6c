"""Twilio's memory in the world: who bought what in which order, and the shelves that make a search quick."""

from __future__ import annotations

import time
from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from trunkline.sandbox.inventory import Label, Shelves
from trunkline.sandbox.twilio.stock import CARRIER, PRICES, area_of, friendly, locality_of, region_of
from trunkline.sandbox.twilio.wire import Refused, rfc2822
from trunkline.sandbox.world import Account, Number, World


@dataclass
class Held:
    """One purchase. `order` counts purchases up; nobody sees the number by list or sid before `visible_at`."""

    order: int
    sid: str
    number: str
    visible_at: float


def labels(number: Number) -> list[Label]:
    """Country and type, and these with the area code, the locality and the region."""
    shelf = (number.country, number.type)
    places = (("AreaCode", area_of(number)), ("InLocality", locality_of(number)), ("InRegion", region_of(number)))
    return [shelf, *((*shelf, name, value.lower()) for name, value in places if value)]


@dataclass
class State:
    """What the vendor keeps besides accounts and numbers; the world alone says who holds a number now."""

    by_order: dict[int, Held] = field(default_factory=dict)
    by_sid: dict[str, Held] = field(default_factory=dict)
    bought: dict[str, list[int]] = field(default_factory=dict)
    shelves: Shelves = field(default_factory=lambda: Shelves(CARRIER, labels))


def state_of(world: World) -> State:
    memory = world.vendor(CARRIER)
    if "state" not in memory:
        memory["state"] = State()
    state: State = memory["state"]
    return state


def kinds(world: World) -> set[tuple[str, str]]:
    """Each (country, type) that Twilio offers, be it sold out."""
    shelved = state_of(world).shelves.labels(world)
    return set(PRICES) | {(label[0], label[1]) for label in shelved if len(label) == 2}


def candidates(world: World, country: str, kind: str, areas: set[str] | None = None, **wanted: str | None) -> list[str]:
    """The least that holds every number in these area codes (None: all), of this area code, locality and region."""
    if areas is not None:
        return [number for area in sorted(areas) for number in candidates(world, country, kind, AreaCode=area)]
    asked = [(country, kind, name, value.lower()) for name, value in wanted.items() if value]
    return state_of(world).shelves.smallest(world, (country, kind), *asked)


def new_record(world: World, number: str) -> dict[str, Any]:
    """A number's own record as it is right after the purchase, by the resource's field names."""
    now = rfc2822(World.now())
    record: dict[str, Any] = {
        "sid": f"PN{world.hex(32)}",
        "friendly_name": friendly(number),
        "api_version": "2010-04-01",
        "beta": False,
        "origin": "twilio",
        "status": "in-use",
        "date_created": now,
        "date_updated": now,
        "voice_caller_id_lookup": False,
        "voice_receive_mode": "voice",
        "emergency_status": "Inactive",
        "emergency_address_status": "unregistered",
    }
    record |= dict.fromkeys(("voice_url", "voice_fallback_url", "sms_url", "sms_fallback_url", "status_callback"), "")
    methods = ("voice_method", "voice_fallback_method", "sms_method", "sms_fallback_method", "status_callback_method")
    record |= dict.fromkeys(methods, "POST")
    sids = ("voice_application_sid", "sms_application_sid", "trunk_sid", "address_sid", "bundle_sid", "identity_sid")
    return record | dict.fromkeys((*sids, "emergency_address_sid"))


def take(world: World, number: Number, account: str, lag: float = 0.0) -> None:
    """The account has the number from now on; what its record already says is kept."""
    state = state_of(world)
    number.account, number.held_for = account, None
    number.wire = new_record(world, number.number) | number.wire
    number.history.append(f"{World.now().isoformat()} held by {account}")
    sid = str(number.wire["sid"])
    if sid in state.by_sid:
        _forget(state, state.by_sid[sid])
    held = Held(len(state.by_order), sid, number.number, time.monotonic() + lag)
    state.by_order[held.order] = state.by_sid[sid] = held
    state.bought.setdefault(account, []).append(held.order)


def hand_over(world: World, number: Number, account: str) -> None:
    """From one account to a related one; sid and date of purchase stay."""
    state = state_of(world)
    held = state.by_sid[number.wire["sid"]]
    _forget(state, held)
    number.account = account
    number.history.append(f"{World.now().isoformat()} transferred to {account}")
    insort(state.bought.setdefault(account, []), held.order)


def give_up(world: World, number: Number, for_sale: bool) -> None:
    """Nobody has the number; unless it is for sale at once, it is kept back for its last owner."""
    _forget(state_of(world), state_of(world).by_sid[number.wire["sid"]])
    number.history.append(f"{World.now().isoformat()} released by {number.account}")
    number.held_for = None if for_sale else number.account
    number.account = None
    number.wire = {}


def _forget(state: State, held: Held) -> None:
    for orders in state.bought.values():
        at = bisect_left(orders, held.order)
        if at < len(orders) and orders[at] == held.order:
            del orders[at]


def _number(world: World, held: Held, account: str) -> Number | None:
    number = world.number(CARRIER, held.number)
    mine = number is not None and number.account == account and number.wire.get("sid") == held.sid
    return number if mine else None


def find(world: World, account: str, sid: str) -> Number | None:
    held = state_of(world).by_sid.get(sid)
    return _number(world, held, account) if held and held.visible_at <= time.monotonic() else None


def counted(world: World, account: str) -> int:
    """How many numbers the account holds, shown or not yet."""
    state = state_of(world)
    return sum(_number(world, state.by_order[order], account) is not None for order in state.bought.get(account, ()))


def newest_first(world: World, account: str, after: str | None = None) -> Iterator[Number]:
    """The account's numbers as a list shows them, from the purchase before `after` (a sid) back to the oldest."""
    orders = state_of(world).bought.get(account, [])
    end = len(orders) if after is None else bisect_left(orders, _order(world, after))
    return _shown(world, account, reversed(orders[:end]))


def newer_than(world: World, account: str, before: str) -> Iterator[Number]:
    """The account's numbers bought after this sid, oldest first."""
    orders = state_of(world).bought.get(account, [])
    return _shown(world, account, iter(orders[bisect_left(orders, _order(world, before) + 1) :]))


def _order(world: World, sid: str) -> int:
    """A page's place in the list is known even if its number has been released since."""
    held = state_of(world).by_sid.get(sid)
    if held is None:
        raise Refused(20001, "PageToken is not valid")
    return held.order


def _shown(world: World, account: str, orders: Iterator[int]) -> Iterator[Number]:
    by_order, numbers, now = state_of(world).by_order, world.numbers, time.monotonic()
    for order in orders:
        held = by_order[order]
        number = numbers.get((CARRIER, held.number))
        if number is None or number.account != account or held.visible_at > now:
            continue
        if number.wire.get("sid") == held.sid:
            yield number


def parent_of(account: Account) -> str | None:
    """The SID of the account that owns this subaccount."""
    parent = account.extra.get("parent")
    return str(parent) if parent else None


def payer(world: World, account: Account) -> Account:
    """Who pays, and whose trial it is: the parent of a subaccount."""
    return world.account(CARRIER, parent_of(account) or "") or account


def status_of(world: World, account: Account) -> str:
    """active, suspended or closed; a parent's suspension suspends its subaccounts."""
    own = str(account.extra.get("status", "active"))
    above = payer(world, account)
    return str(above.extra.get("status", "active")) if own == "active" and above is not account else own
