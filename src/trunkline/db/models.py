"""Every table. What must be unique is a unique index; times are UTC; money is a decimal with its currency."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, ForeignKey, Index, MetaData, Numeric, String, Text, TypeDecorator, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from trunkline.domain.ids import new_id


def utcnow() -> datetime:
    return datetime.now(UTC)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time: SQLite keeps no zone, PostgreSQL answers in the one of its server."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012
        datetime: UtcDateTime,
        Decimal: Numeric(12, 4),
        dict[str, Any]: JSON,
    }


def key(prefix: str) -> Any:
    return mapped_column(String(40), primary_key=True, default=lambda: new_id(prefix))


class Installation(Base):
    """One row: the name that our owner marks carry."""

    __tablename__ = "installation"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(8))
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class Restaurant(Base):
    """The tenant. `api_key_hash` is the SHA-256 of the key that was shown once."""

    __tablename__ = "restaurants"
    id: Mapped[str] = key("rst")
    name: Mapped[str] = mapped_column(String(200), index=True)
    api_key_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    deleted_at: Mapped[datetime | None]


class Number(Base):
    """A telephone number that we hold or know: one row for ever, whatever its state.

    `claimed_by` is the assignment that may use it now (None: nobody); `claim_source` says how that assignment came by
    it: existing, owned or purchased. `saved_urls` are the carrier's settings from before our import.
    """

    __tablename__ = "numbers"
    number: Mapped[str] = mapped_column(String(20), primary_key=True)
    state: Mapped[str] = mapped_column(String(16), index=True)
    carrier: Mapped[str | None] = mapped_column(String(16))
    carrier_ref: Mapped[str | None] = mapped_column(String(64))
    voice_id: Mapped[str | None] = mapped_column(String(64), index=True)
    country: Mapped[str | None] = mapped_column(String(2))
    number_type: Mapped[str | None] = mapped_column(String(16))
    monthly_price: Mapped[Decimal | None]
    currency: Mapped[str | None] = mapped_column(String(3))
    claimed_by: Mapped[str | None] = mapped_column(ForeignKey("assignments.id"), index=True)
    claim_source: Mapped[str | None] = mapped_column(String(16))
    cooling_until: Mapped[datetime | None]
    former_restaurant_id: Mapped[str | None] = mapped_column(ForeignKey("restaurants.id"))
    saved_urls: Mapped[dict[str, Any] | None]
    bought_at: Mapped[datetime | None]
    released_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    updated_at: Mapped[datetime] = mapped_column(default=utcnow, onupdate=utcnow)


class Mapping(Base):
    """Number -> restaurant; ended rows are the history. At most one active per number, one current per restaurant."""

    __tablename__ = "mappings"
    id: Mapped[str] = key("map")
    number: Mapped[str] = mapped_column(ForeignKey("numbers.number"), index=True)
    restaurant_id: Mapped[str] = mapped_column(ForeignKey("restaurants.id"), index=True)
    assignment_id: Mapped[str | None] = mapped_column(ForeignKey("assignments.id"))
    active: Mapped[bool]
    source: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str | None] = mapped_column(String(40))
    __table_args__ = (
        Index(
            "uq_mappings_active_number",
            "number",
            unique=True,
            sqlite_where=text("active AND ended_at IS NULL"),
            postgresql_where=text("active AND ended_at IS NULL"),
        ),
        Index(
            "uq_mappings_current_restaurant",
            "restaurant_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )


class Assignment(Base):
    """One durable run of the flow for one restaurant. `epoch` counts its executions: a write with an older epoch is
    from a process that was overtaken, and changes nothing. At most one runs per restaurant."""

    __tablename__ = "assignments"
    id: Mapped[str] = key("asg")
    restaurant_id: Mapped[str] = mapped_column(ForeignKey("restaurants.id"), index=True)
    status: Mapped[str] = mapped_column(String(16), default="running", index=True)
    source: Mapped[str | None] = mapped_column(String(16))
    number: Mapped[str | None] = mapped_column(String(20))
    reason: Mapped[str | None] = mapped_column(String(40))
    message: Mapped[str | None] = mapped_column(Text)
    hint: Mapped[str | None] = mapped_column(Text)
    criteria: Mapped[dict[str, Any]] = mapped_column(default=dict)
    force_twilio: Mapped[bool] = mapped_column(default=False)
    batch_id: Mapped[str | None] = mapped_column(String(40), index=True)
    epoch: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    __table_args__ = (
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


class PurchaseIntent(Base):
    """Committed before money: which exact number, at which carrier, under which mark, at what price seen, for which
    restaurant (None: for stock).

    `status` open (the request may be under way, or its outcome is not known), bought, gone or refused. At most one
    open per number and one per restaurant. `number` is None where the carrier chooses it.
    """

    __tablename__ = "purchase_intents"
    id: Mapped[str] = key("int")
    assignment_id: Mapped[str | None] = mapped_column(ForeignKey("assignments.id"), index=True)
    restaurant_id: Mapped[str | None] = mapped_column(ForeignKey("restaurants.id"))
    carrier: Mapped[str] = mapped_column(String(16))
    number: Mapped[str | None] = mapped_column(String(20))
    mark: Mapped[str] = mapped_column(String(64))
    offer: Mapped[dict[str, Any]] = mapped_column(default=dict)
    monthly_price: Mapped[Decimal | None]
    currency: Mapped[str | None] = mapped_column(String(3))
    status: Mapped[str] = mapped_column(String(16), default="open")
    attempts: Mapped[int] = mapped_column(default=1)
    reason: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    tried_at: Mapped[datetime] = mapped_column(default=utcnow)
    closed_at: Mapped[datetime | None]
    __table_args__ = (
        Index(
            "uq_purchase_intents_open_number",
            "number",
            unique=True,
            sqlite_where=text("status = 'open'"),
            postgresql_where=text("status = 'open'"),
        ),
        Index(
            "uq_purchase_intents_open_restaurant",
            "restaurant_id",
            unique=True,
            sqlite_where=text("status = 'open'"),
            postgresql_where=text("status = 'open'"),
        ),
    )


class Debt(Base):
    """Something owed to the outside world; stays visible until settled. `subject` is the number, or the intent's id."""

    __tablename__ = "debts"
    id: Mapped[str] = key("dbt")
    kind: Mapped[str] = mapped_column(String(24))
    subject: Mapped[str] = mapped_column(String(40))
    restaurant_id: Mapped[str | None] = mapped_column(ForeignKey("restaurants.id"))
    run_id: Mapped[str | None] = mapped_column(String(40))
    tries: Mapped[int] = mapped_column(default=0)
    reason: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    next_try_at: Mapped[datetime] = mapped_column(default=utcnow, index=True)
    settled_at: Mapped[datetime | None]
    __table_args__ = (
        Index(
            "uq_debts_open",
            "kind",
            "subject",
            unique=True,
            sqlite_where=text("settled_at IS NULL"),
            postgresql_where=text("settled_at IS NULL"),
        ),
    )


class Release(Base):
    """One durable release of a number. `give_back` ends it at the carrier too; else it stays in the account with its
    old URLs. At most one runs per number."""

    __tablename__ = "releases"
    id: Mapped[str] = key("rel")
    number: Mapped[str] = mapped_column(ForeignKey("numbers.number"), index=True)
    give_back: Mapped[bool]
    status: Mapped[str] = mapped_column(String(16), default="running")
    message: Mapped[str | None] = mapped_column(Text)
    epoch: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    ended_at: Mapped[datetime | None]
    __table_args__ = (
        Index(
            "uq_releases_running_number",
            "number",
            unique=True,
            sqlite_where=text("status = 'running'"),
            postgresql_where=text("status = 'running'"),
        ),
    )


class Batch(Base):
    """One durable run over many restaurants. `status` running, cancelled, done."""

    __tablename__ = "batches"
    id: Mapped[str] = key("bat")
    status: Mapped[str] = mapped_column(String(16), default="running")
    request: Mapped[dict[str, Any]] = mapped_column(default=dict)
    epoch: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    ended_at: Mapped[datetime | None]


class BatchItem(Base):
    """One restaurant of a batch: queued, running, assigned, unassigned, failed or cancelled, and why."""

    __tablename__ = "batch_items"
    batch_id: Mapped[str] = mapped_column(ForeignKey("batches.id"), primary_key=True)
    restaurant_id: Mapped[str] = mapped_column(ForeignKey("restaurants.id"), primary_key=True)
    seq: Mapped[int]
    status: Mapped[str] = mapped_column(String(16), default="queued", index=True)
    assignment_id: Mapped[str | None] = mapped_column(String(40))
    reason: Mapped[str | None] = mapped_column(String(40))
    message: Mapped[str | None] = mapped_column(Text)
    updated_at: Mapped[datetime] = mapped_column(default=utcnow, onupdate=utcnow)


class Repoint(Base):
    """One durable run that points the numbers in service at what is to answer them now. At most one runs.

    `status` running, done, or failed where it had to stop. Of `total` numbers that something else answered, `moved`
    have been pointed right, `left_alone` serve somebody else or are gone from the voice platform, `failed` could not be
    changed; `message` says why.
    """

    __tablename__ = "repoints"
    id: Mapped[str] = key("rpt")
    status: Mapped[str] = mapped_column(String(16), default="running")
    total: Mapped[int] = mapped_column(default=0)
    moved: Mapped[int] = mapped_column(default=0)
    left_alone: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    message: Mapped[str | None] = mapped_column(Text)
    epoch: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    ended_at: Mapped[datetime | None]
    __table_args__ = (
        Index(
            "uq_repoints_running",
            "status",
            unique=True,
            sqlite_where=text("status = 'running'"),
            postgresql_where=text("status = 'running'"),
        ),
    )


class IdempotencyKey(Base):
    """A request that was answered: the same key with the same body gets the same answer."""

    __tablename__ = "idempotency_keys"
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    restaurant_id: Mapped[str] = mapped_column(ForeignKey("restaurants.id"))
    assignment_id: Mapped[str | None] = mapped_column(ForeignKey("assignments.id"))
    answer: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class Process(Base):
    """A living process of this installation (PostgreSQL only): it beats while it lives."""

    __tablename__ = "processes"
    id: Mapped[str] = mapped_column(String(80), primary_key=True)
    seen_at: Mapped[datetime] = mapped_column(default=utcnow)


class Caller(Base):
    """A caller's number registered by a restaurant on a shared number: such calls go to that restaurant."""

    __tablename__ = "callers"
    restaurant_id: Mapped[str] = mapped_column(ForeignKey("restaurants.id"), primary_key=True)
    caller: Mapped[str] = mapped_column(String(20), primary_key=True)


class NumberChange(Base):
    """The feed of numbers that calls may reach otherwise since then; kept for a day, for who missed a notification."""

    __tablename__ = "number_changes"
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(20))
    at: Mapped[datetime] = mapped_column(index=True)
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - an id is never given out twice


class Call(Base):
    """A call as the voice platform reported it. `restaurant_id` is None where nobody's number was called, and `former`
    true where the number had just been given up. `reported` once its end is known in full; `next_check_at` is when the
    voice platform is to be asked for it, None when it need not be."""

    __tablename__ = "calls"
    id: Mapped[str] = mapped_column(String(80), primary_key=True)
    restaurant_id: Mapped[str | None] = mapped_column(ForeignKey("restaurants.id"))
    caller: Mapped[str | None] = mapped_column(String(80))
    called: Mapped[str | None] = mapped_column(String(80))
    status: Mapped[str | None] = mapped_column(String(40))
    ended_reason: Mapped[str | None] = mapped_column(String(200))
    former: Mapped[bool] = mapped_column(default=False)
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    duration_seconds: Mapped[Decimal | None]
    cost: Mapped[Decimal | None]
    reported: Mapped[bool] = mapped_column(default=False)
    first_seen_at: Mapped[datetime] = mapped_column(default=utcnow, index=True)
    next_check_at: Mapped[datetime | None] = mapped_column(index=True)
    updated_at: Mapped[datetime] = mapped_column(default=utcnow, onupdate=utcnow)
    __table_args__ = (Index("ix_calls_restaurant_first_seen", "restaurant_id", "first_seen_at"),)
