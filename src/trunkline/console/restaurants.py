"""Restaurants, and one of them: its number, how it came by it, its calls."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.console.chart import draw
from trunkline.console.live import newest_event
from trunkline.console.page import Page, PageDep
from trunkline.console.permission import needs
from trunkline.console.routing import PageRoute
from trunkline.db import assignments, callers, calls, mappings, restaurants, runs
from trunkline.db.calls import CallFilter
from trunkline.db.models import Restaurant
from trunkline.domain.cursors import after_name, cut
from trunkline.domain.outcomes import Status
from trunkline.domain.scopes import Scope

router = APIRouter(prefix="/console/restaurants", route_class=PageRoute, include_in_schema=False)
LIMIT, FEW = 50, 10
HAS_NUMBER = {"yes": True, "no": False}


@router.get("", dependencies=needs(Scope.RESTAURANTS_READ))
async def list_all(page: PageDep) -> Response:
    name, last = after_name(page.query("cursor"))
    newest = await newest_event(page)
    async with page.services.database.read() as session:
        found = await restaurants.page(
            session,
            after=last,
            after_name=name,
            by_name=True,
            limit=LIMIT + 1,
            search=page.query("search"),
            has_number=HAS_NUMBER.get(page.query("has_number") or ""),
            deleted=page.query("deleted") == "yes",
        )
        shown, cursor = cut(found, LIMIT, restaurants.place_by_name)
        ids = [row.id for row in shown]
        held, latest = await mappings.currents(session, ids), await assignments.latest(session, ids)
        total, with_number = await restaurants.counts(session)
    return page.show(
        "restaurants/list.html",
        newest=newest,
        given={name: page.query(name) for name in ("search", "has_number", "deleted")},
        rows=shown,
        held=held,
        latest=latest,
        cursor=cursor,
        total=total,
        with_number=with_number,
    )


@router.get("/{restaurant_id}", dependencies=needs(Scope.RESTAURANTS_READ, own=True))
async def read(page: PageDep, restaurant_id: str) -> Response:
    page.visitor.may_read(restaurant_id)
    async with page.services.database.read() as session:
        restaurant = await restaurants.kept(session, restaurant_id)
        sees_calls = Scope.CALLS_READ in page.visitor.scopes
        wanted = CallFilter(restaurant_id=restaurant_id)
        found = await calls.page(session, wanted, limit=FEW) if sees_calls else []
        return page.show(
            "restaurants/one.html",
            restaurant=restaurant,
            calls=found,
            sees_calls=sees_calls,
            names={restaurant.id: restaurant.name},
            callers=await callers.of_restaurant(session, restaurant_id),
            **await story(session, restaurant),
        )


@router.get("/{restaurant_id}/story", dependencies=needs(Scope.RESTAURANTS_READ, own=True))
async def read_story(page: PageDep, restaurant_id: str) -> Response:
    """The part of the page that changes while an assignment runs."""
    page.visitor.may_read(restaurant_id)
    async with page.services.database.read() as session:
        restaurant = await restaurants.kept(session, restaurant_id)
        return page.show("restaurants/story.html", restaurant=restaurant, **await story(session, restaurant))


async def story(session: AsyncSession, restaurant: Restaurant) -> dict[str, Any]:
    """Its number, who shares it, and its assignments, the latest with its steps on the chart."""
    mapping = await mappings.current(session, restaurant.id)
    sharers = (await mappings.sharers(session, [mapping.number])).get(mapping.number, []) if mapping else []
    found = await assignments.page(session, restaurant_id=restaurant.id, limit=FEW)
    latest = found[0] if found else None
    steps = (await runs.steps(session, [latest.id]))[latest.id] if latest else []
    return {
        "mapping": mapping,
        "sharers": [sharer for sharer in sharers if sharer[0] != restaurant.id],
        "assignment": latest,
        "former": found[1:],
        "steps": steps,
        "chart": draw(steps, latest.status if latest else None),
        "running": latest is not None and latest.status == Status.RUNNING,
    }


async def named(page: Page, said: str) -> str:
    """The id of the restaurant that is meant by an id, an external id or a name."""
    async with page.services.database.read() as session:
        return await restaurants.id_of(session, said)
