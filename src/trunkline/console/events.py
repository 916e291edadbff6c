"""What happened, by whom and why, newest first."""

from __future__ import annotations

from fastapi import APIRouter, Response

from trunkline.console.page import PageDep
from trunkline.console.permission import needs
from trunkline.console.routing import PageRoute
from trunkline.db import restaurants
from trunkline.db.events import Wanted
from trunkline.domain.acting import WORDS
from trunkline.domain.cursors import after_place, cut
from trunkline.domain.events import EventType
from trunkline.domain.scopes import Scope
from trunkline.workflows.read_events import page_of_events, subject_named

router = APIRouter(prefix="/console/events", route_class=PageRoute, include_in_schema=False)
LIMIT = 50


@router.get("", dependencies=needs(Scope.EVENTS_READ))
async def list_all(page: PageDep) -> Response:
    kind, subject, place = page.choice("type", EventType), page.query("subject"), page.query("cursor")
    named = await subject_named(page.services, subject, all_restaurants=True) if subject else None
    wanted = Wanted(types=[kind.value] if kind else [], subject=named)
    found = await page_of_events(
        page.services, wanted, after_place(place) if place else None, LIMIT + 1, oldest_first=False
    )
    shown, cursor = cut(found, LIMIT, lambda row: str(row.position))
    ids = [row.restaurant_id for row in shown if row.restaurant_id]
    async with page.services.database.read() as session:
        names = await restaurants.names(session, ids)
    given = dict(page.request.query_params)
    return page.show(
        "events.html",
        subject=named,
        rows=shown,
        cursor=cursor,
        names=names,
        given=given,
        types=list(EventType),
        words=WORDS,
    )
