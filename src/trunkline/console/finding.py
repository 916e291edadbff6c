"""The search box: a phone number in any form, a name, an id."""

from __future__ import annotations

from fastapi import APIRouter, Response
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.console.page import Page, PageDep
from trunkline.console.permission import needs
from trunkline.console.routing import PageRoute
from trunkline.db import numbers, restaurants
from trunkline.db.models import Restaurant
from trunkline.db.runs import ASSIGNMENTS, BATCHES, MOVES, RELEASES
from trunkline.domain.numbers import E164
from trunkline.domain.scopes import Scope
from trunkline.errors import InvalidInput, NotFound
from trunkline.texts import one_line

router = APIRouter(prefix="/console/find", route_class=PageRoute, include_in_schema=False)
MOST = 20
DIGITS = 5  # of which a text has to have as many before it is taken for a phone number


@router.get("", dependencies=needs(Scope.RESTAURANTS_READ))
async def find(page: PageDep) -> Response:
    said = one_line(page.query("q") or "")
    async with page.services.database.read() as session:
        if (place := await _by_id(session, said)) is not None:
            return page.go(place)
        number = _as_number(page, said)
        if number is not None and number in await numbers.known(session, [number]):
            return page.go(f"/numbers/{number}")
        named = await _by_name(session, said)
    if len(named) == 1 and number is None:
        return page.go(f"/restaurants/{named[0].id}")
    return page.show("found.html", said=said, number=number, named=named)


async def _by_id(session: AsyncSession, said: str) -> str | None:
    """The page of what has this id, or of what it is a part of."""
    try:
        if said.startswith("rst_"):
            return f"/restaurants/{(await restaurants.kept(session, said)).id}"
        if said.startswith("asg_"):
            return f"/restaurants/{(await ASSIGNMENTS.get(session, said)).restaurant_id}"
        if said.startswith("bat_"):
            return f"/batches/{(await BATCHES.get(session, said)).id}"
        if said.startswith("mov_"):
            return f"/numbers/{(await MOVES.get(session, said)).number}"
        if said.startswith("rel_"):
            return f"/numbers/{(await RELEASES.get(session, said)).number}"
    except NotFound:
        return None
    return None


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
