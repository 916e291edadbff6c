"""Calls: who was called, who answered, and why."""

from __future__ import annotations

from fastapi import APIRouter, Response

from trunkline.console.page import PageDep
from trunkline.console.permission import needs
from trunkline.console.routing import PageRoute
from trunkline.db import calls, restaurants
from trunkline.db.calls import CallFilter
from trunkline.domain.cursors import after_moment, cut, moment
from trunkline.domain.scopes import Scope
from trunkline.workflows.explain_call import explain_call

router = APIRouter(prefix="/console/calls", route_class=PageRoute, include_in_schema=False)
LIMIT = 50
UNROUTED = {"yes": True, "no": False}


@router.get("", dependencies=needs(Scope.CALLS_READ))
async def list_all(page: PageDep) -> Response:
    called, caller = page.query("called"), page.query("caller")
    wanted = CallFilter(
        restaurant_id=page.query("restaurant_id"),
        called=page.number(called) if called else None,
        caller=page.number(caller) if caller else None,
        unrouted=UNROUTED.get(page.query("unrouted") or ""),
    )
    async with page.services.database.read() as session:
        found = await calls.page(session, wanted, before=after_moment(page.query("cursor")), limit=LIMIT + 1)
        shown, cursor = cut(found, LIMIT, lambda row: moment(row.first_seen_at, row.id))
        names = await restaurants.names(session, [row.restaurant_id for row in shown if row.restaurant_id])
    given = dict(page.request.query_params)
    return page.show("calls/list.html", calls=shown, names=names, cursor=cursor, given=given)


@router.get("/{call_id}", dependencies=needs(Scope.CALLS_READ))
async def explain(page: PageDep, call_id: str) -> Response:
    async with page.services.database.read() as session:
        return page.show("calls/one.html", told=await explain_call(session, call_id))
