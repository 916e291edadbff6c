"""A plan is carried out: what it means on a page of its own, then watched, cancelled, gone on with."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from trunkline.console.confirming import REASON, Question, once_of
from trunkline.console.page import Page, PageDep
from trunkline.console.permission import needs
from trunkline.console.reconcile import counted, planned
from trunkline.console.routing import PageRoute
from trunkline.console.wishes import month_after
from trunkline.db import applies
from trunkline.db.models import Apply
from trunkline.db.runs import APPLIES
from trunkline.domain.cursors import after_place, cut
from trunkline.domain.drifts import CHANGES, ChangeKind
from trunkline.domain.money import Money
from trunkline.domain.scopes import Scope
from trunkline.domain.states import ChangeStatus, RunStatus
from trunkline.errors import TrunklineError
from trunkline.workflows.apply_plan import cancel_apply, resume_apply
from trunkline.workflows.request_apply import Wanted, request_apply

router = APIRouter(prefix="/console/reconcile", route_class=PageRoute, include_in_schema=False)
LIMIT = 50


@router.get("/{plan_id}/apply", dependencies=needs(Scope.RECONCILE_APPLY))
async def ask(page: PageDep, plan_id: str) -> Response:
    return await _asked(page, plan_id)


@router.post("/{plan_id}/apply", dependencies=needs(Scope.RECONCILE_APPLY))
async def start(page: PageDep, plan_id: str) -> Response:
    form = await page.form()
    wanted = Wanted(
        form.get("checksum", ""),
        buy="buy" in form,
        release="release" in form,
        confirm=form.get("confirm"),
        force="force" in form,
        reason=form.get("reason"),
    )
    try:
        once = once_of(form, "console.applyPlan", plan_id=plan_id, **vars(wanted))
        return page.go(f"/reconcile/applies/{await request_apply(page.services, plan_id, wanted, once)}")
    except TrunklineError as error:
        return await _asked(page, plan_id, error)


async def _asked(page: Page, plan_id: str, problem: TrunklineError | None = None) -> Response:
    plan, drifts, sums = await planned(page, plan_id)
    counts = counted(drifts)
    after = await month_after(page, *(Money(amount, currency) for currency, amount in sums.items()))
    return page.show_form(
        "reconcile/apply.html",
        problem,
        plan=plan,
        counts=counts,
        kinds=dict(counts),
        sums=sums,
        after=after,
        mends=CHANGES,
        buy=ChangeKind.BUY,
        release=ChangeKind.RELEASE,
        differences=getattr(problem, "differences", ()),
    )


@router.get("/applies/{apply_id}", dependencies=needs(Scope.NUMBERS_READ))
async def read(page: PageDep, apply_id: str) -> Response:
    wanted = page.choice("status", ChangeStatus)
    told = await _progress(page, apply_id)
    async with page.services.database.read() as session:
        after = after_place(page.query("cursor"))
        found = await applies.page(session, apply_id, after=after, limit=LIMIT + 1, status=wanted)
    items, cursor = cut(found, LIMIT, lambda row: str(row.seq))
    return page.show("reconcile/run.html", items=items, cursor=cursor, wanted=wanted, mends=CHANGES, **told)


@router.get("/applies/{apply_id}/progress", dependencies=needs(Scope.NUMBERS_READ))
async def read_progress(page: PageDep, apply_id: str) -> Response:
    """The part of the page that changes while it runs."""
    return page.show("reconcile/progress.html", **await _progress(page, apply_id))


async def _progress(page: Page, apply_id: str) -> dict[str, Any]:
    async with page.services.database.read() as session:
        row = await APPLIES.get(session, apply_id)
        counts = (await applies.counts(session, [apply_id]))[apply_id]
    total = sum(counts.values())
    left = counts.get(ChangeStatus.QUEUED, 0) + counts.get(ChangeStatus.RUNNING, 0)
    running = row.status == RunStatus.RUNNING
    return {"run": row, "counts": counts, "total": total, "ended": total - left, "running": running}


async def _run(page: Page, apply_id: str) -> Apply:
    async with page.services.database.read() as session:
        return await APPLIES.get(session, apply_id)


async def _cancellation(page: Page, apply_id: str) -> Question:
    await _run(page, apply_id)
    says = ("No further change is begun. What was begun outside is looked at when it goes on.",)
    back = f"/reconcile/applies/{apply_id}"
    return Question("Cancel this run", says, "Cancel it", back, ends=True, fields=(REASON,))


@router.get("/applies/{apply_id}/cancel", dependencies=needs(Scope.RECONCILE_APPLY))
async def ask_cancel(page: PageDep, apply_id: str) -> Response:
    return (await _cancellation(page, apply_id)).show(page)


@router.post("/applies/{apply_id}/cancel", dependencies=needs(Scope.RECONCILE_APPLY))
async def cancel(page: PageDep, apply_id: str) -> Response:
    async def act(_: dict[str, str]) -> str:
        await cancel_apply(page.services, apply_id)
        return f"/reconcile/applies/{apply_id}"

    return await (await _cancellation(page, apply_id)).answer(page, act)


async def _resumption(page: Page, apply_id: str) -> Question:
    row = await _run(page, apply_id)
    says = tuple(filter(None, ("It goes on with what is left, and tries again what failed.", row.hint)))
    return Question("Go on with this run", says, "Go on", f"/reconcile/applies/{apply_id}")


@router.get("/applies/{apply_id}/resume", dependencies=needs(Scope.RECONCILE_APPLY))
async def ask_resume(page: PageDep, apply_id: str) -> Response:
    return (await _resumption(page, apply_id)).show(page)


@router.post("/applies/{apply_id}/resume", dependencies=needs(Scope.RECONCILE_APPLY))
async def resume(page: PageDep, apply_id: str) -> Response:
    async def act(form: dict[str, str]) -> str:
        await resume_apply(page.services, apply_id, once_of(form, "console.resumeApply", apply_id=apply_id))
        return f"/reconcile/applies/{apply_id}"

    return await (await _resumption(page, apply_id)).answer(page, act)
