"""Whether our own books are as they must be; read only, each rule by one statement, so that it sees one moment."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db.models import (
    Assignment,
    Debt,
    Mapping,
    Number,
    PurchaseIntent,
    Restaurant,
    StockPurchase,
    utcnow,
)
from trunkline.domain.invariants import Broken, Invariant
from trunkline.domain.numbers import NumberState
from trunkline.domain.outcomes import Status
from trunkline.domain.states import IntentStatus, RunStatus

SETTLING = timedelta(hours=1)  # what runs and debts may have under way
EXAMPLES = 3
CURRENT = Mapping.ended_at.is_(None)


async def find_broken(session: AsyncSession) -> list[Broken]:
    """Those that do not hold."""
    broken = []
    for invariant, offenders in _rules(utcnow() - SETTLING).items():
        found = offenders.subquery()
        subject = found.c[0]
        count = (await session.execute(select(func.count()).select_from(found))).scalar_one()
        if count:
            some = (await session.execute(select(subject).order_by(subject).limit(EXAMPLES))).scalars().all()
            broken.append(Broken(invariant, count, [str(one) for one in some]))
    return broken


def _rules(settled: datetime) -> dict[Invariant, Select[Any]]:
    """What breaks each. Rows that were changed after `settled` are left to those who work on them."""
    return _of_mappings(settled) | _of_purchases(settled)


def _of_mappings(settled: datetime) -> dict[Invariant, Select[Any]]:
    mapped = select(Mapping.id).where(CURRENT, Mapping.number == Number.number).exists()
    in_service = Number.state == NumberState.IN_SERVICE
    active = func.sum(case((Mapping.active, 1), else_=0))
    return {
        Invariant.MAPPED_ONCE: select(Mapping.number).where(CURRENT).group_by(Mapping.number).having(active != 1),
        Invariant.IN_SERVICE_IS_MAPPED: select(Number.number).where(in_service, ~mapped, Number.updated_at < settled),
        Invariant.MAPPED_IS_IN_SERVICE: select(Number.number).where(~in_service, mapped, Number.updated_at < settled),
        Invariant.DELETED_HAS_NONE: select(Mapping.number)
        .join(Restaurant, Restaurant.id == Mapping.restaurant_id)
        .where(CURRENT, Restaurant.deleted_at.is_not(None)),
        Invariant.ENDED_IS_INACTIVE: select(Mapping.id).where(Mapping.ended_at.is_not(None), Mapping.active),
        Invariant.ASSIGNED_HAD_NUMBER: select(Assignment.id).where(
            Assignment.status == Status.ASSIGNED,
            ~select(Mapping.id)
            .where(Mapping.number == Assignment.number, Mapping.restaurant_id == Assignment.restaurant_id)
            .exists(),
        ),
    }


def _of_purchases(settled: datetime) -> dict[Invariant, Select[Any]]:
    running = select(literal(1)).where(Assignment.status == RunStatus.RUNNING)
    stocking = select(literal(1)).where(StockPurchase.status == RunStatus.RUNNING)
    is_open = PurchaseIntent.status == IntentStatus.OPEN
    opened = select(literal(1)).where(is_open, PurchaseIntent.number == Number.number).exists()
    bought = PurchaseIntent.status == IntentStatus.BOUGHT
    return {
        Invariant.CLAIM_HAS_RUN: select(Number.number).where(
            Number.claimed_by.is_not(None),
            Number.updated_at < settled,
            ~running.where(Assignment.id == Number.claimed_by).exists(),
            ~or_(opened, _owed(Debt.subject == Number.number)),
        ),
        Invariant.INTENT_IS_OWED: select(PurchaseIntent.id).where(
            is_open,
            PurchaseIntent.created_at < settled,
            ~running.where(Assignment.id == PurchaseIntent.assignment_id).exists(),
            ~stocking.where(
                and_(PurchaseIntent.assignment_id.is_(None), StockPurchase.number == PurchaseIntent.number)
            ).exists(),
            ~_owed(or_(Debt.subject == PurchaseIntent.id, Debt.subject == PurchaseIntent.number)),
        ),
        Invariant.PURCHASE_HAS_INTENT: select(Number.number).where(
            Number.state == NumberState.PURCHASING, Number.updated_at < settled, ~opened
        ),
        Invariant.BOUGHT_ONCE: select(PurchaseIntent.assignment_id)
        .where(bought, PurchaseIntent.assignment_id.is_not(None))
        .group_by(PurchaseIntent.assignment_id)
        .having(func.count() > 1),
    }


def _owed(about: ColumnElement[bool]) -> ColumnElement[bool]:
    return select(literal(1)).where(Debt.settled_at.is_(None), about).exists()
