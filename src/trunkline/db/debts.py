"""Debts: what is owed to the outside world, visible until it is settled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from typing import cast

from sqlalchemy import Table, bindparam, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db.models import Debt, UtcDateTime, utcnow

DEBTS = cast(Table, Debt.__table__)
ANY_DUE = select(
    exists().where(DEBTS.c.settled_at.is_(None), DEBTS.c.next_try_at <= bindparam("now", type_=UtcDateTime))
)
SETTLE = (
    update(DEBTS)
    .where(DEBTS.c.subject == bindparam("this_subject"), DEBTS.c.settled_at.is_(None))
    .values(settled_at=bindparam("now"))
)
FIRST_WAIT, LONGEST_WAIT = 5.0, 3600.0
OVERDUE = timedelta(hours=1)


class DebtKind(StrEnum):
    """What is owed. `detach_owed`: a number out of service still points at the shared assistant.
    `connect_owed`: a number in service may have lost it."""

    INTENT_UNKNOWN = "intent_unknown"
    BOUGHT_NOT_IMPORTED = "bought_not_imported"
    IMPORTED_NOT_MAPPED = "imported_not_mapped"
    RELEASE_OWED = "release_owed"
    DETACH_OWED = "detach_owed"
    CONNECT_OWED = "connect_owed"


async def owe(
    session: AsyncSession,
    kind: DebtKind,
    subject: str,
    *,
    restaurant_id: str | None = None,
    run_id: str | None = None,
    reason: str | None = None,
    wait: float = FIRST_WAIT,
) -> None:
    """Open the debt, or note the new reason on the one that is open already."""
    due = utcnow() + timedelta(seconds=wait)
    query = select(Debt).where(Debt.kind == kind, Debt.subject == subject, Debt.settled_at.is_(None))
    row = (await session.execute(query)).scalar_one_or_none()
    if row is None:
        row = Debt(kind=kind, subject=subject, restaurant_id=restaurant_id, run_id=run_id, next_try_at=due)
        session.add(row)
    row.reason = reason or row.reason
    await session.flush()


async def settle(session: AsyncSession, subject: str, *kinds: DebtKind) -> None:
    known = {"this_subject": subject, "now": utcnow()}
    if kinds:
        await session.execute(SETTLE.where(DEBTS.c.kind.in_(kinds)), known)
    else:
        await session.execute(SETTLE, known)


async def any_due(session: AsyncSession) -> bool:
    """Whether the turn of any debt has come."""
    return bool((await session.execute(ANY_DUE, {"now": utcnow()})).scalar_one())


async def take_due(session: AsyncSession) -> Debt | None:
    """One debt whose turn it is, put off at once so that no other process works on it meanwhile."""
    query = select(Debt).where(Debt.settled_at.is_(None), Debt.next_try_at <= utcnow()).order_by(Debt.next_try_at)
    row = (await session.execute(query.limit(1))).scalar_one_or_none()
    if row is None:
        return None
    wait = min(FIRST_WAIT * 2 ** min(row.tries, 20), LONGEST_WAIT)
    changed = await session.execute(
        update(Debt)
        .where(Debt.id == row.id, Debt.tries == row.tries, Debt.settled_at.is_(None))
        .values(tries=row.tries + 1, next_try_at=utcnow() + timedelta(seconds=wait))
    )
    return row if changed.rowcount else None  # type: ignore[attr-defined]


async def note(session: AsyncSession, debt_id: str, reason: str) -> None:
    await session.execute(update(Debt).where(Debt.id == debt_id).values(reason=reason))


async def open_debts(session: AsyncSession, after: str | None = None, limit: int = 1000) -> Sequence[Debt]:
    query = select(Debt).where(Debt.settled_at.is_(None)).order_by(Debt.id).limit(limit)
    return (await session.execute(query.where(Debt.id > after) if after else query)).scalars().all()


async def counts(session: AsyncSession) -> tuple[dict[str, int], int]:
    """(open debts by kind, how many are older than an hour)."""
    by_kind = select(Debt.kind, func.count()).where(Debt.settled_at.is_(None)).group_by(Debt.kind)
    overdue = select(func.count()).where(Debt.settled_at.is_(None), Debt.created_at < utcnow() - OVERDUE)
    kinds = {kind: int(n) for kind, n in (await session.execute(by_kind))}
    return kinds, int((await session.execute(overdue)).scalar_one())
