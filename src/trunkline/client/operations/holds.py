"""Numbers for sale that are held for a while."""

from __future__ import annotations

from trunkline.client import models
from trunkline.client.operations.common import part
from trunkline.client.wire import Call


def hold_number(number: str, *, carrier: str | None = None) -> Call[models.Hold]:
    """Keep a number that is for sale for who names it, for ten minutes; again, to prolong it."""
    return Call("POST", _path(number), models.Hold, body={"carrier": carrier})


def hold(number: str) -> Call[models.Hold]:
    return Call("GET", _path(number), models.Hold)


def end_hold(number: str) -> Call[models.Hold]:
    """It may be bought for anybody again."""
    return Call("DELETE", _path(number), models.Hold)


def _path(number: str) -> str:
    return f"/api/numbers/{part(number)}/hold"
