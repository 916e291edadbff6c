"""What happened, in the order in which it was committed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from trunkline.db.models.base import Base

UNPLACED = text("position IS NULL")


class Event(Base):
    """One committed change, written with it. Nothing changes or deletes one but its `position`, once, the erasure of a
    person, and retention.

    `seq` is given out before the commit, so that a later one may be seen first; `position` is given to what is
    committed, one after the other, and is what readers go by: None until then.
    """

    __tablename__ = "events"
    seq: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    id: Mapped[str] = mapped_column(String(40), unique=True)
    position: Mapped[int | None] = mapped_column(BigInteger, unique=True)
    type: Mapped[str] = mapped_column(String(40))
    at: Mapped[datetime]
    restaurant_id: Mapped[str | None] = mapped_column(String(40))
    number: Mapped[str | None] = mapped_column(String(20))
    run_id: Mapped[str | None] = mapped_column(String(40))
    other_id: Mapped[str | None] = mapped_column(String(40))
    actor: Mapped[str] = mapped_column(String(16))
    actor_id: Mapped[str | None] = mapped_column(String(80))
    actor_name: Mapped[str | None] = mapped_column(String(200))
    reason: Mapped[str | None] = mapped_column(String(500))
    request_id: Mapped[str | None] = mapped_column(String(64))
    trace_id: Mapped[str | None] = mapped_column(String(32))
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    after: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    __table_args__ = (
        Index("ix_events_unplaced", "seq", sqlite_where=UNPLACED, postgresql_where=UNPLACED),
        *(
            Index(
                f"ix_events_{column}",
                column,
                "position",
                sqlite_where=text(f"{column} IS NOT NULL"),
                postgresql_where=text(f"{column} IS NOT NULL"),
            )
            for column in ("restaurant_id", "number", "run_id", "other_id", "actor_id")
        ),
        {"sqlite_autoincrement": True},
    )
