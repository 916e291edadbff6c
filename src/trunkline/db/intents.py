"""Purchase intents: committed before money, closed when the outcome is known."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db.models import PurchaseIntent, utcnow


async def open_for(session: AsyncSession, restaurant_id: str) -> PurchaseIntent | None:
    query = select(PurchaseIntent).where(PurchaseIntent.restaurant_id == restaurant_id, PurchaseIntent.status == "open")
    return (await session.execute(query)).scalar_one_or_none()


async def tried_numbers(session: AsyncSession, assignment_id: str, carrier: str) -> Sequence[str | None]:
    """The numbers that this assignment tried to buy at the carrier and could not."""
    query = select(PurchaseIntent.number).where(
        PurchaseIntent.assignment_id == assignment_id,
        PurchaseIntent.carrier == carrier,
        PurchaseIntent.status.in_(["gone", "refused"]),
    )
    return (await session.execute(query)).scalars().all()


async def try_again(session: AsyncSession, intent_id: str) -> None:
    await session.execute(
        update(PurchaseIntent)
        .where(PurchaseIntent.id == intent_id)
        .values(attempts=PurchaseIntent.attempts + 1, tried_at=utcnow())
    )


async def close(session: AsyncSession, intent_id: str, status: str, reason: str | None = None) -> bool:
    """`status` is bought, gone or refused. False if it was closed before."""
    changed = await session.execute(
        update(PurchaseIntent)
        .where(PurchaseIntent.id == intent_id, PurchaseIntent.status == "open")
        .values(status=status, reason=reason, closed_at=utcnow())
    )
    return bool(changed.rowcount)  # type: ignore[attr-defined]


async def count(session: AsyncSession, status: str) -> int:
    query = select(func.count()).select_from(PurchaseIntent).where(PurchaseIntent.status == status)
    return int((await session.execute(query)).scalar_one())
