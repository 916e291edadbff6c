"""What our tables learn from the providers: a number is gone, costs something else, or is in another account."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db import debts, mappings, numbers
from trunkline.db.models import Number
from trunkline.domain.money import Money
from trunkline.domain.states import DebtKind


async def lose(session: AsyncSession, row: Number, reason: str, cooldown_hours: float) -> None:
    """A number that the caller holds is not ours any more: whom it served has lost it. That this restaurant had it is
    remembered, should it come back."""
    await mappings.end_all(session, row, mappings.NUMBER_GONE, cooldown_hours)
    numbers.gone(row, reason)
    numbers.in_voice(row, None, None, None)
    await debts.settle(session, row.number, DebtKind.DETACH_OWED, DebtKind.CONNECT_OWED)


def keep_price(row: Number, price: Money) -> None:
    row.monthly_price, row.currency = price.amount, price.currency


def keep_account(row: Number, account: str) -> None:
    row.account = account
