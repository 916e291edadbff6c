"""API keys."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from trunkline.db.models.base import Base, key, utcnow


class Key(Base):
    """Who may do what. Of the key itself there is its SHA-256 and its first characters; `previous_hash` is that of the
    one before the last rotation, which counts until `previous_until`. `restaurant_id` is the only restaurant that it
    sees, None for all. `last_used_*` are written seldom."""

    __tablename__ = "keys"
    id: Mapped[str] = key("key")
    prefix: Mapped[str] = mapped_column(String(16))
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    previous_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    previous_until: Mapped[datetime | None]
    scopes: Mapped[list[str]] = mapped_column(JSON)
    restaurant_id: Mapped[str | None] = mapped_column(ForeignKey("restaurants.id"), index=True)
    comment: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    expires_at: Mapped[datetime | None]
    rotated_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    last_used_from: Mapped[str | None] = mapped_column(String(64))
