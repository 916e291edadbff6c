"""What our tables learn from the providers: a number is gone, costs something else, or is in another account."""

from __future__ import annotations

from sqlalchemy import delete, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db import debts, mappings, numbers
from trunkline.db.events import announce_state
from trunkline.db.models import Mapping, Number, Release
from trunkline.domain.money import Money
from trunkline.domain.numbers import NumberState
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


async def forget_unless_known(session: AsyncSession, row: Number) -> None:
    """After a purchase that came to nothing: a number that we never held is not kept, any other is not ours again."""
    numbers.free(row)
    served = exists().where(Mapping.number == row.number)
    given_up = exists().where(Release.number == row.number)
    if row.bought_at is None and not (await session.execute(select(or_(served, given_up)))).scalar_one():
        await session.flush()
        await session.execute(delete(Number).where(Number.number == row.number))
        announce_state(session, row.number, row.state, None)
        session.expunge(row)
    elif row.state == NumberState.PURCHASING:
        row.state = (NumberState.RELEASED if row.released_at else NumberState.FOREIGN).value
