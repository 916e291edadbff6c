"""Where events are sent, and what became of each."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from trunkline.db.models.base import Base, key, utcnow

WAITING = text("status = 'waiting'")


class Endpoint(Base):
    """An address of somebody's server. `types` are the events that it gets, None for all; `secret` is sealed, and
    `previous_secret` signs too until `previous_until`. Events up to `position` have their deliveries. It fails since
    `failing_since`, and asked to be left alone until `paused_until`; `lease_*` is the process that sends to it."""

    __tablename__ = "endpoints"
    id: Mapped[str] = key("ep")
    url: Mapped[str] = mapped_column(String(2000))
    types: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    format: Mapped[str] = mapped_column(String(16))
    description: Mapped[str | None] = mapped_column(String(200))
    secret: Mapped[str] = mapped_column(String(200))
    previous_secret: Mapped[str | None] = mapped_column(String(200))
    previous_until: Mapped[datetime | None]
    status: Mapped[str] = mapped_column(String(16), default="enabled")
    disabled_reason: Mapped[str | None] = mapped_column(Text)
    position: Mapped[int] = mapped_column(BigInteger)
    failing_since: Mapped[datetime | None]
    paused_until: Mapped[datetime | None]
    lease_by: Mapped[str | None] = mapped_column(String(80))
    lease_until: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    deleted_at: Mapped[datetime | None]


class Delivery(Base):
    """One event on its way to one endpoint: waiting, delivered, or failed for good. `subjects` are what it is about:
    those of the same subject wait for one another."""

    __tablename__ = "deliveries"
    id: Mapped[str] = key("dlv")
    endpoint_id: Mapped[str] = mapped_column(ForeignKey("endpoints.id"))
    event_id: Mapped[str] = mapped_column(String(40))
    position: Mapped[int] = mapped_column(BigInteger)
    subjects: Mapped[list[str]] = mapped_column(JSON)
    status: Mapped[str] = mapped_column(String(16), default="waiting")
    attempts: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime] = mapped_column(default=utcnow)
    last_status: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(default=utcnow, index=True)
    ended_at: Mapped[datetime | None]
    __table_args__ = (
        UniqueConstraint("endpoint_id", "event_id", name="uq_deliveries_endpoint_event"),
        Index("ix_deliveries_waiting", "endpoint_id", "position", sqlite_where=WAITING, postgresql_where=WAITING),
        Index("ix_deliveries_event_id", "event_id"),
    )


class Attempt(Base):
    """One try of a delivery: the status that was answered, and the first 2 kB; or why there was no answer."""

    __tablename__ = "attempts"
    id: Mapped[str] = key("att")
    delivery_id: Mapped[str] = mapped_column(ForeignKey("deliveries.id"), index=True)
    at: Mapped[datetime]
    status: Mapped[int | None]
    answer: Mapped[str | None] = mapped_column(Text)
    error: Mapped[str | None] = mapped_column(String(200))
    duration_ms: Mapped[int]
