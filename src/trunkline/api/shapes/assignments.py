"""A wish as it is sent, and the runs that fulfil it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.api.paging import Listing
from trunkline.api.shapes import Answer, Body, Moment, Page, Short, Step, show_step
from trunkline.api.shapes.budgets import Amount
from trunkline.api.shapes.numbers import NumberSearch
from trunkline.db import models as rows
from trunkline.db import runs
from trunkline.domain.budgets import checked_currency
from trunkline.domain.money import PriceLimits
from trunkline.domain.numbers import parse_number
from trunkline.domain.outcomes import Reason, Source, Status
from trunkline.domain.wishes import PICKED, Wish, agreed
from trunkline.errors import InvalidInput
from trunkline.workflows.identify import Identity


class WishBody(Body, NumberSearch):
    """How a restaurant wants its number."""

    force_twilio: bool = Field(default=False, description="skip existing numbers and use Twilio")

    def wish(self) -> Wish:
        if self.force_twilio and self.carrier not in (None, "twilio"):
            raise InvalidInput(
                f"force_twilio asks for twilio and carrier for {self.carrier}", field="carrier", hint="leave one out"
            )
        return Wish.asked(self.criteria(), self.force_twilio)


class Agreed(Body):
    """What somebody has said yes to for one number: where it would cost more, nothing is bought. A price that its
    carrier does not state, and one in another currency that BUDGET_RATES does not name, is more."""

    max_monthly_price: Amount = Field(default=None, description="a month")
    max_upfront_price: Amount = Field(
        default=None, description="at once, besides; as much as one month's price if it is not given"
    )
    currency: str | None = Field(default=None, description="of both; USD if it is not given", examples=["EUR"])

    def limits(self) -> PriceLimits | None:
        """InvalidInput names the field at fault."""
        currency = checked_currency(self.currency)
        told = (self.max_monthly_price, self.max_upfront_price)
        if told == (None, None):
            raise InvalidInput("agreed says no price", field="agreed", hint="give max_monthly_price, or leave it out")
        return agreed(*(None if price is None else f"{price} {currency}" for price in told))


class PickBody(WishBody):
    """The same for one restaurant, which may pick its number."""

    phone_number: Short | None = Field(
        default=None, description="exactly this one, in E.164: an idle one of ours, or one that is for sale"
    )

    agreed: Agreed | None = Field(default=None, description="what it may cost; nothing dearer is bought")

    def wish(self) -> Wish:
        wish = replace(super().wish(), agreed=self.agreed.limits() if self.agreed else None)
        if self.phone_number is None:
            return wish
        return wish.picking(parse_number(self.phone_number, field=PICKED))


class AssignmentQuery(Listing):
    restaurant_id: Short | None = Field(default=None, description="only of this restaurant")
    status: Status | None = Field(default=None, description="only in this status")
    reason: Reason | None = Field(default=None, description="only those that ended for this reason")
    since: Moment | None = Field(default=None, description="only those that were asked for then, or later")


class AssignmentSummary(Answer):
    """One durable run of the flow for one restaurant."""

    id: str
    restaurant_id: str
    status: Status
    source: Source | None = Field(description="how the number came")
    phone_number: str | None
    reason: Reason | None = Field(description="why there is no number")
    message: str | None = Field(description="the outcome, for a person; of a failure null for a restaurant's key")
    hint: str | None = Field(description="what to do next")
    force_twilio: bool
    criteria: dict[str, Any] = Field(description="what was asked of the number")
    batch_id: str | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class Assignment(AssignmentSummary):
    steps: list[Step]


class AssignmentPage(Page[AssignmentSummary]):
    pass


def show_summary(row: rows.Assignment, identity: Identity) -> AssignmentSummary:
    """Why there is no number tells of the operator's accounts and budgets: a restaurant's key sees the reason only."""
    told = identity.is_operator or row.reason is None
    return AssignmentSummary.model_validate(
        {
            "id": row.id,
            "restaurant_id": row.restaurant_id,
            "status": row.status,
            "source": row.source,
            "phone_number": row.number,
            "reason": row.reason,
            "message": row.message if told else None,
            "hint": row.hint.replace("{id}", row.restaurant_id) if row.hint and told else None,
            "force_twilio": row.force_twilio,
            "criteria": row.criteria,
            "batch_id": row.batch_id,
            "created_at": row.created_at,
            "started_at": row.started_at,
            "ended_at": row.ended_at,
        }
    )


async def show_assignment(session: AsyncSession, row: rows.Assignment, identity: Identity) -> Assignment:
    steps = (await runs.steps(session, [row.id]))[row.id]
    return Assignment(**vars(show_summary(row, identity)), steps=[show_step(s, identity) for s in steps])
