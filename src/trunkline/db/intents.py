"""Purchase intents: committed before money, closed when the outcome is known."""

from __future__ import annotations

from typing import cast

from sqlalchemy import Table, bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db.models import PurchaseIntent, utcnow

INTENTS = cast(Table, PurchaseIntent.__table__)
CLOSE = (
    update(INTENTS)
    .where(INTENTS.c.id == bindparam("this_intent"), INTENTS.c.status == "open")
    .values(status=bindparam("status"), reason=bindparam("reason"), closed_at=bindparam("closed_at"))
)
OPEN_FOR = select(PurchaseIntent).where(
    PurchaseIntent.restaurant_id == bindparam("restaurant"), PurchaseIntent.status == "open"
)


async def open_for(session: AsyncSession, restaurant_id: str) -> PurchaseIntent | None:
    return (await session.execute(OPEN_FOR, {"restaurant": restaurant_id})).scalar_one_or_none()


async def tried_numbers(session: AsyncSession, assignment_id: str) -> dict[str, list[str | None]]:
    """The numbers that this assignment tried to buy and could not, by carrier."""
    query = select(PurchaseIntent.carrier, PurchaseIntent.number).where(
        PurchaseIntent.assignment_id == assignment_id, PurchaseIntent.status.in_(["gone", "refused"])
    )
    tried: dict[str, list[str | None]] = {}
    for carrier, number in await session.execute(query):
        tried.setdefault(carrier, []).append(number)
    return tried


async def try_again(session: AsyncSession, intent_id: str) -> None:
    await session.execute(
        update(PurchaseIntent)
        .where(PurchaseIntent.id == intent_id)
        .values(attempts=PurchaseIntent.attempts + 1, tried_at=utcnow())
    )


async def close(session: AsyncSession, intent_id: str, status: str, reason: str | None = None) -> bool:
    """`status` is bought, gone or refused. False if it was closed before."""
    outcome = {"status": status, "reason": reason, "closed_at": utcnow()}
    changed = await session.execute(CLOSE, {"this_intent": intent_id} | outcome)
    return bool(changed.rowcount)  # type: ignore[attr-defined]


async def count(session: AsyncSession, status: str) -> int:
    query = select(func.count()).select_from(PurchaseIntent).where(PurchaseIntent.status == status)
    return int((await session.execute(query)).scalar_one())
