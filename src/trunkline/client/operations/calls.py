"""Calls and who calls, and forgetting them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from trunkline.client import models
from trunkline.client.operations.common import part
from trunkline.client.wire import Call, Pages


def calls(
    *,
    restaurant_id: str | None = None,
    called: str | None = None,
    caller: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    unrouted: bool | None = None,
) -> Pages[models.Call]:
    """All, newest first; `unrouted`: those that reached no restaurant."""
    query = {"restaurant_id": restaurant_id, "called": called, "caller": caller}
    return Pages("/api/calls", models.Call, query | {"since": since, "until": until, "unrouted": unrouted})


def explain_call(call_id: str) -> Call[models.Explanation]:
    """Why it went where it went."""
    return Call("GET", f"/api/calls/{part(call_id)}/explanation", models.Explanation)


def callers(restaurant_id: str) -> Call[models.Callers]:
    """The numbers whose calls to a shared number are this restaurant's."""
    return Call("GET", f"/api/restaurants/{part(restaurant_id)}/callers", models.Callers)


def put_callers(restaurant_id: str, callers: Sequence[str]) -> Call[models.Callers]:
    """Replace them."""
    path = f"/api/restaurants/{part(restaurant_id)}/callers"
    return Call("PUT", path, models.Callers, body={"callers": list(callers)})


def erase_caller(caller: str, *, reason: str | None = None) -> Call[models.ErasedCaller]:
    """Take a caller's number out of all calls and registrations."""
    return Call("POST", "/api/calls/erase", models.ErasedCaller, {"reason": reason}, {"caller": caller})


def erase_restaurant(restaurant_id: str, *, reason: str | None = None) -> Call[models.ErasedRestaurant]:
    """Take what is known of a deleted restaurant out of the books."""
    return Call("POST", f"/api/restaurants/{part(restaurant_id)}/erase", models.ErasedRestaurant, {"reason": reason})
