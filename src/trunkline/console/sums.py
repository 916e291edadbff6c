"""What all numbers and batches come to: each sum is counted once for everybody who looks, until something happens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Sequence
from datetime import timedelta
from typing import Any, NamedTuple, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.console.live import newest_event
from trunkline.console.page import Page
from trunkline.db import costs, figures
from trunkline.db.costs import Bought
from trunkline.db.figures import Figure
from trunkline.db.models import Batch, utcnow
from trunkline.db.number_lists import NumberFilter
from trunkline.domain.budgets import Budget, month_of
from trunkline.memo import Memo
from trunkline.workflows.batch_progress import Progress, progress_of
from trunkline.workflows.budgets import read_all

T = TypeVar("T")
MONTHS = 12
MOST_SECONDS = 30.0  # until what no event tells is seen: a price that is known at last, a pause that is over


class Month(NamedTuple):
    """What is paid for now, and what of it was bought this month."""

    lines: Sequence[Figure]
    bought: Sequence[Bought]


class Sums:
    """Of one process."""

    def __init__(self) -> None:
        self._kept: Memo[Any] = Memo(lambda _: MOST_SECONDS)

    async def month(self, page: Page) -> Month:
        async def count(session: AsyncSession) -> Month:
            return Month(await figures.billed(session), await costs.bought_since(session, month_of(utcnow())))

        return await self._of(page, "month", count)

    async def months(self, page: Page) -> dict[str, list[costs.Month]]:
        """The last twelve, this one last."""
        lines, _ = await self.month(page)
        begins = [month_of(utcnow())]
        while len(begins) < MONTHS:
            begins.insert(0, month_of(begins[0] - timedelta(days=1)))
        return await self._of(page, "months", lambda session: costs.by_month(session, lines, begins))

    async def budgets(self, page: Page) -> list[Budget]:
        return await self._of(page, "budgets", lambda _: read_all(page.services.database))

    async def batches(self, page: Page, shown: Sequence[Batch]) -> list[Progress]:
        """How far each of them is."""
        key = tuple((row.id, row.status) for row in shown)
        return await self._of(page, key, lambda session: progress_of(session, shown))

    async def numbers(self, page: Page, wanted: NumberFilter) -> list[Figure]:
        """Those that the page's address asks for, in whatever order and state."""
        return await self._of(page, page.here(state=None, sort=None), lambda session: figures.counted(session, wanted))

    async def _of(self, page: Page, key: Hashable, count: Callable[[AsyncSession], Awaitable[T]]) -> T:
        async def ask() -> T:
            async with page.services.database.read() as session:
                return await count(session)

        kept: T = await self._kept.get((await newest_event(page), key), ask)
        return kept


def sums_of(page: Page) -> Sums:
    found: Sums = page.request.app.state.sums
    return found
