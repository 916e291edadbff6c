"""Who we are, who our tenants are, and who calls them."""

from __future__ import annotations

import secrets
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, validates

from trunkline.db.models.base import Base, key, utcnow
from trunkline.texts import folded


class Installation(Base):
    """One row: the name that our owner marks carry, and the salt of what seals endpoints' secrets."""

    __tablename__ = "installation"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(8))
    key_salt: Mapped[str] = mapped_column(String(64), default=lambda: secrets.token_hex(32))
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class ProviderAccount(Base):
    """The account at a provider that this installation works with: its keys were seen to belong to it, and keys of
    another one are used for nothing until a person accepts the change.

    `blocked_*` stand while nothing may be bought there: what the whole account was refused for, what a person does
    about it, and when it is tried again. `keys_in_voice` is a fingerprint of the carrier's keys that the voice platform
    was given, as far as a comparison has seen.
    """

    __tablename__ = "provider_accounts"
    provider: Mapped[str] = mapped_column(String(16), primary_key=True)
    account: Mapped[str] = mapped_column(String(64))
    first_seen_at: Mapped[datetime] = mapped_column(default=utcnow)
    blocked_reason: Mapped[str | None] = mapped_column(Text)
    blocked_hint: Mapped[str | None] = mapped_column(Text)
    blocked_until: Mapped[datetime | None]
    blocked_times: Mapped[int] = mapped_column(default=0)
    keys_in_voice: Mapped[str | None] = mapped_column(String(16))


class Process(Base):
    """A living process of this installation (PostgreSQL only): it beats while it lives."""

    __tablename__ = "processes"
    id: Mapped[str] = mapped_column(String(80), primary_key=True)
    seen_at: Mapped[datetime] = mapped_column(default=utcnow)


class PaceRow(Base):
    """An account's pace, which all processes of this installation share (PostgreSQL only): when its next turn is that
    nobody has taken, and until when nobody sends anything."""

    __tablename__ = "paces"
    provider: Mapped[str] = mapped_column(String(16), primary_key=True)
    free_at: Mapped[datetime | None]
    paused_until: Mapped[datetime | None]


class PacePlaces(Base):
    """The places at an account that a process has, how many it wants, and until when it has them without asking again
    (PostgreSQL only)."""

    __tablename__ = "pace_places"
    provider: Mapped[str] = mapped_column(String(16), primary_key=True)
    process: Mapped[str] = mapped_column(String(80), primary_key=True)
    wanted: Mapped[int]
    held: Mapped[int]
    until: Mapped[datetime]


class Restaurant(Base):
    """The tenant. `api_key_hash` is that of a key of the former kind, None without one (see `Key`); `wish` is what it
    asked of its number, which is what a batch asks for it. `external_id` is its id in somebody else's system, of one
    living restaurant at most; `notes` is the API's `metadata`: what that system wants to be kept with it. `folded_name`
    follows the name, and is what is searched in."""

    __tablename__ = "restaurants"
    id: Mapped[str] = key("rst")
    name: Mapped[str] = mapped_column(String(200), index=True)
    folded_name: Mapped[str | None] = mapped_column(String(400))
    api_key_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    wish: Mapped[dict[str, Any] | None]
    external_id: Mapped[str | None] = mapped_column(String(200))
    notes: Mapped[dict[str, Any] | None] = mapped_column("metadata")
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    deleted_at: Mapped[datetime | None]
    __table_args__ = (
        Index(
            "uq_restaurants_living_external_id",
            "external_id",
            unique=True,
            sqlite_where=text("deleted_at IS NULL"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index(
            "ix_restaurants_deleted",
            "id",
            sqlite_where=text("deleted_at IS NOT NULL"),
            postgresql_where=text("deleted_at IS NOT NULL"),
        ),
        Index("ix_restaurants_folded_name_id", "folded_name", "id"),
    )

    @validates("name")
    def _fold(self, _: str, name: str) -> str:
        self.folded_name = folded(name)[:400]
        return name


class IdempotencyKey(Base):
    """A request that was made once: the same key with the same body gets the same answer, and nothing is begun again.
    `run_id` is the run that it has begun, of whatever kind; `answer` the first that was final."""

    __tablename__ = "idempotency_keys"
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    restaurant_id: Mapped[str | None] = mapped_column(ForeignKey("restaurants.id"))
    run_id: Mapped[str | None] = mapped_column(String(40))
    answer: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class Caller(Base):
    """A caller's number registered by a restaurant on a shared number: such calls go to that restaurant."""

    __tablename__ = "callers"
    restaurant_id: Mapped[str] = mapped_column(ForeignKey("restaurants.id"), primary_key=True)
    caller: Mapped[str] = mapped_column(String(20), primary_key=True)


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
    __table_args__ = (
        Index("ix_calls_restaurant_first_seen", "restaurant_id", "first_seen_at"),
        Index("ix_calls_called_first_seen", "called", "first_seen_at"),
        Index("ix_calls_caller_first_seen", "caller", "first_seen_at"),
        Index(
            "ix_calls_unrouted_first_seen",
            "first_seen_at",
            sqlite_where=text("restaurant_id IS NULL"),
            postgresql_where=text("restaurant_id IS NULL"),
        ),
    )
