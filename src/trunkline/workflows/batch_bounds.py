"""What a batch may spend: what was shown and said yes to, kept in the transaction that writes each purchase intent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db import intents
from trunkline.domain.choosing import Offer
from trunkline.errors import BudgetExceeded

RAISE = "start another batch with a higher max_purchases or max_monthly_price"


@dataclass(frozen=True)
class Bounds:
    """`max_purchases` numbers may be bought, for at most `max_monthly_price` a month in `currency` together; None: as
    many, or as much, as it takes."""

    max_purchases: int | None = None
    max_monthly_price: Decimal | None = None
    currency: str | None = None

    @classmethod
    def of(cls, request: Mapping[str, Any]) -> Bounds:
        price = request.get("max_monthly_price")
        return cls(
            request.get("max_purchases"), Decimal(price) if price is not None else None, request.get("max_currency")
        )

    @property
    def any(self) -> bool:
        """Whether anything is bounded."""
        return self.max_purchases is not None or self.max_monthly_price is not None

    def plain(self) -> dict[str, Any]:
        price = None if self.max_monthly_price is None else str(self.max_monthly_price)
        return {"max_purchases": self.max_purchases, "max_monthly_price": price, "max_currency": self.currency}

    async def refuse(self, session: AsyncSession, batch_id: str, offer: Offer) -> None:
        """BudgetExceeded unless this purchase is within the bounds, together with what the batch has bought and is
        buying; the caller holds the batch."""
        spent = await intents.spent_in_batch(session, batch_id)
        if self.max_purchases is not None and len(spent) >= self.max_purchases:
            raise BudgetExceeded(f"the batch may buy {self.max_purchases} numbers, and has", hint=RAISE)
        if self.max_monthly_price is None:
            return
        if offer.monthly_price is None or offer.currency != self.currency:
            raise BudgetExceeded(
                f"{offer.price()} cannot be held against {self.max_monthly_price} {self.currency} a month", hint=RAISE
            )
        monthly = sum((i.monthly_price or Decimal() for i in spent), Decimal()) + offer.monthly_price
        if monthly > self.max_monthly_price:
            raise BudgetExceeded(
                f"the batch may spend {self.max_monthly_price} {self.currency} a month, and this makes it {monthly}",
                hint=RAISE,
            )
