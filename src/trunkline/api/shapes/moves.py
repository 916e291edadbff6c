"""Numbers that go to another restaurant, as it is asked for and told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.api.shapes import Answer, Body, Name, Step, Text, show_step
from trunkline.db import models as rows
from trunkline.db import runs
from trunkline.domain.notes import LONGEST_EXTERNAL_ID
from trunkline.domain.states import OwnNumber
from trunkline.workflows.identify import Identity

Named = Annotated[
    Name,
    Field(min_length=1, max_length=LONGEST_EXTERNAL_ID, description="a restaurant's id, external_id or exact name"),
]
Reason = Annotated[Text | None, Field(max_length=500, description="why, for whoever reads it later")]


class MoveBody(Body):
    to: Named
    replace: bool = Field(default=False, description="end the number that it has: that one cools down")
    new_number_for_old: bool = Field(default=False, description="get another number for the restaurant that loses it")
    reason: Reason = None


class SwapBody(Body):
    other: Named
    reason: Reason = None


class UnassignBody(Body):
    restaurant: Named | None = Field(default=None, description="which one loses it, where several share the number")


class Move(Answer):
    """One durable move of a number: running, done or failed. One that failed has changed nothing."""

    id: str
    number: str
    from_restaurant_id: str | None = Field(description="whom it served; null for nobody")
    to_restaurant_id: str
    own_number: OwnNumber = Field(description="what becomes of the number that the restaurant has")
    new_number_for_old: bool
    reason: str | None
    status: str
    message: str | None
    code: str | None = Field(description="of the error, or the reason, for which it failed")
    hint: str | None = Field(description="what to do next")
    assignment_id: str | None = Field(
        description="the assignment that it began: for who lost the number, or to put it in service"
    )
    steps: list[Step]
    created_at: datetime
    ended_at: datetime | None


async def show_moves(session: AsyncSession, found: Sequence[rows.Move]) -> list[Move]:
    steps = await runs.steps(session, [row.id for row in found])
    return [
        Move(
            id=row.id,
            number=row.number,
            from_restaurant_id=row.from_id,
            to_restaurant_id=row.to_id,
            own_number=OwnNumber(row.own_number),
            new_number_for_old=row.renew,
            reason=row.why,
            status=row.status,
            message=row.message,
            code=row.reason,
            hint=row.hint,
            assignment_id=row.assignment_id,
            steps=[show_step(step, Identity()) for step in steps[row.id]],
            created_at=row.created_at,
            ended_at=row.ended_at,
        )
        for row in found
    ]
