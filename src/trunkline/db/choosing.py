"""What our tables say of the numbers on a list, for who chooses among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import Table, bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db.models import Number
from trunkline.db.numbers import NOT_OURS, claimable
from trunkline.domain.numbers import NumberState

NUMBERS = cast(Table, Number.__table__)
C = NUMBERS.c
TOLD = select(C.number, C.state, C.target, C.country, C.updated_at).where(
    C.number.in_(bindparam("wanted", expanding=True))
)
MOST_LATELY = 200


class Told(NamedTuple):
    """A number's state, what we set to answer it, its carrier's country, and when any of its row changed last."""

    state: str
    target: Mapping[str, Any] | None
    country: str | None
    updated_at: datetime

    @property
    def in_use(self) -> bool:
        return self.state in (NumberState.IN_SERVICE, NumberState.RELEASING)

    def left_us_since(self, then: datetime) -> bool:
        """Whether it is none of ours by a change after that moment: a mark that was seen before says nothing then."""
        return self.state in NOT_OURS and self.updated_at >= then


class Freed(NamedTuple):
    """A number that serves nobody any more, its id at the voice platform, what we set to answer it there, its carrier
    and that one's country."""

    number: str
    voice_id: str | None
    target: Mapping[str, Any] | None
    carrier: str | None
    country: str | None


async def told_of(session: AsyncSession, wanted: Sequence[str]) -> dict[str, Told]:
    """Those of these few numbers that we have a row of."""
    rows = await session.execute(TOLD, {"wanted": wanted})
    return {number: Told(*rest) for number, *rest in rows}


async def freed_since(session: AsyncSession, then: datetime, restaurant_id: str | None) -> Sequence[Freed]:
    """The numbers that serve nobody since after that moment, and that this restaurant may have; the first ones."""
    query = (
        select(Number.number, Number.voice_id, Number.target, Number.carrier, Number.country)
        .where(Number.idle_since >= then, claimable(restaurant_id))
        .order_by(Number.idle_since)
        .limit(MOST_LATELY)
    )
    return [Freed(*row) for row in await session.execute(query)]


async def in_service_at(session: AsyncSession, carrier: str) -> str | None:
    """The newest number of this carrier that serves a restaurant."""
    query = select(Number.number).where(Number.carrier == carrier, Number.state == NumberState.IN_SERVICE)
    return (await session.execute(query.order_by(Number.updated_at.desc()).limit(1))).scalar_one_or_none()


async def busy_at(session: AsyncSession, carrier: str) -> bool:
    """Whether some assignment is about to put a number of this carrier in service."""
    query = select(Number.number).where(
        Number.carrier == carrier,
        Number.claimed_by.is_not(None),
        Number.state.in_([NumberState.IDLE, NumberState.PURCHASING]),
    )
    return (await session.execute(query.limit(1))).first() is not None
