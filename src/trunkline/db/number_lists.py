"""Lists of numbers: narrowed, and in an order of the caller's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, false, literal, select, true, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from trunkline.db.models import Mapping, Number
from trunkline.domain.cursors import EPOCH, MICROSECOND, after_id, after_value

PIECE = 500


class NumberSort(StrEnum):
    """What a list is in the order of; the dearest, or longest idle, come first. A number that has no such thing is in
    no list in its order."""

    NUMBER = "number"
    IDLE_SINCE = "idle_since"
    PRICE = "price"


@dataclass(frozen=True)
class NumberFilter:
    """What is None narrows nothing. `idle_before`: idle since before then; `min_price`: a month's, at least."""

    states: Sequence[str] = ()
    carrier: str | None = None
    country: str | None = None
    number_type: str | None = None
    restaurant_id: str | None = None
    protected: bool | None = None
    idle_before: datetime | None = None
    min_price: Decimal | None = None
    currency: str | None = None


async def page(
    session: AsyncSession,
    wanted: NumberFilter,
    sort: NumberSort = NumberSort.NUMBER,
    after: tuple[Any, str] | None = None,
    limit: int = 50,
) -> Sequence[Number]:
    """`after` is the (value that the list is in the order of, number) of the last row before."""
    query = select(Number).where(*conditions(wanted)).limit(limit)
    if sort is NumberSort.IDLE_SINCE:
        query = query.where(Number.idle_since.is_not(None)).order_by(Number.idle_since, Number.number)
        if after:
            query = query.where(tuple_(Number.idle_since, Number.number) > _place(Number.idle_since, after))
    elif sort is NumberSort.PRICE:
        query = query.where(Number.monthly_price.is_not(None))
        query = query.order_by(Number.monthly_price.desc(), Number.number.desc())
        if after:
            query = query.where(tuple_(Number.monthly_price, Number.number) < _place(Number.monthly_price, after))
    else:
        query = query.order_by(Number.number)
        if after:
            query = query.where(Number.number > after[1])
    return (await session.execute(query)).scalars().all()


def _place(column: InstrumentedAttribute[Any], after: tuple[Any, str]) -> ColumnElement[Any]:
    """As one value of two parts: where most numbers have the same price, an index leads to the place among them."""
    return tuple_(literal(after[0], column.type), literal(after[1]))


def after(cursor: str | None, sort: NumberSort) -> tuple[Any, str] | None:
    """Where the page of a cursor begins; InvalidInput for one of another order."""
    if sort is NumberSort.NUMBER:
        number = after_id(cursor)
        return ("", number) if number else None
    found = after_value(cursor, sort)
    if found is None:
        return None
    is_time = sort is NumberSort.IDLE_SINCE
    return (EPOCH + int(Decimal(found[0])) * MICROSECOND if is_time else Decimal(found[0])), found[1]


def place_of(row: Number, sort: NumberSort) -> str:
    """What a cursor says of the last row of a page."""
    if sort is NumberSort.IDLE_SINCE and row.idle_since is not None:
        return f"{sort} {(row.idle_since - EPOCH) // MICROSECOND} {row.number}"
    return f"{sort} {row.monthly_price} {row.number}" if sort is NumberSort.PRICE else row.number


async def prices(session: AsyncSession, wanted: Sequence[str]) -> dict[str, tuple[Decimal | None, str | None]]:
    """(monthly price, currency) of each number."""
    found = {}
    for start in range(0, len(wanted), PIECE):
        part = Number.number.in_(wanted[start : start + PIECE])
        rows = await session.execute(select(Number.number, Number.monthly_price, Number.currency).where(part))
        found.update({number: (price, currency) for number, price, currency in rows})
    return found


def conditions(wanted: NumberFilter) -> list[ColumnElement[bool]]:
    equal: tuple[tuple[InstrumentedAttribute[Any], Any], ...] = (
        (Number.carrier, wanted.carrier),
        (Number.country, wanted.country),
        (Number.number_type, wanted.number_type),
        (Number.currency, wanted.currency),
    )
    found = [column == value for column, value in equal if value is not None]
    if wanted.states:
        found.append(Number.state.in_(wanted.states))
    if wanted.protected is not None:  # a literal, so that the index of the protected ones is seen to be enough
        found.append(Number.protected == (true() if wanted.protected else false()))
    if wanted.restaurant_id is not None:
        whose = and_(Mapping.restaurant_id == wanted.restaurant_id, Mapping.ended_at.is_(None))
        found.append(Number.number.in_(select(Mapping.number).where(whose)))
    if wanted.idle_before is not None:
        found.append(Number.idle_since < wanted.idle_before)
    if wanted.min_price is not None:
        found.append(Number.monthly_price >= wanted.min_price)
    return found
