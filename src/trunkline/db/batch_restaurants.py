"""The restaurants that a batch would serve."""

from __future__ import annotations

from collections.abc import Mapping as Columns
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from sqlalchemy import Select, Table, exists, func, insert, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db.models import Assignment, BatchItem, Mapping, Restaurant, UtcDateTime, utcnow
from trunkline.domain.outcomes import Source
from trunkline.domain.states import ItemStatus
from trunkline.texts import folded

ITEMS = cast(Table, BatchItem.__table__)


class Wanting(NamedTuple):
    """A restaurant that a batch would serve, and what it once asked of its number."""

    id: str
    wish: Columns[str, Any] | None


@dataclass(frozen=True)
class Unserved:
    """Those without a number and without a running assignment whose name contains `search`; `include_shared` adds those
    that share a number, but for the one whose number it first was (else the active one), who keeps it."""

    search: str | None
    include_shared: bool

    async def part(self, session: AsyncSession, after: str, most: int) -> Sequence[Wanting]:
        """A piece of them, oldest first, from after this id on."""
        rows = await session.execute(self._oldest(Restaurant.id, Restaurant.wish, after=after, most=most))
        return [Wanting(*row) for row in rows]

    async def last(self, session: AsyncSession, after: str, most: int) -> tuple[str | None, int]:
        """(the last of such a piece, how many it has)."""
        piece = self._oldest(Restaurant.id, after=after, most=most).subquery()
        last, count = (await session.execute(select(func.max(piece.c.id), func.count()))).one()
        return last, int(count)

    async def add(
        self, session: AsyncSession, batch_id: str, *, after: str, until: str | None, first: int, most: int
    ) -> int:
        """Write an item for each of such a piece that goes up to another id, from this place of the batch on; how
        many."""
        query = self._oldest(Restaurant.id, after=after, most=most)
        piece = (query if until is None else query.where(Restaurant.id <= until)).subquery()
        place = func.row_number().over(order_by=piece.c.id) + (first - 1)
        now = literal(utcnow(), UtcDateTime)
        rows = select(literal(batch_id), piece.c.id, place, literal(ItemStatus.QUEUED.value), now)
        write = insert(ITEMS).from_select(["batch_id", "restaurant_id", "seq", "status", "updated_at"], rows)
        added = await session.execute(write.execution_options(preserve_rowcount=True))
        return int(added.rowcount)  # type: ignore[attr-defined]

    def _oldest(self, *columns: Any, after: str, most: int) -> Select[Any]:
        busy = exists().where(Assignment.restaurant_id == Restaurant.id, Assignment.status == "running")
        own = exists().where(Mapping.restaurant_id == Restaurant.id, Mapping.ended_at.is_(None))
        wanted = or_(~own, Restaurant.id.in_(_sharers_to_move())) if self.include_shared else ~own
        query = select(*columns).where(Restaurant.deleted_at.is_(None), wanted, ~busy, Restaurant.id > after)
        if self.search:
            query = query.where(Restaurant.folded_name.contains(folded(self.search), autoescape=True))
        return query.order_by(Restaurant.id).limit(most)


def _sharers_to_move() -> Select[Any]:
    """Of every shared number, all restaurants but the one that keeps it."""
    shared = select(Mapping.number).where(Mapping.ended_at.is_(None)).group_by(Mapping.number).having(func.count() > 1)
    place = func.row_number().over(
        partition_by=Mapping.number, order_by=((Mapping.source == Source.SHARED), Mapping.active.desc(), Mapping.id)
    )
    sharers = (
        select(Mapping.restaurant_id, place.label("place"))
        .where(Mapping.ended_at.is_(None), Mapping.number.in_(shared))
        .subquery()
    )
    return select(sharers.c.restaurant_id).where(sharers.c.place > 1)
