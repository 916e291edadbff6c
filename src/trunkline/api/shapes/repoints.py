"""What answers the numbers, and the runs that mend it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from trunkline.api.shapes import Answer, Body
from trunkline.db import models
from trunkline.settings import Routing


class RepointBody(Body):
    """Whether to do it."""

    dry_run: bool = Field(default=False, description="only say what would be done")


class Drift(Answer):
    """The numbers in service, by what answers them at Vapi now."""

    routing: Routing = Field(description="VAPI_ROUTING: what is to answer them")
    in_service: int
    right: int
    wrong: int = Field(description="would be pointed right")
    missing: int = Field(description="are not in Vapi, and would be imported again")
    left_alone: int = Field(description="serve somebody else")
    left_alone_numbers: list[str]


class Repoint(Answer):
    """One durable run: running, done, or failed where it had to stop; the next run goes on from there."""

    id: str
    status: Literal["running", "done", "failed"]
    total: int = Field(description="numbers that something else answered")
    moved: int
    left_alone: int = Field(description="serve somebody else")
    failed: int = Field(description="were refused, one by one")
    message: str | None
    created_at: datetime
    ended_at: datetime | None


def show_repoint(row: models.Repoint) -> Repoint:
    return Repoint.model_validate({name: getattr(row, name) for name in Repoint.model_fields})
