"""Every operation of the API, once, as the request that it is; the clients send them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypedDict, Unpack
from urllib.parse import quote

from trunkline.client import models
from trunkline.client.wire import Call, Pages


class Criteria(TypedDict, total=False):
    """Which number; what is left out does not matter."""

    country: str | None
    area_code: str | None
    contains: str | None
    number_type: str | None
    carrier: str | None


class Wish(Criteria, total=False):
    """`force_twilio` skips existing numbers and uses Twilio."""

    force_twilio: bool


class Spending(TypedDict, total=False):
    """What a batch may buy, and for how much a month together."""

    max_purchases: int | None
    max_monthly_price: str | None
    currency: str | None


class RestaurantChange(TypedDict, total=False):
    """What is changed of a restaurant: None takes an external_id or all metadata off; an empty value deletes its key.
    `criteria` are all that it asks of its next number."""

    name: str
    external_id: str | None
    metadata: dict[str, str] | None
    criteria: Criteria


class NumberChange(TypedDict, total=False):
    """What is said of a number: `release_after` (None: never) is when it is given back, once it is idle."""

    protected: bool
    labels: list[str]
    release_after: str | None


class Selection(Wish, Spending, total=False):
    """Which restaurants of a batch, and how they want their numbers."""

    search: str | None
    include_shared: bool
    limit: int | None
    ignore_wishes: bool


def _headers(key: str | None, wait: bool = True) -> dict[str, str]:
    return ({} if wait else {"Prefer": "respond-async"}) | ({"Idempotency-Key": key} if key else {})


# --- restaurants -----------------------------------------------------------------------------------------------------


def create_restaurant(
    name: str,
    *,
    assign_phone: bool = True,
    wait: bool = True,
    idempotency_key: str | None = None,
    external_id: str | None = None,
    metadata: dict[str, str] | None = None,
    phone_number: str | None = None,
    **wish: Unpack[Wish],
) -> Call[models.CreatedRestaurant]:
    """Create it and get it a number, or exactly `phone_number`. `wait=False` answers at once; the same
    `idempotency_key` creates it once, and a restaurant that has the `external_id` is answered as it is."""
    notes = {"external_id": external_id, "metadata": metadata, "phone_number": phone_number}
    body = {"name": name, "assign_phone": assign_phone, **notes, **wish}
    headers = _headers(idempotency_key, wait)
    return Call("POST", "/api/restaurants", models.CreatedRestaurant, body=body, headers=headers)


def restaurants(
    *,
    search: str | None = None,
    has_number: bool | None = None,
    external_id: str | None = None,
    deleted: bool = False,
) -> Pages[models.RestaurantSummary]:
    """All, oldest first, or those that were deleted; `search` is part of the name."""
    query = {"search": search, "has_number": has_number, "external_id": external_id, "deleted": deleted or None}
    return Pages("/api/restaurants", models.RestaurantSummary, query)


def restaurant(restaurant_id: str) -> Call[models.Restaurant]:
    """By its id, its external_id or its exact name, as everywhere."""
    return Call("GET", f"/api/restaurants/{part(restaurant_id)}", models.Restaurant)


def change_restaurant(restaurant_id: str, **change: Unpack[RestaurantChange]) -> Call[models.Restaurant]:
    """What is left out stays as it is."""
    return Call("PATCH", f"/api/restaurants/{part(restaurant_id)}", models.Restaurant, body=dict(change))


def delete_restaurant(restaurant_id: str) -> Call[models.DeletedRestaurant]:
    return Call("DELETE", f"/api/restaurants/{part(restaurant_id)}", models.DeletedRestaurant)


def assign_phone(
    restaurant_id: str,
    *,
    wait: bool = True,
    idempotency_key: str | None = None,
    phone_number: str | None = None,
    **wish: Unpack[Wish],
) -> Call[models.Restaurant]:
    """Get a number, or exactly `phone_number`, for a restaurant that has none, or shares one."""
    path, body = f"/api/restaurants/{part(restaurant_id)}/phone", {"phone_number": phone_number, **wish}
    return Call("POST", path, models.Restaurant, body=body, headers=_headers(idempotency_key, wait))


def activate_phone(restaurant_id: str) -> Call[models.Restaurant]:
    """Let a shared number's calls reach this restaurant."""
    return Call("POST", f"/api/restaurants/{part(restaurant_id)}/activate-phone", models.Restaurant)


def rotate_key(restaurant_id: str) -> Call[models.RotatedKey]:
    """Renew its key: the one that it had opens nothing any more."""
    return Call("POST", f"/api/restaurants/{part(restaurant_id)}/rotate-key", models.RotatedKey)


def plan_import(rows: Sequence[Mapping[str, Any]], *, assign_phone: bool = True) -> Call[models.BulkPlan]:
    """What would become of each row, and what numbers for the new ones would cost; nothing is done."""
    body = {"rows": list(rows), "assign_phone": assign_phone, "dry_run": True}
    return Call("POST", "/api/restaurants/bulk", models.BulkPlan, body=body)


def import_restaurants(
    rows: Sequence[Mapping[str, Any]],
    *,
    assign_phone: bool = True,
    idempotency_key: str | None = None,
    **spending: Unpack[Spending],
) -> Call[models.BulkResult]:
    """Create or change them all, or none; the keys of the new ones are told only now."""
    body = {"rows": list(rows), "assign_phone": assign_phone, **spending}
    headers = _headers(idempotency_key)
    return Call("POST", "/api/restaurants/bulk", models.BulkResult, body=body, headers=headers)


# --- assignments -----------------------------------------------------------------------------------------------------


def assignments(
    *,
    restaurant_id: str | None = None,
    status: str | None = None,
    reason: str | None = None,
    since: datetime | None = None,
) -> Pages[models.AssignmentSummary]:
    """All, newest first."""
    query = {"restaurant_id": restaurant_id, "status": status, "reason": reason, "since": since}
    return Pages("/api/assignments", models.AssignmentSummary, query)


def assignment(assignment_id: str) -> Call[models.Assignment]:
    return Call("GET", f"/api/assignments/{part(assignment_id)}", models.Assignment)


def retry_assignment(
    assignment_id: str, *, wait: bool = True, idempotency_key: str | None = None
) -> Call[models.Assignment]:
    """Ask again for what it asked for; the new assignment."""
    path = f"/api/assignments/{part(assignment_id)}/retry"
    return Call("POST", path, models.Assignment, headers=_headers(idempotency_key, wait))


# --- numbers ---------------------------------------------------------------------------------------------------------


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
    number: str, *, carrier: str | None = None, idempotency_key: str | None = None
) -> Call[models.NumberDetail]:
    """Buy this exact number, once, for no restaurant: it is idle then."""
    body, headers = {"number": number, "carrier": carrier}, _headers(idempotency_key)
    return Call("POST", "/api/numbers", models.NumberDetail, body=body, headers=headers)


def unused_numbers(*, carrier: str | None = None) -> Call[models.UnusedNumbers]:
    """What the accounts hold, nobody uses, and we do not have."""
    return Call("GET", "/api/numbers/unused", models.UnusedNumbers, query={"carrier": carrier})


def import_number(
    number: str, *, carrier: str | None = None, idempotency_key: str | None = None
) -> Call[models.NumberDetail]:
    """Take a number over that a carrier's account holds: into Vapi, for no restaurant."""
    path, headers = f"/api/numbers/{part(number)}/import", _headers(idempotency_key)
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
        "POST", f"/api/numbers/{part(number)}/move", models.Move, body=body, headers=_headers(idempotency_key, wait)
    )


def swap_phone(
    restaurant_id: str, other: str, *, reason: str | None = None, wait: bool = True, idempotency_key: str | None = None
) -> Call[models.Move]:
    """Each of the two restaurants gets the other's number."""
    path, body = f"/api/restaurants/{part(restaurant_id)}/swap-phone", {"other": other, "reason": reason}
    return Call("POST", path, models.Move, body=body, headers=_headers(idempotency_key, wait))


def move(move_id: str) -> Call[models.Move]:
    return Call("GET", f"/api/moves/{part(move_id)}", models.Move)


def unassign_number(number: str, *, restaurant: str | None = None) -> Call[models.NumberDetail]:
    """Take a number off its restaurant, or off this one of those that share it: it stays ours and cools down."""
    path = f"/api/numbers/{part(number)}/unassign"
    return Call("POST", path, models.NumberDetail, body={"restaurant": restaurant})


def release_number(
    number: str, *, give_back: bool = False, force: bool = False, idempotency_key: str | None = None
) -> Call[models.Release]:
    """Give a number up; `give_back` returns it to the carrier, `force` takes it from the restaurant that it serves."""
    path = f"/api/numbers/{part(number)}/release"
    body = {"give_back": give_back, "force": force}
    return Call("POST", path, models.Release, body=body, headers=_headers(idempotency_key))


def release(release_id: str) -> Call[models.Release]:
    return Call("GET", f"/api/releases/{part(release_id)}", models.Release)


def plan_repoint() -> Call[models.Drift]:
    """How many numbers in service something else answers than the settings say; nothing is done."""
    return Call("POST", "/api/numbers/repoint", models.Drift, body={"dry_run": True})


def start_repoint(*, idempotency_key: str | None = None) -> Call[models.Repoint]:
    """Point them at what is to answer them."""
    return Call("POST", "/api/numbers/repoint", models.Repoint, body={}, headers=_headers(idempotency_key))


def repoint(repoint_id: str) -> Call[models.Repoint]:
    return Call("GET", f"/api/repoints/{part(repoint_id)}", models.Repoint)


# --- batches ---------------------------------------------------------------------------------------------------------


def plan_batch(**selection: Unpack[Selection]) -> Call[models.Plan]:
    """What a batch would do, and what that would cost; nothing is done."""
    return Call("POST", "/api/batches", models.Plan, body={**selection, "dry_run": True})


def start_batch(*, idempotency_key: str | None = None, **selection: Unpack[Selection]) -> Call[models.Batch]:
    return Call("POST", "/api/batches", models.Batch, body=dict(selection), headers=_headers(idempotency_key))


def batches(*, status: str | None = None) -> Pages[models.Batch]:
    """All, newest first."""
    return Pages("/api/batches", models.Batch, {"status": status})


def batch(batch_id: str) -> Call[models.Batch]:
    return Call("GET", f"/api/batches/{part(batch_id)}", models.Batch)


def batch_items(batch_id: str, *, status: str | None = None) -> Pages[models.BatchItem]:
    return Pages(f"/api/batches/{part(batch_id)}/items", models.BatchItem, {"status": status})


def cancel_batch(batch_id: str) -> Call[models.Batch]:
    """Nothing more is bought."""
    return Call("POST", f"/api/batches/{part(batch_id)}/cancel", models.Batch)


def resume_batch(batch_id: str, *, idempotency_key: str | None = None) -> Call[models.Batch]:
    """Go on with what was cancelled, or try again those that got no number."""
    path = f"/api/batches/{part(batch_id)}/resume"
    return Call("POST", path, models.Batch, headers=_headers(idempotency_key))


# --- the rest --------------------------------------------------------------------------------------------------------


def debts(*, kind: str | None = None, provider: str | None = None) -> Pages[models.Debt]:
    """What is still owed to carriers and Vapi, oldest first."""
    return Pages("/api/debts", models.Debt, {"kind": kind, "provider": provider})


def costs() -> Call[models.Costs]:
    """What the numbers cost a month, by carrier, state and currency."""
    return Call("GET", "/api/costs", models.Costs)


def restaurant_costs() -> Pages[models.RestaurantCostLine]:
    """What each restaurant's number costs."""
    return Pages("/api/costs/restaurants", models.RestaurantCostLine, {})


def diagnose() -> Call[models.Findings]:
    """Whether everything is right, as the server sees it."""
    return Call("GET", "/api/doctor", models.Findings)


def health() -> Call[models.Health]:
    return Call("GET", "/healthz", models.Health)


def part(text: str) -> str:
    """One part of a path, whatever characters it has."""
    return quote(text, safe="")


# --- accounts --------------------------------------------------------------------------------------------------------


def accounts() -> Call[models.ProviderAccounts]:
    """Whose keys the settings hold, and whose were accepted."""
    return Call("GET", "/api/accounts", models.ProviderAccounts)


def accept_account(provider: str) -> Call[models.ProviderAccount]:
    """Work with the account of the present keys."""
    return Call("POST", f"/api/accounts/{part(provider)}/accept", models.ProviderAccount)


def take_over_installation(installation: str) -> Call[models.Installation]:
    return Call("POST", "/api/accounts/take-over", models.Installation, body={"installation": installation})
