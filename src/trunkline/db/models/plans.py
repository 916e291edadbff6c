"""What a comparison of carriers, voice platform and books has shown, as it was shown."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from trunkline.db.models.base import Base, key, utcnow


class ReconcilePlan(Base):
    """One comparison. `policy` is what it might offer; `checksum` is over its changes; `lists` says of each provider
    whether its list was whole, and why not; `failed` where one was not. `counts` are the drifts by kind; `differs`
    where one is more than counted. `watched`: it was made by the watch and not asked for."""

    __tablename__ = "reconcile_plans"
    id: Mapped[str] = key("pln")
    policy: Mapped[dict[str, Any]] = mapped_column(default=dict)
    checksum: Mapped[str] = mapped_column(String(64))
    lists: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    counts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    failed: Mapped[bool] = mapped_column(default=False)
    changes: Mapped[int] = mapped_column(default=0)
    differs: Mapped[bool] = mapped_column(default=False)
    watched: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=utcnow, index=True)


class PlannedDrift(Base):
    """One drift of a plan, with the change that would mend it (None: it is only told)."""

    __tablename__ = "planned_drifts"
    plan_id: Mapped[str] = mapped_column(ForeignKey("reconcile_plans.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(24))
    change: Mapped[str | None] = mapped_column(String(24))
    provider: Mapped[str] = mapped_column(String(16))
    number: Mapped[str | None] = mapped_column(String(20))
    restaurant_id: Mapped[str | None] = mapped_column(String(40))
    carrier_says: Mapped[str] = mapped_column(Text, default="")
    voice_says: Mapped[str] = mapped_column(Text, default="")
    books_say: Mapped[str] = mapped_column(Text, default="")
    since: Mapped[datetime] = mapped_column(default=utcnow)
    monthly: Mapped[Decimal | None]
    currency: Mapped[str | None] = mapped_column(String(3))
    left_alone: Mapped[str | None] = mapped_column(Text)
    __table_args__ = (Index("ix_planned_drifts_number", "number"),)
