"""Calls, as they are answered."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from pydantic import Field

from trunkline.api.shapes import Answer, Page
from trunkline.db import models as rows


class Call(Answer):
    """One call. What Vapi has not said, or not in a form that can be read, is null."""

    id: str = Field(description="Vapi's id of it")
    restaurant_id: str | None = Field(description="whose call it was; null where nobody answered the number")
    former: bool = Field(description="whether the number had been taken from the restaurant a short time before")
    caller: str | None = Field(description="E.164, or what Vapi gave instead")
    called: str | None
    status: str | None = Field(description="Vapi's word for it")
    ended_reason: str | None = Field(description="Vapi's word for it")
    started_at: datetime | None
    ended_at: datetime | None
    duration_seconds: Decimal | None
    cost: Decimal | None
    currency: str | None
    reported: bool = Field(description="whether its end is known in full")
    first_seen_at: datetime


class CallPage(Page[Call]):
    pass


def show_call(row: rows.Call) -> Call:
    return Call(
        id=row.id,
        restaurant_id=row.restaurant_id,
        former=row.former,
        caller=row.caller,
        called=row.called,
        status=row.status,
        ended_reason=row.ended_reason,
        started_at=row.started_at,
        ended_at=row.ended_at,
        duration_seconds=_plain(row.duration_seconds),
        cost=_plain(row.cost),
        currency="USD" if row.cost is not None else None,
        reported=row.reported,
        first_seen_at=row.first_seen_at,
    )


def _plain(amount: Decimal | None) -> Decimal | None:
    """Without the zeros that the database adds, and without an exponent."""
    return None if amount is None else Decimal(f"{amount.normalize():f}")
