"""The end of a mapping: the number cools down, and is owed its detachment from the assistant."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db import debts, mappings, numbers
from trunkline.db.debts import DebtKind
from trunkline.db.models import Mapping


async def end_mapping(session: AsyncSession, mapping: Mapping, reason: str, cooldown_hours: float) -> str | None:
    """End it in the caller's transaction. Returns the number if it serves nobody now; it is then cooling down, and no
    assignment can claim it before it is detached."""
    if not await mappings.end(session, mapping, reason):
        return None
    row = await numbers.get(session, mapping.number)
    numbers.cool_down(row, mapping.restaurant_id, cooldown_hours)
    await debts.owe(session, DebtKind.DETACH_OWED, row.number, restaurant_id=mapping.restaurant_id, wait=0)
    return row.number
