"""Durable runs: assignments, releases, moves, batches, repoints and purchases for stock, and their steps."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from trunkline import traces
from trunkline.db.models.base import Base, key, utcnow
from trunkline.domain.acting import Acting, acting


def _beginner() -> Acting:
    return replace(acting(), traceparent=traces.traceparent())


class RunRow(Base):
    """What every kind of durable run has. `epoch` counts its executions: a write with an older epoch is from a process
    that was overtaken, and changes nothing. A `running` run is in some process's hands, or will be. `actor` is who
    began it (`Acting`): whoever goes on with it does so in their name."""

    __abstract__ = True
    id: Mapped[str]
    status: Mapped[str] = mapped_column(String(16), default="running")
    message: Mapped[str | None] = mapped_column(Text)
    epoch: Mapped[int] = mapped_column(default=0)
    actor: Mapped[dict[str, Any] | None] = mapped_column(default=lambda: _beginner().plain())
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    ended_at: Mapped[datetime | None]


class Assignment(RunRow):
    """One durable run of the flow for one restaurant. At most one runs per restaurant; `nth` counts those of a
    restaurant, so that which is the latest does not hang on a clock."""

    __tablename__ = "assignments"
    id: Mapped[str] = key("asg")
    restaurant_id: Mapped[str] = mapped_column(ForeignKey("restaurants.id"), index=True)
    status: Mapped[str] = mapped_column(String(16), default="running")
    source: Mapped[str | None] = mapped_column(String(16))
    number: Mapped[str | None] = mapped_column(String(20))
    reason: Mapped[str | None] = mapped_column(String(40), index=True)
    hint: Mapped[str | None] = mapped_column(Text)
    criteria: Mapped[dict[str, Any]] = mapped_column(default=dict)
    force_twilio: Mapped[bool] = mapped_column(default=False)
    batch_id: Mapped[str | None] = mapped_column(String(40), index=True)
    nth: Mapped[int] = mapped_column(default=1)
    started_at: Mapped[datetime | None]
    __table_args__ = (
        Index("ix_assignments_status_id", "status", "id"),
        Index(
            "uq_assignments_running_restaurant",
            "restaurant_id",
            unique=True,
            sqlite_where=text("status = 'running'"),
            postgresql_where=text("status = 'running'"),
        ),
    )


class Step(Base):
    """What a run (an assignment or a release) did: running, done or failed; `attempt` counts its tries."""

    __tablename__ = "steps"
    run_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(32))
    carrier: Mapped[str | None] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(16))
    attempt: Mapped[int] = mapped_column(default=1)
    started_at: Mapped[datetime] = mapped_column(default=utcnow)
    ended_at: Mapped[datetime | None]
    detail: Mapped[str | None] = mapped_column(Text)


class Release(RunRow):
    """One durable release of a number. `give_back` ends it at the carrier too; else it stays in the account with its
    old URLs. At most one runs per number."""

    __tablename__ = "releases"
    id: Mapped[str] = key("rel")
    number: Mapped[str] = mapped_column(ForeignKey("numbers.number"), index=True)
    give_back: Mapped[bool]
    __table_args__ = (
        Index(
            "uq_releases_running_number",
            "number",
            unique=True,
            sqlite_where=text("status = 'running'"),
            postgresql_where=text("status = 'running'"),
        ),
    )


class Move(RunRow):
    """One durable move of a number to another restaurant. At most one runs per number.

    `from_id` is whom it served when the move was asked for, None where it served nobody; `own_number` says what becomes
    of the number that `to_id` has (`OwnNumber`). `renew`: `from_id` is to get another number. `assignment_id` is what
    this began: for `from_id`, or to bring a number that served nobody to `to_id`. `why` is a person's reason.
    """

    __tablename__ = "moves"
    id: Mapped[str] = key("mov")
    number: Mapped[str] = mapped_column(ForeignKey("numbers.number"), index=True)
    from_id: Mapped[str | None] = mapped_column(ForeignKey("restaurants.id"))
    to_id: Mapped[str] = mapped_column(ForeignKey("restaurants.id"))
    own_number: Mapped[str] = mapped_column(String(16))
    renew: Mapped[bool] = mapped_column(default=False)
    why: Mapped[str | None] = mapped_column(Text)
    assignment_id: Mapped[str | None] = mapped_column(ForeignKey("assignments.id"))
    reason: Mapped[str | None] = mapped_column(String(40))
    hint: Mapped[str | None] = mapped_column(Text)
    __table_args__ = (
        Index(
            "uq_moves_running_number",
            "number",
            unique=True,
            sqlite_where=text("status = 'running'"),
            postgresql_where=text("status = 'running'"),
        ),
    )


class Batch(RunRow):
    """One durable run over many restaurants. `status` running, paused (a whole account refuses: `message` and `hint`
    say why and what to do), cancelled, done. `until` is the last restaurant that it serves, as long as
    its items are not all written."""

    __tablename__ = "batches"
    id: Mapped[str] = key("bat")
    request: Mapped[dict[str, Any]] = mapped_column(default=dict)
    until: Mapped[str | None] = mapped_column(String(40))
    hint: Mapped[str | None] = mapped_column(Text)


class BatchItem(Base):
    """One restaurant of a batch: queued, running, assigned, unassigned, failed or cancelled, and why. `picked` is the
    exact number that it is to have, None for any; `process` has taken it, and nobody else works on it while that one
    lives."""

    __tablename__ = "batch_items"
    batch_id: Mapped[str] = mapped_column(ForeignKey("batches.id"), primary_key=True)
    restaurant_id: Mapped[str] = mapped_column(ForeignKey("restaurants.id"), primary_key=True)
    seq: Mapped[int]
    status: Mapped[str] = mapped_column(String(16), default="queued", index=True)
    picked: Mapped[str | None] = mapped_column(String(20))
    process: Mapped[str | None] = mapped_column(String(80))
    assignment_id: Mapped[str | None] = mapped_column(String(40))
    reason: Mapped[str | None] = mapped_column(String(40))
    message: Mapped[str | None] = mapped_column(Text)
    updated_at: Mapped[datetime] = mapped_column(default=utcnow, onupdate=utcnow)
    __table_args__ = (
        Index("ix_batch_items_batch_id_seq", "batch_id", "seq"),
        Index("ix_batch_items_batch_id_updated_at", "batch_id", "updated_at"),
    )


class Repoint(RunRow):
    """One durable run that points the numbers in service at what is to answer them now. At most one runs.

    `status` running, done, or failed where it had to stop. Of `total` numbers that something else answered, `moved`
    have been pointed right, `left_alone` serve somebody else or are gone from the voice platform, `failed` could not be
    changed; `message` says why.
    """

    __tablename__ = "repoints"
    id: Mapped[str] = key("rpt")
    total: Mapped[int] = mapped_column(default=0)
    moved: Mapped[int] = mapped_column(default=0)
    left_alone: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    __table_args__ = (
        Index(
            "uq_repoints_running",
            "status",
            unique=True,
            sqlite_where=text("status = 'running'"),
            postgresql_where=text("status = 'running'"),
        ),
    )


class StockPurchase(RunRow):
    """One durable purchase of an exact number for no restaurant. `status` running, done or failed; `reason` is the code
    of the error that ended it."""

    __tablename__ = "stock_purchases"
    id: Mapped[str] = key("buy")
    number: Mapped[str] = mapped_column(String(20))
    carrier: Mapped[str] = mapped_column(String(16))
    offer: Mapped[dict[str, Any]] = mapped_column(default=dict)
    reason: Mapped[str | None] = mapped_column(String(40))
    hint: Mapped[str | None] = mapped_column(Text)
    __table_args__ = (
        Index(
            "uq_stock_purchases_running_number",
            "number",
            unique=True,
            sqlite_where=text("status = 'running'"),
            postgresql_where=text("status = 'running'"),
        ),
    )
