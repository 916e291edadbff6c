"""How many numbers there are and what they cost a month: counted here for every list, sum and measure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, literal, not_, or_, select, true, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db.models import Number, utcnow
from trunkline.db.number_lists import NumberFilter, conditions
from trunkline.domain.numbers import BILLED, NumberState

PUT_ASIDE = "put_aside"
ZERO = Decimal(0)
NO_CARRIER = "none"
Source = tuple[str, str]  # carrier and currency


@dataclass(frozen=True)
class Figure:
    """Numbers of one carrier in one state (or put aside), priced in one currency; `monthly` is their sum, `unpriced`
    how many have no known price (`currency` is None for them)."""

    carrier: str | None
    currency: str | None
    state: str
    numbers: int
    monthly: Decimal
    unpriced: int


async def counted(session: AsyncSession, wanted: NumberFilter) -> list[Figure]:
    """All the numbers that are so, by carrier, currency and state."""
    found = conditions(wanted)
    if wanted.restaurant_id is None:  # as a value, so that no index of it is taken: it would lead to each row
        found = [condition.is_(true()) for condition in found]
    return _figures(await session.execute(_grouped(Number.state, found)))


async def billed(session: AsyncSession) -> list[Figure]:
    """All numbers that are paid for, those that are put aside apart, as they were at one moment."""
    now = utcnow()
    aside = and_(Number.state == NumberState.IDLE, Number.put_aside_until > now)
    held = or_(Number.state != NumberState.IDLE, Number.put_aside_until.is_(None), not_(Number.put_aside_until > now))
    parts = (
        _grouped(Number.state, [Number.state.in_(BILLED), held]),
        _grouped(literal(PUT_ASIDE), [aside]),
    )
    return _figures(await session.execute(union_all(*parts)))


async def serving(session: AsyncSession, carrier: str) -> int:
    """How many numbers of this carrier serve a restaurant."""
    found = await counted(session, NumberFilter(states=[NumberState.IN_SERVICE], carrier=carrier))
    return sum(figure.numbers for figure in found)


def by_state(found: Iterable[Figure]) -> dict[NumberState, int]:
    """How many are in each, in the order of a number's life; a state that none is in is left out."""
    counts: Counter[str] = Counter()
    for figure in found:
        counts[figure.state] += figure.numbers
    return {state: counts[state] for state in NumberState if counts[state]}


def monthly(found: Iterable[Figure]) -> dict[Source, Decimal]:
    """What they cost, as far as a price is known, by carrier (or `none`) and currency."""
    sums: dict[Source, Decimal] = {}
    for figure in found:
        if figure.currency:
            source = (figure.carrier or NO_CARRIER, figure.currency)
            sums[source] = sums.get(source, ZERO) + figure.monthly
    return sums


def _grouped(state: Any, wanted: list[ColumnElement[bool]]) -> Select[Any]:
    """Counts alone, by what one index has in this order: a sum would look at each row. Of prices there are few."""
    of = (Number.state, Number.carrier, Number.currency, Number.monthly_price)
    shown = (Number.carrier, Number.currency, Number.monthly_price, func.count())
    return select(state, *shown).where(*wanted).group_by(*of)


def _figures(rows: Iterable[Any]) -> list[Figure]:
    found: dict[tuple[str, str, str], Figure] = {}
    for state, carrier, currency, price, count in rows:
        priced = currency if price is not None else None
        place = (carrier or "", priced or "", state)
        before = found.get(place, Figure(carrier, priced, state, 0, ZERO, 0))
        found[place] = Figure(
            carrier,
            priced,
            state,
            before.numbers + count,
            before.monthly + (price or ZERO) * count,
            before.unpriced + (count if price is None else 0),
        )
    return [figure for _, figure in sorted(found.items())]
