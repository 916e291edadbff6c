"""Calls: who was called, who answered, and why."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from trunkline.console.live import micros
from trunkline.console.page import Page, PageDep
from trunkline.console.permission import needs
from trunkline.console.routing import PageRoute
from trunkline.db import calls, restaurants
from trunkline.db.calls import CallFilter
from trunkline.domain.cursors import after_moment, cut, moment
from trunkline.domain.numbers import parse_number
from trunkline.domain.scopes import Scope
from trunkline.errors import TrunklineError
from trunkline.routing.directory import Former
from trunkline.routing.router import Router, nobody_answers
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
    newest = micros(shown[0].first_seen_at) if shown and not any(given.values()) else None
    return page.show("calls/list.html", newest=newest, calls=shown, names=names, cursor=cursor, given=given)


@router.get("/try", dependencies=needs(Scope.CALLS_READ))
async def try_one(page: PageDep) -> Response:
    """Who would answer now: nobody is called, and nothing is kept."""
    given = {name: value for name, value in page.request.query_params.items() if value}
    told: dict[str, Any] = {}
    problem: TrunklineError | None = None
    if "called" in given:
        try:
            told = await _tried(page, given)
        except TrunklineError as error:
            problem = error
    return page.show("calls/try.html", status=problem.status if problem else 200, problem=problem, given=given, **told)


async def _tried(page: Page, given: dict[str, str]) -> dict[str, Any]:
    country = page.services.settings.default_country
    called = parse_number(given["called"], country, field="called")
    caller = parse_number(given["caller"], country, field="caller") if "caller" in given else None
    told: Router = page.request.app.state.router
    found = await told.try_call(called, caller)
    values = found.values if isinstance(found, Former) else found
    heard = nobody_answers(page.services.settings)
    return {"called": called, "values": values, "former": isinstance(found, Former), "heard": heard}


@router.get("/{call_id}", dependencies=needs(Scope.CALLS_READ))
async def explain(page: PageDep, call_id: str) -> Response:
    async with page.services.database.read() as session:
        return page.show("calls/one.html", told=await explain_call(session, call_id))
