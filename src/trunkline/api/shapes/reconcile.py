"""Plans of what would bring carriers, Vapi and our tables into step, as they are asked for and answered."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Literal

from pydantic import Field

from trunkline.api.paging import Listing
from trunkline.api.shapes import Answer, Body, Page
from trunkline.db import models as rows
from trunkline.domain.drifts import CHANGES, KINDS, ChangeKind, DriftKind
from trunkline.domain.drifts import Drift as Found


class NewPlan(Body):
    """What a plan may offer beside repairs, which spend nothing and end nothing."""

    buy: bool = Field(default=False, description="another number for each restaurant whose number is gone")
    release: bool = Field(default=False, description="giving back what is paid for and not in our tables")
    force: bool = Field(default=False, description="also more of that than max(5, 10 %) of the numbers that we hold")


class PlanQuery(Listing):
    pass


class DriftQuery(Listing):
    kind: list[DriftKind] = Field(default_factory=list, description="only of these kinds")


class ProviderList(Answer):
    """How far a provider's list is believed. From one that is not whole nothing is concluded, and nothing changed."""

    provider: str = Field(description="a carrier, or `voice` for all records in Vapi")
    read: int = Field(description="how many numbers it showed")
    whole: bool
    doubt: str | None = Field(default=None, description="why it is not believed")
    hint: str | None = None


class ReconcilePlan(Answer):
    """One comparison, kept as it was shown. `in_step`: nothing differs; `differs`: something does; `failed`: a list
    could not be believed, and nothing is concluded from it."""

    id: str
    status: Literal["in_step", "differs", "failed"]
    checksum: str = Field(description="SHA-256 over the sorted changes; what is applied has the same one")
    changes: int = Field(description="how many of the drifts the plan changes")
    counts: dict[DriftKind, int] = Field(description="drifts by kind")
    monthly: dict[str, Decimal] = Field(description="what all changes add to a month, by currency; below zero: saved")
    lists: list[ProviderList]
    policy: NewPlan
    watched: bool = Field(description="made by the watch, and not asked for")
    created_at: datetime


class PlanPage(Page[ReconcilePlan]):
    pass


class PlannedDrift(Answer):
    """One difference: what each side says, and what would mend it. `change` null: it is told and left to a person."""

    kind: DriftKind
    what: str = Field(description="the kind in words")
    provider: str
    number: str | None
    restaurant_id: str | None
    carrier_says: str
    voice_says: str
    books_say: str
    since: datetime | None = Field(description="when a plan has first shown it")
    change: ChangeKind | None
    mend: str | None = Field(description="the change in words")
    monthly: Decimal | None = Field(description="what the change adds to a month; below zero: saved")
    currency: str | None
    left_alone: str | None = Field(description="why nothing is changed where it might be")


class DriftPage(Page[PlannedDrift]):
    pass


def show_plan(row: rows.ReconcilePlan, monthly: Mapping[str, Decimal]) -> ReconcilePlan:
    return ReconcilePlan(
        status="failed" if row.failed else "differs" if row.differs else "in_step",
        policy=NewPlan(**row.policy),
        lists=[ProviderList(**listed) for listed in row.lists],
        monthly=dict(monthly),
        counts={DriftKind(kind): count for kind, count in row.counts.items()},
        **{name: getattr(row, name) for name in ("id", "checksum", "changes", "watched", "created_at")},
    )


def show_drift(found: Found) -> PlannedDrift:
    mend = CHANGES[found.change] if found.change else None
    return PlannedDrift(what=KINDS[found.kind], mend=mend, **vars(found))
