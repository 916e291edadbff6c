"""What the numbers cost, by carrier and state, and for whom."""

from __future__ import annotations

from fastapi import APIRouter, Response

from trunkline.console.page import PageDep
from trunkline.console.permission import needs
from trunkline.console.routing import PageRoute
from trunkline.console.sums import sums_of
from trunkline.db import costs
from trunkline.domain.cursors import after_id, cut
from trunkline.domain.scopes import Scope

router = APIRouter(prefix="/console/costs", route_class=PageRoute, include_in_schema=False)
LIMIT = 50


@router.get("", dependencies=needs(Scope.NUMBERS_READ))
async def read(page: PageDep) -> Response:
    lines, bought = await sums_of(page).month(page)
    async with page.services.database.read() as session:
        found = await costs.by_restaurant(session, after=after_id(page.query("cursor")), limit=LIMIT + 1)
    shown, cursor = cut(found, LIMIT, lambda cost: cost.id)
    largest = max((line.monthly for line in lines), default=0) or 1
    return page.show(
        "costs.html",
        totals=costs.totals(lines, bought),
        lines=[(line, round(float(line.monthly / largest) * 100)) for line in lines],
        unpriced=sum(line.unpriced for line in lines),
        rows=shown,
        cursor=cursor,
    )
