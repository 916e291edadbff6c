"""A plan that is carried out: the durable run, and one row for each change."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from trunkline.db.models.base import Base, key, utcnow
from trunkline.db.models.runs import RunRow


class Apply(RunRow):
    """One durable run over the changes of a plan. At most one runs, and a plan is applied once.

    `status` running, cancelled, done, or failed where it had to stop; `hint` says what to do then. `why` is a person's
    reason. It is kept for longer than the plan may be.
    """

    __tablename__ = "applies"
    id: Mapped[str] = key("apl")
    plan_id: Mapped[str] = mapped_column(String(40), unique=True)
    why: Mapped[str | None] = mapped_column(Text)
    hint: Mapped[str | None] = mapped_column(Text)
    __table_args__ = (
        Index(
            "uq_applies_running",
            "status",
            unique=True,
            sqlite_where=text("status = 'running'"),
            postgresql_where=text("status = 'running'"),
        ),
    )


class ApplyItem(Base):
    """One change as it was shown, in its place in the plan, and what became of it: queued, running, done, skipped or
    failed, and why."""

    __tablename__ = "apply_items"
    apply_id: Mapped[str] = mapped_column(ForeignKey("applies.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(24))
    change: Mapped[str] = mapped_column(String(24))
    number: Mapped[str | None] = mapped_column(String(20))
    provider: Mapped[str] = mapped_column(String(16))
    restaurant_id: Mapped[str | None] = mapped_column(String(40))
    status: Mapped[str] = mapped_column(String(16), default="queued")
    message: Mapped[str | None] = mapped_column(Text)
    updated_at: Mapped[datetime] = mapped_column(default=utcnow, onupdate=utcnow)
