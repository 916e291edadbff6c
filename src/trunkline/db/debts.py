"""Debts: what is owed to the outside world, visible until it is settled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import cast

from sqlalchemy import ColumnElement, Table, bindparam, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db.event_rows import about_debt
from trunkline.db.events import announce
from trunkline.db.models import Debt, utcnow
from trunkline.domain.events import EventType
from trunkline.domain.states import DebtKind

DEBTS = cast(Table, Debt.__table__)
TOLD = [DEBTS.c[name] for name in ("id", "kind", "provider", "restaurant_id", "run_id")]
SETTLE = (
    update(DEBTS)
    .where(DEBTS.c.subject == bindparam("of"), DEBTS.c.settled_at.is_(None))
    .values(settled_at=bindparam("now"))
    .returning(*TOLD)
)
SETTLE_KINDS = SETTLE.where(DEBTS.c.kind.in_(bindparam("kinds", expanding=True)))
FIRST_WAIT, LONGEST_WAIT = 5.0, 3600.0
OVERDUE = timedelta(hours=1)


def due() -> ColumnElement[bool]:
    """Whether a debt's turn has come. None waits longer than the longest pause: one that seems to was written before
    the clock was set back."""
    now, longest = utcnow(), timedelta(seconds=LONGEST_WAIT * 2)
    return DEBTS.c.settled_at.is_(None) & or_(DEBTS.c.next_try_at <= now, DEBTS.c.next_try_at > now + longest)


async def owe(
    session: AsyncSession,
    kind: DebtKind,
    subject: str,
    *,
    provider: str | None,
    restaurant_id: str | None = None,
    run_id: str | None = None,
    reason: str | None = None,
    wait: float = FIRST_WAIT,
) -> None:
    """Open the debt, or note the new reason on the one that is open already. `provider` has to answer before it can be
    settled: each provider's debts are worked off in a line of its own."""
    query = select(Debt).where(Debt.kind == kind, Debt.subject == subject, Debt.settled_at.is_(None))
    row = (await session.execute(query)).scalar_one_or_none()
    if row is None:
        row = Debt(kind=kind, subject=subject, provider=provider, restaurant_id=restaurant_id, run_id=run_id)
        row.next_try_at = utcnow() + timedelta(seconds=wait)
        session.add(row)
    row.reason = reason or row.reason
    await session.flush()


async def settle(session: AsyncSession, subject: str, *kinds: DebtKind) -> None:
    """All debts of the subject, or those of these kinds."""
    of = {"of": subject, "now": utcnow()} | ({"kinds": kinds} if kinds else {})
    for row in (await session.execute(SETTLE_KINDS if kinds else SETTLE, of)).all():
        about = about_debt(row.id, subject, row.restaurant_id, row.run_id)
        announce(session, EventType.DEBT_SETTLED, about, after={"kind": row.kind, "provider": row.provider})


async def is_owed(session: AsyncSession, kind: DebtKind, subject: str) -> bool:
    query = select(DEBTS.c.id).where(DEBTS.c.kind == kind, DEBTS.c.subject == subject, DEBTS.c.settled_at.is_(None))
    return (await session.execute(query.limit(1))).first() is not None


async def turns(session: AsyncSession) -> dict[str | None, float]:
    """In how many seconds a debt of each provider has its turn; at most 0 where one has it now."""
    times = select(DEBTS.c.provider, func.min(DEBTS.c.next_try_at), func.max(DEBTS.c.next_try_at))
    open_ones = await session.execute(times.where(DEBTS.c.settled_at.is_(None)).group_by(DEBTS.c.provider))
    now = utcnow()
    return {
        provider: 0.0 if (last - now).total_seconds() > LONGEST_WAIT * 2 else (first - now).total_seconds()
        for provider, first, last in open_ones
    }


async def providers_due(session: AsyncSession) -> Sequence[str | None]:
    """Whose debts have their turn now."""
    return [provider for provider, seconds in (await turns(session)).items() if seconds <= 0]


async def take_due(session: AsyncSession, provider: str | None) -> Debt | None:
    """One debt of this provider whose turn it is, put off at once so that no other process works on it meanwhile."""
    query = select(Debt).where(due(), DEBTS.c.provider.is_not_distinct_from(provider)).order_by(Debt.next_try_at)
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


async def open_debts(
    session: AsyncSession,
    after: str | None = None,
    limit: int = 1000,
    kind: str | None = None,
    provider: str | None = None,
) -> Sequence[Debt]:
    """Oldest first."""
    query = select(Debt).where(Debt.settled_at.is_(None)).order_by(Debt.id).limit(limit)
    if kind:
        query = query.where(Debt.kind == kind)
    if provider:
        query = query.where(Debt.provider == provider)
    return (await session.execute(query.where(Debt.id > after) if after else query)).scalars().all()


async def counts(session: AsyncSession) -> tuple[dict[str, int], int]:
    """(open debts by kind, how many are older than an hour)."""
    by_kind = select(Debt.kind, func.count()).where(Debt.settled_at.is_(None)).group_by(Debt.kind)
    overdue = select(func.count()).where(Debt.settled_at.is_(None), Debt.created_at < utcnow() - OVERDUE)
    kinds = {kind: int(n) for kind, n in (await session.execute(by_kind))}
    return kinds, int((await session.execute(overdue)).scalar_one())
