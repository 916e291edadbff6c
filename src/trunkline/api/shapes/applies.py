"""A plan that is carried out, and what became of each of its changes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from trunkline.api.paging import Listing
from trunkline.api.shapes import Answer, Body, Page, Text
from trunkline.db import models
from trunkline.domain.states import ChangeStatus
from trunkline.workflows.request_apply import Wanted


class ApplyBody(Body):
    """The plan as it was read, and what it may do beside repairs."""

    checksum: Annotated[Text, Field(description="of the plan that was shown", min_length=64, max_length=64)]
    buy: bool = Field(default=False, description="numbers may be bought")
    release: bool = Field(default=False, description="numbers may be given back")
    confirm: Text | None = Field(
        default=None, max_length=40, description="this installation's name, where numbers are given back"
    )
    force: bool = Field(default=False, description="more may be given back than the larger of 5 and 10 %")
    reason: Text | None = Field(default=None, max_length=500, description="why, for whoever reads it later")

    def wanted(self) -> Wanted:
        return Wanted(**self.model_dump())


class ChangeCounts(Answer):
    """How many changes stand where."""

    queued: int = 0
    running: int = 0
    done: int = 0
    skipped: int = Field(default=0, description="did not apply any more, or somebody else was first")
    failed: int = 0


class Apply(Answer):
    """One durable run: running, cancelled, done, or failed where it had to stop; resumed, it goes on from there."""

    id: str
    plan_id: str
    status: Literal["running", "cancelled", "done", "failed"]
    total: int
    counts: ChangeCounts
    reason: str | None = Field(description="why it was asked for")
    message: str | None
    hint: str | None
    created_at: datetime
    ended_at: datetime | None


class ApplyItem(Answer):
    """One change, in its place in the plan."""

    seq: int
    kind: str = Field(description="how it differed")
    change: str = Field(description="what mends it")
    number: str | None
    provider: str
    restaurant_id: str | None
    status: ChangeStatus
    message: str | None = Field(description="what was done, or why not")
    updated_at: datetime


class ApplyItemPage(Page[ApplyItem]):
    pass


class ApplyItemQuery(Listing):
    status: ChangeStatus | None = Field(default=None, description="only changes that stand there")


def show_apply(row: models.Apply, counts: Mapping[str, int]) -> Apply:
    same = ("id", "plan_id", "status", "message", "hint", "created_at", "ended_at")
    return Apply.model_validate(
        {name: getattr(row, name) for name in same}
        | {"total": sum(counts.values()), "counts": ChangeCounts(**counts), "reason": row.why}
    )


def show_item(row: models.ApplyItem) -> ApplyItem:
    return ApplyItem.model_validate({name: getattr(row, name) for name in ApplyItem.model_fields})
