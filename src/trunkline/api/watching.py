"""Watching batches: however many watch one, the database is asked once for all of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from trunkline.api.shapes.batches import Batch, show_batches, show_items
from trunkline.db import batches
from trunkline.db.runs import BATCHES
from trunkline.domain.states import RunStatus
from trunkline.memo import Memo
from trunkline.workflows.services import Services

LOOK_SECONDS = 0.5
LATE = timedelta(seconds=5)  # an item's time is noted before it is committed, and seen after


class EndedItem(NamedTuple):
    """One item that has ended, as it is sent."""

    restaurant_id: str
    at: datetime
    json: str


class Look(NamedTuple):
    """A batch at one moment. `over`: nothing will come any more."""

    batch: Batch
    json: str
    over: bool
    ended: list[EndedItem]


class Watching:
    """Who is as far as others gets the same look as they, at most half as old as the time between two looks."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._looks = Memo[Look](lambda _: LOOK_SECONDS / 2)
        self._items: dict[tuple[str, str, datetime], EndedItem] = {}

    async def look(self, batch_id: str, since: datetime | None) -> Look:
        """The batch, and what ended since then, perhaps with some from before; all that ended where `since` is None."""
        return await self._looks.get((batch_id, since), lambda: self._look(batch_id, since))

    async def _look(self, batch_id: str, since: datetime | None) -> Look:
        async with self._services.database.read() as session:
            # The batch first, so that no item can end unseen between the last look at the items and its end.
            batch = (await show_batches(session, [await BATCHES.get(session, batch_id)]))[0]
            keys: list[tuple[str, str, datetime]] = []
            async for part in batches.ended_since(session, batch_id, since and since - LATE):
                keys += [(batch_id, restaurant_id, at) for restaurant_id, at in part]
            fresh = [restaurant_id for _, restaurant_id, at in keys if (batch_id, restaurant_id, at) not in self._items]
            for start in range(0, len(fresh), batches.CHUNK):
                shown = await batches.items_of(session, batch_id, fresh[start : start + batches.CHUNK])
                for item in await show_items(session, shown):
                    ended = EndedItem(item.restaurant_id, item.updated_at, item.model_dump_json())
                    self._items[batch_id, ended.restaurant_id, ended.at] = ended
        ended_items = [self._items[key] for key in keys if key in self._items]
        self._forget()
        over = batch.status != RunStatus.RUNNING.value and not batch.counts.running
        return Look(batch, batch.model_dump_json(), over, ended_items)

    def _forget(self) -> None:
        """What is older than anybody asks for again who is as far as the others."""
        if self._items:
            oldest = max(at for _, _, at in self._items) - 2 * LATE
            self._items = {key: item for key, item in self._items.items() if key[2] >= oldest}
