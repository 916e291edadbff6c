"""Reads the events in the order in which they were committed, from any process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from trunkline.db import events, restaurants
from trunkline.db.events import Wanted
from trunkline.db.models import Event
from trunkline.domain.numbers import parse_number
from trunkline.errors import NotFound
from trunkline.workflows.services import Services

PIECE = 200


async def give_places(services: Services) -> None:
    """To what was committed up to now, so that it can be read. With one writer it has them already."""
    if services.database.embedded:
        return
    async with services.database.read() as session:
        more = await events.unplaced(session)
    while more:
        async with services.database.write() as session:
            more = await events.place(session)


async def page_of_events(
    services: Services, wanted: Wanted, position: int | None, limit: int, *, oldest_first: bool
) -> Sequence[Event]:
    await give_places(services)
    async with services.database.read() as session:
        if oldest_first:
            return await events.after(session, position or 0, wanted, limit)
        return await events.before(session, position, wanted, limit)


class Follower:
    """Reads on from where it is. `last_id` is the event that was read last: None where nothing was, and an event that
    is not kept any more where all that are kept come after it."""

    def __init__(self, services: Services, wanted: Wanted, position: int) -> None:
        self._services, self._wanted, self.position = services, wanted, position

    @classmethod
    async def behind(cls, services: Services, wanted: Wanted, last_id: str | None) -> Follower:
        await give_places(services)
        async with services.database.read() as session:
            if last_id is not None:
                return cls(services, wanted, await events.position_of(session, last_id) or 0)
            return cls(services, wanted, 0 if wanted.since else await events.newest(session))

    async def read(self) -> Sequence[Event]:
        """What was committed since the last time; some of it, where it is much."""
        await give_places(self._services)
        async with self._services.database.read() as session:
            newest = await events.newest(session)
            found = await events.after(session, self.position, self._wanted, PIECE)
        last = found[-1].position if found else None
        self.position = max(self.position, last or 0) if len(found) == PIECE else max(newest, last or 0)
        return found


async def subject_named(services: Services, named: str, *, all_restaurants: bool) -> str:
    """The number or id that events are found by; a restaurant also by its external_id or exact name."""
    if named.startswith("+"):
        return parse_number(named, services.settings.default_country)
    async with services.database.read() as session:
        if await events.is_told(session, Wanted(subject=named)) or not all_restaurants:
            return named
        try:
            return await restaurants.id_of(session, named)
        except NotFound:
            return named


class Story(NamedTuple):
    """Events, oldest first, and the names of the restaurants in them, by their ids."""

    events: Sequence[Event]
    names: Mapping[str, str]


async def story_of(services: Services, subject: str, seen: Wanted, position: int, limit: int) -> Story:
    """All that is told of it behind a position. NotFound where nothing is."""
    wanted = replace(seen, subject=subject)
    found = await page_of_events(services, wanted, position, limit, oldest_first=True)
    if not found and not position:
        raise NotFound(
            f"nothing is told of {subject}", hint="give a number, or the id of a restaurant, an assignment ..."
        )
    ids = {event.restaurant_id for event in found if event.restaurant_id is not None}
    async with services.database.read() as session:
        return Story(found, await restaurants.names(session, sorted(ids)))
