"""Numbers: held, for sale, moved and given back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict, Unpack

from trunkline.client import models
from trunkline.client.operations.common import Agreed, Criteria, headers_of, part
from trunkline.client.wire import Call, Pages


class NumberChange(TypedDict, total=False):
    """What is said of a number: `release_after` (None: never) is when it is given back, once it is idle."""

    protected: bool
    labels: list[str]
    release_after: str | None


class Narrowing(TypedDict, total=False):
    """Which numbers; what is left out narrows nothing."""

    state: str | Sequence[str] | None
    carrier: str | None
    country: str | None
    number_type: str | None
    restaurant_id: str | None
    protected: bool | None
    idle_before: datetime | None
    min_price: str | None
    currency: str | None


def numbers(*, sort: str | None = None, **narrowing: Unpack[Narrowing]) -> Pages[models.Number]:
    """In numerical order, or by `sort`: idle_since, price."""
    return Pages("/api/numbers", models.Number, {"sort": sort, **narrowing})


def count_numbers(**narrowing: Unpack[Narrowing]) -> Call[models.NumberCounts]:
    """How many there are, by state."""
    return Call("GET", "/api/numbers/counts", models.NumberCounts, query=dict(narrowing))


def number(number: str) -> Call[models.NumberDetail]:
    return Call("GET", f"/api/numbers/{part(number)}", models.NumberDetail)


def search_numbers(*, limit: int = 10, **criteria: Unpack[Criteria]) -> Call[models.Offers]:
    """What is for sale: up to `limit` offers of each carrier."""
    return Call("GET", "/api/numbers/search", models.Offers, query={"limit": limit, **criteria})


def price_of_number(number: str, *, carrier: str | None = None) -> Call[models.Offer]:
    """Who sells this exact number, at which price."""
    return Call("POST", "/api/numbers", models.Offer, body={"number": number, "carrier": carrier, "dry_run": True})


def buy_number(
    number: str, *, carrier: str | None = None, agreed: Agreed | None = None, idempotency_key: str | None = None
) -> Call[models.NumberDetail]:
    """Buy this exact number, once, for no restaurant: it is idle then. Not where it costs more than was `agreed` to."""
    body, headers = {"number": number, "carrier": carrier, "agreed": agreed}, headers_of(idempotency_key)
    return Call("POST", "/api/numbers", models.NumberDetail, body=body, headers=headers)


def unused_numbers(*, carrier: str | None = None) -> Call[models.UnusedNumbers]:
    """What the accounts hold, nobody uses, and we do not have."""
    return Call("GET", "/api/numbers/unused", models.UnusedNumbers, query={"carrier": carrier})


def import_number(
    number: str, *, carrier: str | None = None, idempotency_key: str | None = None
) -> Call[models.NumberDetail]:
    """Take a number over that a carrier's account holds: into Vapi, for no restaurant."""
    path, headers = f"/api/numbers/{part(number)}/import", headers_of(idempotency_key)
    return Call("POST", path, models.NumberDetail, body={"carrier": carrier}, headers=headers)


def change_number(number: str, **change: Unpack[NumberChange]) -> Call[models.NumberDetail]:
    """What is left out stays as it is."""
    return Call("PATCH", f"/api/numbers/{part(number)}", models.NumberDetail, body=dict(change))


def move_number(
    number: str,
    to: str,
    *,
    replace: bool = False,
    new_number_for_old: bool = False,
    reason: str | None = None,
    wait: bool = True,
    idempotency_key: str | None = None,
) -> Call[models.Move]:
    """Give a number to another restaurant; `replace` ends the one that it has."""
    body = {"to": to, "replace": replace, "new_number_for_old": new_number_for_old, "reason": reason}
    return Call(
        "POST", f"/api/numbers/{part(number)}/move", models.Move, body=body, headers=headers_of(idempotency_key, wait)
    )


def swap_phone(
    restaurant_id: str, other: str, *, reason: str | None = None, wait: bool = True, idempotency_key: str | None = None
) -> Call[models.Move]:
    """Each of the two restaurants gets the other's number."""
    path, body = f"/api/restaurants/{part(restaurant_id)}/swap-phone", {"other": other, "reason": reason}
    return Call("POST", path, models.Move, body=body, headers=headers_of(idempotency_key, wait))


def move(move_id: str) -> Call[models.Move]:
    return Call("GET", f"/api/moves/{part(move_id)}", models.Move)


def unassign_number(
    number: str, *, restaurant: str | None = None, reason: str | None = None
) -> Call[models.NumberDetail]:
    """Take a number off its restaurant, or off this one of those that share it: it stays ours and cools down."""
    path = f"/api/numbers/{part(number)}/unassign"
    return Call("POST", path, models.NumberDetail, {"reason": reason}, {"restaurant": restaurant})


def release_number(
    number: str,
    *,
    give_back: bool = False,
    force: bool = False,
    reason: str | None = None,
    idempotency_key: str | None = None,
) -> Call[models.Release]:
    """Give a number up; `give_back` returns it to the carrier, `force` takes it from the restaurant that it serves."""
    path = f"/api/numbers/{part(number)}/release"
    body = {"give_back": give_back, "force": force}
    return Call("POST", path, models.Release, {"reason": reason}, body, headers=headers_of(idempotency_key))


def release(release_id: str) -> Call[models.Release]:
    return Call("GET", f"/api/releases/{part(release_id)}", models.Release)


def plan_repoint() -> Call[models.Drift]:
    """How many numbers in service something else answers than the settings say; nothing is done."""
    return Call("POST", "/api/numbers/repoint", models.Drift, body={"dry_run": True})


def start_repoint(*, idempotency_key: str | None = None) -> Call[models.Repoint]:
    """Point them at what is to answer them."""
    return Call("POST", "/api/numbers/repoint", models.Repoint, body={}, headers=headers_of(idempotency_key))


def repoint(repoint_id: str) -> Call[models.Repoint]:
    return Call("GET", f"/api/repoints/{part(repoint_id)}", models.Repoint)
