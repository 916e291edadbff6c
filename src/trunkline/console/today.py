"""Today: what needs a person, what it costs a month, and how the last day went."""

from __future__ import annotations

from fastapi import APIRouter, Response

from trunkline.console.budgets import nearly_taken
from trunkline.console.page import Page, PageDep
from trunkline.console.permission import needs
from trunkline.console.routing import PageRoute
from trunkline.console.sums import sums_of
from trunkline.db import activity, batches, costs, debts, endpoints, plans
from trunkline.db.activity import Hours
from trunkline.domain.budgets import WORDS
from trunkline.domain.scopes import Scope
from trunkline.domain.states import RunStatus
from trunkline.workflows.diagnose import diagnose
from trunkline.workflows.findings import Level

router = APIRouter(prefix="/console", route_class=PageRoute, include_in_schema=False)
FEW = 5
TALLEST = 40


@router.get("")
async def read(page: PageDep) -> Response:
    if page.visitor.restaurant_id is not None:  # its key sees its own page
        return page.go(f"/restaurants/{page.visitor.restaurant_id}")
    if not page.may(Scope.NUMBERS_READ):
        return page.go(_first_page(page))
    month, found = await sums_of(page).month(page), await sums_of(page).budgets(page)
    async with page.services.database.read() as session:
        kinds, overdue = await debts.counts(session)
        plan = await plans.newest(session)
        return page.show(
            "today.html",
            owed=sum(kinds.values()),
            overdue=overdue,
            waiting=await activity.waiting_for_a_person(session, FEW),
            aside=await activity.put_aside(session, FEW),
            drift=plan if plan is not None and (plan.differs or plan.failed) else None,
            given_up=await endpoints.given_up(session, FEW),
            budgets=nearly_taken(found, page.services.settings.budget_rates)[:FEW],
            words=WORDS,
            paused=await batches.page(session, status=RunStatus.PAUSED, limit=FEW),
            totals=costs.totals(*month),
            assignments=bars(await activity.assignments(session)),
            calls=bars(await activity.calls(session)),
        )


def _first_page(page: Page) -> str:
    """That a key may see which does not see this one."""
    shown = [path for path, _ in page.navigation if path]
    if not shown:
        page.visitor.needs(Scope.NUMBERS_READ)
    return shown[0]


@router.get("/doctor", dependencies=needs(Scope.METRICS_READ))
async def examine(page: PageDep) -> Response:
    """What the doctor finds, which asks carriers and Vapi and so may take a while."""
    findings = [finding async for finding in diagnose(page.services, by_server=True)]
    wrong = [finding for finding in findings if finding.level is not Level.OK]
    fine = [finding for finding in findings if finding.level is Level.OK]
    template = "doctor.html" if page.is_piece else "doctor_page.html"
    return page.show(template, wrong=wrong, fine=fine)


def bars(hours: Hours) -> dict[str, object]:
    """Heights of a small chart, an hour a bar."""
    most = max(hours.all, default=0) or 1
    heights = [
        (round(n * TALLEST / most), round(bad * TALLEST / most)) for n, bad in zip(hours.all, hours.bad, strict=True)
    ]
    return {"heights": heights, "all": sum(hours.all), "bad": sum(hours.bad)}
