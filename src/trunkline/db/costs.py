"""What the numbers cost: sums by carrier, currency and state, never over two currencies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import and_, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from trunkline.db.figures import ZERO, Figure
from trunkline.db.models import Mapping, Number, Restaurant
from trunkline.domain.money import Money
from trunkline.domain.numbers import BILLED, NumberState


@dataclass(frozen=True)
class Bought:
    """What was bought since a moment, in one currency, whether it is still held or not."""

    currency: str | None
    numbers: int
    monthly: Decimal
    upfront: Decimal


@dataclass(frozen=True)
class Total:
    """What all numbers that are priced in one currency cost together, and what of it was bought since a moment."""

    currency: str
    numbers: int
    monthly: Decimal
    idle_monthly: Decimal
    new_numbers: int
    new_monthly: Decimal
    upfront: Decimal


@dataclass(frozen=True)
class RestaurantCost:
    """What one restaurant's number costs. A shared one is shown with each restaurant, and `shared_by` how many these
    are."""

    id: str
    name: str
    number: str
    carrier: str | None
    monthly: Decimal | None
    currency: str | None
    shared_by: int


@dataclass(frozen=True)
class Unpriced:
    carrier: str
    country: str
    number_type: str


async def bought_since(session: AsyncSession, moment: datetime) -> Sequence[Bought]:
    currency = Number.currency.concat("")  # so that the index of what was bought is taken, not that of currencies
    query = (
        select(currency, func.count(), func.sum(Number.monthly_price), func.sum(Number.upfront_price))
        .where(Number.bought_at >= moment)
        .group_by(currency)
        .order_by(currency)
    )
    rows = (await session.execute(query)).all()
    return [Bought(currency, n, monthly or ZERO, upfront or ZERO) for currency, n, monthly, upfront in rows]


def totals(lines: Sequence[Figure], bought: Sequence[Bought]) -> list[Total]:
    """For each currency: no two are ever added."""
    currencies = {line.currency for line in lines} | {new.currency for new in bought}
    return [_total(currency, lines, bought) for currency in sorted(filter(None, currencies))]


def _total(currency: str, lines: Sequence[Figure], bought: Sequence[Bought]) -> Total:
    mine = [line for line in lines if line.currency == currency]
    new = [one for one in bought if one.currency == currency]
    return Total(
        currency=currency,
        numbers=sum(line.numbers for line in mine),
        monthly=sum((line.monthly for line in mine), ZERO),
        idle_monthly=sum((line.monthly for line in mine if line.state != NumberState.IN_SERVICE), ZERO),
        new_numbers=sum(one.numbers for one in new),
        new_monthly=sum((one.monthly for one in new), ZERO),
        upfront=sum((one.upfront for one in new), ZERO),
    )


async def by_restaurant(session: AsyncSession, *, after: str | None = None, limit: int = 50) -> list[RestaurantCost]:
    """Of every restaurant that has a number, oldest first."""
    other = aliased(Mapping)
    sharers = select(func.count()).where(other.number == Number.number, other.ended_at.is_(None))
    query = (
        select(
            Restaurant.id,
            Restaurant.name,
            Number.number,
            Number.carrier,
            Number.monthly_price,
            Number.currency,
            sharers.correlate(Number).scalar_subquery(),
        )
        .join(Mapping, and_(Mapping.restaurant_id == Restaurant.id, Mapping.ended_at.is_(None)))
        .join(Number, Number.number == Mapping.number)
        .order_by(Restaurant.id)
        .limit(limit)
    )
    if after:
        query = query.where(Restaurant.id > after)
    return [RestaurantCost(*row) for row in await session.execute(query)]


async def unpriced(session: AsyncSession) -> Sequence[Unpriced]:
    """The kinds of numbers that we pay for and whose price nobody has told."""
    kind = (Number.carrier, Number.country, Number.number_type)
    query = select(*kind).where(Number.state.in_(BILLED), Number.monthly_price.is_(None))
    rows = (await session.execute(query.distinct().order_by(*kind))).all()
    return [Unpriced(carrier, country, of) for carrier, country, of in rows if carrier and country and of]


async def keep_price(session: AsyncSession, kind: Unpriced, price: Money) -> None:
    """The price of every number of this kind that had none."""
    await session.execute(
        update(Number)
        .where(
            Number.carrier == kind.carrier,
            Number.country == kind.country,
            Number.number_type == kind.number_type,
            Number.state.in_(BILLED),
            Number.monthly_price.is_(None),
        )
        .values(monthly_price=price.amount, currency=price.currency)
    )
