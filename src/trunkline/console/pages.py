"""All pages of the console."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI
from fastapi.responses import RedirectResponse

from trunkline.console import (
    applies,
    batches,
    budgets,
    bulk,
    buying,
    calls,
    costs,
    debts,
    endpoint_forms,
    endpoints,
    events,
    finding,
    keys,
    live,
    log_in,
    number_forms,
    numbers,
    reconcile,
    restaurant_forms,
    restaurants,
    settings,
    static,
    sums,
    today,
)
from trunkline.console.entrance import Entrance
from trunkline.console.page import HOME, PageDep
from trunkline.console.routing import PageRoute
from trunkline.errors import NotFound

beside = APIRouter(route_class=PageRoute, include_in_schema=False)
front_door = APIRouter(include_in_schema=False)


@front_door.get("/")
async def to_console() -> RedirectResponse:
    return RedirectResponse(HOME, status_code=307)


@beside.api_route(HOME + "/{rest:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
async def nothing_there(page: PageDep, rest: str) -> None:
    raise NotFound("there is no such page", hint="use the navigation, or the search box")


ROUTERS = (
    front_door,
    static.router,
    log_in.open_router,
    log_in.router,
    live.router,
    today.router,
    finding.router,
    restaurant_forms.router,
    restaurants.router,
    bulk.router,
    number_forms.router,
    numbers.router,
    buying.router,
    batches.router,
    calls.router,
    applies.router,
    reconcile.router,
    costs.router,
    budgets.router,
    debts.router,
    events.router,
    endpoint_forms.router,
    endpoints.router,
    keys.router,
    settings.router,
    beside,
)


def install(app: FastAPI) -> None:
    """Add them to the application, and the door to them."""
    app.state.entrance = Entrance()
    app.state.live = live.Live()
    app.state.sums = sums.Sums()
    for router in ROUTERS:
        app.router.routes.extend(router.routes)
