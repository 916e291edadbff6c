"""Numbers, whose they are, how they were bought, and what is owed for them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from trunkline.db.models.base import Base, key, utcnow

# What numbers are counted and summed by, and after it what they are narrowed by: read through without their rows.
COUNTED = ("state", "carrier", "currency", "monthly_price")
NARROWED = ("put_aside_until", "country", "number_type", "protected", "idle_since")


class Number(Base):
    """A telephone number that we hold or know: one row for ever, whatever its state.

    `claimed_by` is the assignment that may use it now (None: nobody); `claim_source` says how that assignment came by
    it: existing, owned or purchased. `account` is the one at the carrier that holds it and `carrier_ref` its id there,
    `voice_org` and `voice_id` the same at the voice platform; `target` is what we set to answer it there, None where we
    set nothing. `saved_urls` are the carrier's settings from before our import. `put_aside_*` stand while it is left
    out because something refused it: why, until when, and how often that happened. `protected`: it is released by
    nothing but a person's own word; `release_after`: once it is idle and that time is over, it is given back. `key_id`
    is the API key that it was bought by. `former_restaurant_id` had it last; while it cools down after that one, it may
    be had by `kept_for` too, for which a person has named it.
    """

    __tablename__ = "numbers"
    number: Mapped[str] = mapped_column(String(20), primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    carrier: Mapped[str | None] = mapped_column(String(16))
    account: Mapped[str | None] = mapped_column(String(64))
    carrier_ref: Mapped[str | None] = mapped_column(String(64))
    voice_org: Mapped[str | None] = mapped_column(String(64))
    voice_id: Mapped[str | None] = mapped_column(String(64), index=True)
    target: Mapped[dict[str, Any] | None]
    country: Mapped[str | None] = mapped_column(String(2))
    number_type: Mapped[str | None] = mapped_column(String(16))
    monthly_price: Mapped[Decimal | None]
    upfront_price: Mapped[Decimal | None]
    currency: Mapped[str | None] = mapped_column(String(3))
    idle_since: Mapped[datetime | None]
    claimed_by: Mapped[str | None] = mapped_column(ForeignKey("assignments.id"), index=True)
    claim_source: Mapped[str | None] = mapped_column(String(16))
    cooling_until: Mapped[datetime | None]
    former_restaurant_id: Mapped[str | None] = mapped_column(ForeignKey("restaurants.id"), index=True)
    kept_for: Mapped[str | None] = mapped_column(String(40))
    saved_urls: Mapped[dict[str, Any] | None]
    put_aside_until: Mapped[datetime | None]
    put_aside_reason: Mapped[str | None] = mapped_column(Text)
    put_aside_times: Mapped[int] = mapped_column(default=0)
    protected: Mapped[bool] = mapped_column(default=False)
    labels: Mapped[list[str] | None] = mapped_column(JSON)
    release_after: Mapped[datetime | None] = mapped_column(index=True)
    key_id: Mapped[str | None] = mapped_column(String(40), index=True)
    bought_at: Mapped[datetime | None]
    released_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    updated_at: Mapped[datetime] = mapped_column(default=utcnow, onupdate=utcnow)
    __table_args__ = (
        Index("ix_numbers_state_number", "state", "number"),
        Index("ix_numbers_carrier_number", "carrier", "number"),
        Index("ix_numbers_country_number", "country", "number"),
        Index("ix_numbers_idle_since_number", "idle_since", "number"),
        Index("ix_numbers_monthly_price_number", "monthly_price", "number"),
        Index("ix_numbers_type_number", "number_type", "number"),
        Index("ix_numbers_currency_number", "currency", "number"),
        Index("ix_numbers_figures", *COUNTED, *NARROWED),
        Index("ix_numbers_bought", "bought_at", "carrier", "currency", "monthly_price", "upfront_price"),
        Index(
            "ix_numbers_put_aside",
            "state",
            "put_aside_until",
            sqlite_where=text("put_aside_until IS NOT NULL"),
            postgresql_where=text("put_aside_until IS NOT NULL"),
        ),
        Index("ix_numbers_protected", "number", sqlite_where=text("protected = 1"), postgresql_where=text("protected")),
    )


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


class PurchaseIntent(Base):
    """Committed before money: which exact number, at which carrier, under which mark, at what price seen, for which
    restaurant (None: for stock), by which API key (None: by the operator's secret).

    `status` open (the request may be under way, or its outcome is not known), bought, gone or refused. At most one
    open per number and one per restaurant. `number` is None until it is bought where the carrier chooses it, and in the
    end the one that was sold, if that was another one than was asked for. `look_at` is when the carrier is asked once
    more for one that came to nothing.
    """

    __tablename__ = "purchase_intents"
    id: Mapped[str] = key("int")
    assignment_id: Mapped[str | None] = mapped_column(ForeignKey("assignments.id"), index=True)
    restaurant_id: Mapped[str | None] = mapped_column(ForeignKey("restaurants.id"))
    key_id: Mapped[str | None] = mapped_column(String(40))
    carrier: Mapped[str] = mapped_column(String(16))
    number: Mapped[str | None] = mapped_column(String(20))
    mark: Mapped[str] = mapped_column(String(64), index=True)
    offer: Mapped[dict[str, Any]] = mapped_column(default=dict)
    monthly_price: Mapped[Decimal | None]
    upfront_price: Mapped[Decimal | None]
    currency: Mapped[str | None] = mapped_column(String(3))
    status: Mapped[str] = mapped_column(String(16), default="open")
    attempts: Mapped[int] = mapped_column(default=1)
    reason: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    tried_at: Mapped[datetime] = mapped_column(default=utcnow)
    closed_at: Mapped[datetime | None]
    look_at: Mapped[datetime | None] = mapped_column(index=True)
    looks: Mapped[int] = mapped_column(default=0)
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
        Index(
            "ix_purchase_intents_bought_closed_at",
            "closed_at",
            sqlite_where=text("status = 'bought'"),
            postgresql_where=text("status = 'bought'"),
        ),
    )


class Debt(Base):
    """Something owed to the outside world; stays visible until settled. `subject` is the number, or the intent's id;
    `provider` is who has to answer before it can be settled."""

    __tablename__ = "debts"
    id: Mapped[str] = key("dbt")
    kind: Mapped[str] = mapped_column(String(24))
    subject: Mapped[str] = mapped_column(String(40))
    provider: Mapped[str | None] = mapped_column(String(16))
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


class NumberChange(Base):
    """The feed of numbers that calls may reach otherwise since then; kept for a day, for who missed a notification."""

    __tablename__ = "number_changes"
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(20))
    at: Mapped[datetime] = mapped_column(index=True)
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - an id is never given out twice
