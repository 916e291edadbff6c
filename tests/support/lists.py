"""What lists show: a number that was bought long ago, which need not be waited for."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Update, update

from trunkline.db.models import Number, utcnow


def bought_before(seconds: float) -> Update:
    """The statement after which all that was bought was bought so many seconds ago, or earlier."""
    ago = utcnow() - timedelta(seconds=seconds)
    return update(Number).where(Number.bought_at > ago).values(bought_at=ago)
