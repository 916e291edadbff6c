"""Offers that are held: whose number nobody gets who did not name it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from trunkline.db.models.base import Base, utcnow


class Hold(Base):
    """Written before the carrier is asked to keep the number, under `mark`. `offer` is what it said of it, with the
    price; `expires_at` is until when it is held, None where the carrier has not said yes yet; `carrier_until` is how
    long the carrier keeps it."""

    __tablename__ = "holds"
    number: Mapped[str] = mapped_column(String(20), primary_key=True)
    carrier: Mapped[str] = mapped_column(String(16))
    mark: Mapped[str] = mapped_column(String(64))
    offer: Mapped[dict[str, Any]]
    expires_at: Mapped[datetime | None]
    carrier_until: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
