"""API keys."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from trunkline.db.models.base import Base, key, utcnow


class Key(Base):
    """Who may do what. Of the key itself there is its SHA-256 and its first characters; `previous_hash` is that of the
    one before the last rotation, which counts until `previous_until`. `restaurant_id` is the only restaurant that it
    sees, None for all; `own` where it is the one that was made with it. `last_used_*` are written seldom."""

    __tablename__ = "keys"
    id: Mapped[str] = key("key")
    prefix: Mapped[str] = mapped_column(String(16))
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    previous_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    previous_until: Mapped[datetime | None]
    scopes: Mapped[list[str]] = mapped_column(JSON)
    restaurant_id: Mapped[str | None] = mapped_column(ForeignKey("restaurants.id"), index=True)
    own: Mapped[bool] = mapped_column(default=False)
    comment: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    expires_at: Mapped[datetime | None]
    rotated_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    last_used_from: Mapped[str | None] = mapped_column(String(64))
    __table_args__ = (
        Index(
            "uq_keys_own_restaurant_id",
            "restaurant_id",
            unique=True,
            sqlite_where=text("own = 1 AND revoked_at IS NULL"),
            postgresql_where=text("own AND revoked_at IS NULL"),
        ),
    )
