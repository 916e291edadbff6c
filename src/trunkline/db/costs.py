"""What the numbers cost: sums by carrier, currency and state, never over two currencies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import chain
from typing import Any

from sqlalchemy import and_, case, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased

from trunkline.db.figures import NO_CARRIER, ZERO, Figure, Source, monthly
from trunkline.db.models import Mapping, Number, Restaurant
from trunkline.domain.money import Money
from trunkline.domain.numbers import BILLED, NumberState, likeliest_country

MOST_AT_ONCE = 1000


@dataclass(frozen=True)
class Bought:
    """What was bought since a moment, in one currency, whether it is still held or not."""

    currency: str | None
    numbers: int
    monthly: Decimal
    upfront: Decimal


@dataclass(frozen=True)
class Month:
    """What was paid for at the end of a month (or is now), by carrier, in one currency, at the prices that are known
    today."""

    began: datetime
    monthly: dict[str, Decimal]


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


async def by_month(
    session: AsyncSession, lines: Sequence[Figure], begins: Sequence[datetime]
) -> dict[str, list[Month]]:
    """For each currency the months that began then, as far as rows tell: from what is paid for now (`lines`) back, less
    what was bought and with what was given up since. A number that was taken over is as if it always had been there."""
    held = monthly(lines)
    ours = Number.state.in_([*BILLED, NumberState.RELEASED])
    came = await _sums_by_month(session, Number.bought_at, begins, ours)
    went = await _sums_by_month(session, Number.released_at, begins, Number.state == NumberState.RELEASED)
    currencies = {currency for _, currency in {*held, *chain(*came.values(), *went.values())}}
    found: dict[str, list[Month]] = {currency: [] for currency in sorted(currencies)}
    for place in range(len(begins) - 1, -1, -1):
        for currency, months in found.items():
            paid = {of[0]: amount for of, amount in sorted(held.items()) if of[1] == currency and amount > 0}
            months.insert(0, Month(begins[place], paid))
        bought, given_up = came.get(place, {}), went.get(place, {})
        for of in {*bought, *given_up}:
            held[of] = held.get(of, ZERO) - bought.get(of, ZERO) + given_up.get(of, ZERO)
    return found


async def _sums_by_month(
    session: AsyncSession, at: InstrumentedAttribute[datetime | None], begins: Sequence[datetime], which: Any
) -> dict[int, dict[Source, Decimal]]:
    """What came or went in each of the months, by its place."""
    month = case(*((at < end, place) for place, end in enumerate(begins[1:])), else_=len(begins) - 1).label("month")
    of = (month, Number.currency, Number.carrier)
    query = select(*of, func.sum(Number.monthly_price)).where(at >= begins[0], which).group_by(*of)
    found: dict[int, dict[Source, Decimal]] = {}
    for place, currency, carrier, amount in await session.execute(query):
        if currency and amount:
            found.setdefault(place, {})[carrier or NO_CARRIER, currency] = amount
    return found


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


async def place_unpriced(session: AsyncSession) -> None:
    """The country of those of which no record of a carrier has told it, by their digits."""
    query = select(Number).where(Number.state.in_(BILLED), Number.monthly_price.is_(None), Number.country.is_(None))
    for row in (await session.execute(query.limit(MOST_AT_ONCE))).scalars():
        row.country = likeliest_country(row.number)


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
