"""Debts, as they are answered."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from trunkline.api.paging import Listing
from trunkline.api.shapes import Answer, Page, Short
from trunkline.db import models as rows
from trunkline.domain.states import OWED, DebtKind


class DebtQuery(Listing):
    kind: DebtKind | None = Field(default=None, description="only of this kind")
    provider: Short | None = Field(default=None, description="only those that wait for this carrier, or for vapi")


class Debt(Answer):
    """Something owed to the outside world; tried again by itself until it is settled."""

    id: str
    kind: DebtKind
    owed: str = Field(description="what, in words")
    subject: str = Field(description="the number, or the id of the purchase intent")
    restaurant_id: str | None
    run_id: str | None = Field(description="the assignment or release that owes it")
    since: datetime
    tries: int
    reason: str | None = Field(description="why the last try failed")
    next_try_at: datetime


class DebtPage(Page[Debt]):
    pass


def show_debt(row: rows.Debt) -> Debt:
    kind = DebtKind(row.kind)
    return Debt(
        id=row.id,
        kind=kind,
        owed=OWED[kind],
        subject=row.subject,
        restaurant_id=row.restaurant_id,
        run_id=row.run_id,
        since=row.created_at,
        tries=row.tries,
        reason=row.reason,
        next_try_at=row.next_try_at,
    )
