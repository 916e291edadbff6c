"""What may be spent."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from trunkline.db.models.base import Base, utcnow


class BudgetRow(Base):
    """The limits of `subject`: `all`, or the id of a restaurant or a key (`kind`). Whoever buys within it holds the
    row meanwhile, and is the only one. `told` is what was warned of: by limit, the month and the per cent."""

    __tablename__ = "budgets"
    subject: Mapped[str] = mapped_column(String(40), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    max_numbers: Mapped[int | None]
    max_monthly_price: Mapped[Decimal | None]
    max_purchases: Mapped[int | None]
    max_spending: Mapped[Decimal | None]
    currency: Mapped[str | None] = mapped_column(String(3))
    told: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    updated_at: Mapped[datetime] = mapped_column(default=utcnow, onupdate=utcnow)
