"""Budgets, and what counts against them: what is held, being bought, and was bought this month."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Select,
    Table,
    and_,
    bindparam,
    case,
    func,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db.event_rows import about_budget
from trunkline.db.events import announce
from trunkline.db.models import Assignment, BudgetRow, Mapping, Number, PurchaseIntent, UtcDateTime, utcnow
from trunkline.domain.budgets import ALL, LEVELS, MONTHLY, BudgetOf, Limit, SpendingLimits, Used, month_of
from trunkline.domain.events import EventType
from trunkline.domain.numbers import BILLED, NumberState
from trunkline.domain.states import IntentStatus
from trunkline.errors import NotFound

BUDGETS = cast(Table, BudgetRow.__table__)
ENSURE = {
    name: dialect.insert(BUDGETS).on_conflict_do_nothing(index_elements=["subject"])
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
}
OF_SUBJECTS = (
    select(BudgetRow).where(BudgetRow.subject.in_(bindparam("subjects", expanding=True))).order_by(BudgetRow.subject)
)
LOCKED = OF_SUBJECTS.with_for_update().execution_options(populate_existing=True)
HELD, BUYING, BOUGHT = "held", "buying", "bought"
OPEN = PurchaseIntent.status == IntentStatus.OPEN


async def of_subjects(session: AsyncSession, subjects: Collection[str], *, lock: bool = False) -> Sequence[BudgetRow]:
    """Those that there are; `lock` keeps them from every other transaction until this one ends, in one order, so that
    two never wait for each other. Who locks a restaurant or a number as well locks these first."""
    found = await session.execute(LOCKED if lock else OF_SUBJECTS, {"subjects": sorted(subjects)})
    return found.scalars().all()


async def get(session: AsyncSession, subject: str, *, lock: bool = False) -> BudgetRow:
    found = await of_subjects(session, [subject], lock=lock)
    if not found:
        raise no_budget(subject)
    return found[0]


def no_budget(subject: str) -> NotFound:
    return NotFound(f"{subject} has no budget", hint="GET /api/budgets lists those that there are")


async def page(session: AsyncSession, *, after: str | None = None, limit: int | None = None) -> Sequence[BudgetRow]:
    """By their subjects: that for all, then keys', then restaurants'."""
    query = select(BudgetRow).order_by(BudgetRow.subject)
    query = query.where(BudgetRow.subject > after) if after else query
    return (await session.execute(query.limit(limit) if limit else query)).scalars().all()


async def keep(session: AsyncSession, of: BudgetOf, subject: str, limits: SpendingLimits) -> BudgetRow:
    """The subject's budget, with these limits and no others; held until the transaction ends."""
    now = utcnow()
    row = {"subject": subject, "kind": of.value, "told": {}, "created_at": now, "updated_at": now}
    await session.execute(ENSURE[session.get_bind().dialect.name], row)
    budget = await get(session, subject, lock=True)
    if limits_of(budget) != limits:
        for name, value in vars(limits).items():
            setattr(budget, name, value)
        budget.told = {}
    await session.flush()
    return budget


async def drop(session: AsyncSession, subject: str) -> bool:
    """Take it away; False where there was none."""
    found = await of_subjects(session, [subject], lock=True)
    for row in found:
        announce(session, EventType.BUDGET_REMOVED, about_budget(row.subject, row.kind))
        await session.delete(row)
    await session.flush()
    return bool(found)


def limits_of(row: BudgetRow) -> SpendingLimits:
    return SpendingLimits(row.max_numbers, row.max_monthly_price, row.max_purchases, row.max_spending, row.currency)


def tell(session: AsyncSession, row: BudgetRow, limit: Limit, month: datetime, level: int) -> bool:
    """Say that this level is reached; False if it was said this month, or a higher one. The caller holds the row."""
    before = row.told.get(limit, {})
    if before.get("month") == f"{month:%Y-%m}" and before["level"] >= level:
        return False
    row.told = {**row.told, limit: {"month": f"{month:%Y-%m}", "level": level}}
    kind = EventType.BUDGET_EXCEEDED if level == LEVELS[-1] else EventType.BUDGET_WARNED
    announce(session, kind, about_budget(row.subject, row.kind), after={"limit": limit.value, "percent": level})
    return True


async def month_began(session: AsyncSession) -> datetime:
    """When this month began, by the database's clock."""
    return month_of((await session.execute(select(func.current_timestamp(type_=UtcDateTime)))).scalar_one())


# --- what counts -----------------------------------------------------------------------------------------------------


async def used(session: AsyncSession, rows: Sequence[BudgetRow], month: datetime) -> dict[str, Used]:
    """What counts against each, seen at one moment: a number that is bought meanwhile counts once. Only what one of
    their limits needs is counted."""
    wanted = {limit for row in rows for limit in limits_of(row).given()}
    parts: list[Select[Any]] = []
    for of in {BudgetOf(row.kind) for row in rows}:
        ids = [row.subject for row in rows if row.kind == of]
        parts.append(_intents(of, ids, BUYING, OPEN))
        if wanted - set(MONTHLY):
            parts.append(_held(of, ids))
        if wanted & set(MONTHLY):
            since = and_(PurchaseIntent.status == IntentStatus.BOUGHT, PurchaseIntent.closed_at >= month)
            parts.append(_intents(of, ids, BOUGHT, since))
    found = {row.subject: Used() for row in rows}
    for subject, part, currency, count, monthly, due, unpriced in await session.execute(union_all(*parts)):
        if part != BOUGHT:
            found[subject].hold(count, monthly, currency, unpriced)
        if part != HELD:
            found[subject].buy(count, due, currency)
    return found


async def currencies(session: AsyncSession) -> Sequence[str]:
    """In which numbers are paid for."""
    query = select(Number.currency).where(Number.state.in_(BILLED), Number.monthly_price.is_not(None)).distinct()
    return [currency for currency in (await session.execute(query)).scalars() if currency]


def _intents(of: BudgetOf, ids: Sequence[str], part: str, wanted: ColumnElement[bool]) -> Select[Any]:
    subject: Any = literal(ALL)
    if of is BudgetOf.RESTAURANT:
        subject = PurchaseIntent.restaurant_id
    elif of is BudgetOf.KEY:
        subject = PurchaseIntent.key_id
    due = PurchaseIntent.monthly_price + func.coalesce(PurchaseIntent.upfront_price, Decimal(0))
    query = _sums(subject, part, PurchaseIntent, due).where(wanted)
    return query if of is BudgetOf.ALL else query.where(subject.in_(ids))


def _held(of: BudgetOf, ids: Sequence[str]) -> Select[Any]:
    billed = Number.state.in_(BILLED)
    if of is BudgetOf.ALL:
        query = _sums(literal(ALL), HELD, Number, Number.monthly_price).where(billed)
        return query.group_by(Number.state, Number.carrier)  # as the index of figures is sorted
    if of is BudgetOf.KEY:
        return _sums(Number.key_id, HELD, Number, Number.monthly_price).where(billed, Number.key_id.in_(ids))
    has = _numbers_of(ids).subquery()
    query = _sums(has.c.restaurant_id, HELD, Number, Number.monthly_price).where(billed)
    return query.join(has, has.c.number == Number.number)


def _numbers_of(restaurant_ids: Sequence[str]) -> Any:
    """What a restaurant has: its number, one that is about to be put in service for it, and those that cool down, or
    are given back, after it."""
    mapped = select(Mapping.restaurant_id.label("restaurant_id"), Mapping.number.label("number"))
    claimed = select(Assignment.restaurant_id, Number.number).join(Assignment, Number.claimed_by == Assignment.id)
    former = select(Number.former_restaurant_id, Number.number)
    after = Number.state.in_([NumberState.COOLING_DOWN, NumberState.RELEASING])
    return union_all(
        mapped.where(Mapping.ended_at.is_(None), Mapping.restaurant_id.in_(restaurant_ids)),
        claimed.where(Assignment.restaurant_id.in_(restaurant_ids), Number.state == NumberState.IDLE),
        former.where(Number.former_restaurant_id.in_(restaurant_ids), after),
    )


def _sums(subject: Any, part: str, of: type[Number] | type[PurchaseIntent], due: Any) -> Select[Any]:
    """By subject and currency: how many, their monthly prices, what was due for them, how many have no known price."""
    unpriced = or_(of.monthly_price.is_(None), of.currency.is_(None))
    query = (
        select(
            subject.label("subject"),
            literal(part).label("part"),
            of.currency.label("currency"),
            func.count(),
            func.sum(of.monthly_price),
            func.sum(due),
            func.sum(case((unpriced, 1), else_=0)),
        )
        .select_from(of)
        .group_by(of.currency)
    )
    return query if isinstance(subject, BindParameter) else query.group_by(subject)
