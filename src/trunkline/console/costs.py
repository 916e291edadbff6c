"""What the numbers cost, by carrier and state, and for whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Response

from trunkline.console.page import PageDep
from trunkline.console.permission import needs
from trunkline.console.routing import PageRoute
from trunkline.console.sums import sums_of
from trunkline.db import costs
from trunkline.db.costs import Month
from trunkline.db.figures import ZERO
from trunkline.domain.cursors import after_id, cut
from trunkline.domain.scopes import Scope

router = APIRouter(prefix="/console/costs", route_class=PageRoute, include_in_schema=False)
LIMIT = 50
TALLEST, GROUND = 60, 64


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
        plots=[plot(currency, months) for currency, months in (await sums_of(page).months(page)).items()],
        lines=[(line, round(float(line.monthly / largest) * 100)) for line in lines],
        unpriced=sum(line.unpriced for line in lines),
        rows=shown,
        cursor=cursor,
    )


def plot(currency: str, months: Sequence[Month]) -> dict[str, Any]:
    """Of one currency: a bar for each month, and in it a part for each carrier, from the ground up."""
    sums = [sum(month.monthly.values(), ZERO) for month in months]
    most = max(sums) or 1
    bars = []
    for month, total in zip(months, sums, strict=True):
        parts, y = [], float(GROUND)
        for carrier, amount in month.monthly.items():
            height = round(float(amount / most) * TALLEST, 1)
            y -= height
            parts.append((carrier, amount, round(y, 1), height))
        bars.append((month.began, total, parts))
    carriers = sorted({carrier for month in months for carrier in month.monthly})
    return {"currency": currency, "bars": bars, "carriers": carriers, "first": sums[0], "last": sums[-1]}
