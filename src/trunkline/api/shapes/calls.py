"""Calls, as they are answered."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from pydantic import Field

from trunkline.api.paging import Listing
from trunkline.api.shapes import Answer, Moment, Page, Short
from trunkline.db import models as rows
from trunkline.db.calls import CallFilter
from trunkline.errors import InvalidInput
from trunkline.workflows import explain_call


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


class CallQuery(Listing):
    restaurant_id: Short | None = Field(default=None, description="only of this restaurant")
    called: Short | None = Field(default=None, description="only those to this number, in E.164")
    caller: Short | None = Field(default=None, description="only those from this number, in E.164")
    since: Moment | None = Field(default=None, description="only those that were first heard of then, or later")
    until: Moment | None = Field(default=None, description="only those that were first heard of before then")
    unrouted: bool | None = Field(default=None, description="only those that reached no restaurant, or the others")

    def wanted(self) -> CallFilter:
        """InvalidInput for a time that ends before it begins."""
        if self.since and self.until and self.until <= self.since:
            raise InvalidInput("until is not after since", field="until", hint="give a later one")
        return CallFilter(self.restaurant_id, self.called, self.caller, self.since, self.until, self.unrouted)


class Holder(Answer):
    """Who had the number when the call came, or until shortly before."""

    restaurant_id: str
    name: str
    since: datetime
    ended_at: datetime | None
    registered_caller: bool = Field(description="whether the caller is registered by it now")


class Explanation(Answer):
    call: Call
    holders: list[Holder]
    because: str = Field(description="why the call went where it went, in words")


class CallPage(Page[Call]):
    pass


def show_explanation(found: explain_call.Explanation) -> Explanation:
    return Explanation(
        call=show_call(found.call),
        holders=[
            Holder(
                restaurant_id=holder.restaurant_id,
                name=holder.name,
                since=holder.since,
                ended_at=holder.ended_at,
                registered_caller=holder.registered_caller,
            )
            for holder in found.holders
        ],
        because=found.because,
    )


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
