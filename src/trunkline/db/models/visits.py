"""Who is logged in to the console."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from trunkline.db.models.base import Base, utcnow


class Visit(Base):
    """One person who is logged in. Of the token in his cookie, and of a key that he logged in with, the SHA-256 is
    kept, of the secret, which a person may have chosen, a slow and salted hash. `former_hash` is that of the token
    before, which counts for a moment after the new one was given (`renewed_at`)."""

    __tablename__ = "visits"
    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    former_hash: Mapped[str | None] = mapped_column(String(64), index=True)
    credential_hash: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    renewed_at: Mapped[datetime] = mapped_column(default=utcnow)
    ends_at: Mapped[datetime] = mapped_column(index=True)
