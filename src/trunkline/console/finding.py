"""The search box: a phone number in any form, a name, an id."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from contextlib import suppress

from fastapi import APIRouter, Response
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.console.page import Page, PageDep
from trunkline.console.permission import needs
from trunkline.console.routing import PageRoute
from trunkline.db import endpoints, events, numbers, plans, restaurants
from trunkline.db.models import Number, Restaurant
from trunkline.db.runs import APPLIES, ASSIGNMENTS, BATCHES, MOVES, RELEASES, STOCK_PURCHASES
from trunkline.domain.numbers import E164
from trunkline.domain.scopes import Scope
from trunkline.errors import InvalidInput, NotFound
from trunkline.texts import one_line

router = APIRouter(prefix="/console/find", route_class=PageRoute, include_in_schema=False)
MOST = 20
ID = re.compile(r"[a-z]{2,3}_[0-9a-z]{16}")
DIGITS = 5  # of which a text has to have as many before it is taken for a phone number


@router.get("", dependencies=needs(Scope.RESTAURANTS_READ))
async def find(page: PageDep) -> Response:
    said = one_line(page.query("q") or "")
    async with page.services.database.read() as session:
        if (place := await _by_id(page, session, said)) is not None:
            return page.go(place)
        number = _as_number(page, said)
        if number is not None and number in await numbers.known(session, [number]):
            return page.go(f"/numbers/{number}")
        named = await _by_name(session, said)
    if len(named) == 1 and number is None:
        return page.go(f"/restaurants/{named[0].id}")
    return page.show("found.html", said=said, number=number, named=named)


async def _by_id(page: Page, session: AsyncSession, said: str) -> str | None:
    """The page of what has this id, or of what it is a part of; else of the events about it, for who may read them."""
    if (known := PAGES.get(said.partition("_")[0])) is not None:
        look, place = known
        with suppress(NotFound):
            return place.format(await look(session, said))
    if (
        ID.fullmatch(said)
        and page.may(Scope.EVENTS_READ)
        and await events.is_told(session, events.Wanted(subject=said))
    ):
        return f"/events?subject={said}"
    return None


async def _bought(session: AsyncSession, purchase_id: str) -> Number:
    """NotFound also where nothing came of the purchase."""
    return await numbers.get(session, (await STOCK_PURCHASES.get(session, purchase_id)).number)


PAGES: dict[str, tuple[Callable[[AsyncSession, str], Awaitable[object]], str]] = {
    "rst": (restaurants.kept, "/restaurants/{0.id}"),
    "asg": (ASSIGNMENTS.get, "/restaurants/{0.restaurant_id}"),
    "bat": (BATCHES.get, "/batches/{0.id}"),
    "mov": (MOVES.get, "/numbers/{0.number}"),
    "rel": (RELEASES.get, "/numbers/{0.number}"),
    "buy": (_bought, "/numbers/{0.number}"),
    "pln": (plans.get, "/reconcile/{0.id}"),
    "apl": (APPLIES.get, "/reconcile/applies/{0.id}"),
    "ep": (endpoints.get, "/endpoints/{0.id}"),
}


def _as_number(page: Page, said: str) -> E164 | None:
    if sum(character.isdigit() for character in said) < DIGITS:
        return None
    try:
        return page.number(said)
    except InvalidInput:
        return None


async def _by_name(session: AsyncSession, said: str) -> list[Restaurant]:
    """The one with this external id first, then those with this in their name."""
    if not said:
        return []
    own = await restaurants.by_external_id(session, said)
    like = await restaurants.page(session, search=said, limit=MOST)
    return [*([own] if own else []), *(row for row in like if own is None or row.id != own.id)]
