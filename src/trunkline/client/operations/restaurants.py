"""Restaurants, one or many at once, and their keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, Unpack

from trunkline.client import models
from trunkline.client.operations.budgets import Limits
from trunkline.client.operations.common import Criteria, Spending, Wish, headers_of, part
from trunkline.client.wire import Call, Pages


class RestaurantChange(TypedDict, total=False):
    """What is changed of a restaurant: None takes an external_id or all metadata off; an empty value deletes its key.
    `criteria` are all that it asks of its next number, `budget` all that it may hold and buy."""

    name: str
    external_id: str | None
    metadata: dict[str, str] | None
    criteria: Criteria
    budget: Limits | None


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
    headers = headers_of(idempotency_key, wait)
    return Call("POST", "/api/restaurants", models.CreatedRestaurant, body=body, headers=headers)


def restaurants(
    *,
    search: str | None = None,
    has_number: bool | None = None,
    external_id: str | None = None,
    deleted: bool = False,
    sort: str | None = None,
) -> Pages[models.RestaurantSummary]:
    """All, oldest first or by `sort`: name; or those that were deleted. `search` is part of the name."""
    query = {"search": search, "has_number": has_number, "external_id": external_id, "sort": sort}
    query |= {"deleted": deleted or None}
    return Pages("/api/restaurants", models.RestaurantSummary, query)


def restaurant(restaurant_id: str) -> Call[models.Restaurant]:
    """By its id, its external_id or its exact name, as everywhere."""
    return Call("GET", f"/api/restaurants/{part(restaurant_id)}", models.Restaurant)


def change_restaurant(restaurant_id: str, **change: Unpack[RestaurantChange]) -> Call[models.Restaurant]:
    """What is left out stays as it is."""
    return Call("PATCH", f"/api/restaurants/{part(restaurant_id)}", models.Restaurant, body=dict(change))


def delete_restaurant(restaurant_id: str, *, reason: str | None = None) -> Call[models.DeletedRestaurant]:
    return Call("DELETE", f"/api/restaurants/{part(restaurant_id)}", models.DeletedRestaurant, {"reason": reason})


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
    return Call("POST", path, models.Restaurant, body=body, headers=headers_of(idempotency_key, wait))


def activate_phone(restaurant_id: str, *, reason: str | None = None) -> Call[models.Restaurant]:
    """Let a shared number's calls reach this restaurant."""
    return Call("POST", f"/api/restaurants/{part(restaurant_id)}/activate-phone", models.Restaurant, {"reason": reason})


def rotate_key(restaurant_id: str, *, force: bool = False, reason: str | None = None) -> Call[models.RotatedKey]:
    """Renew its key: the one that it had works for a day more, with `force` no longer."""
    path, body = f"/api/restaurants/{part(restaurant_id)}/rotate-key", {"force": force}
    return Call("POST", path, models.RotatedKey, {"reason": reason}, body=body)


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
    headers = headers_of(idempotency_key)
    return Call("POST", "/api/restaurants/bulk", models.BulkResult, body=body, headers=headers)
