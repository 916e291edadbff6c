"""Batches: planned, started, watched, stopped, gone on with."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from fastapi import APIRouter, Response

from trunkline.console.confirming import REASON, Question, once_of
from trunkline.console.live import newest_event
from trunkline.console.page import Page, PageDep
from trunkline.console.permission import needs
from trunkline.console.routing import PageRoute
from trunkline.console.sums import sums_of
from trunkline.console.wishes import criteria_of, month_after
from trunkline.db import batches
from trunkline.db.models import Batch
from trunkline.db.runs import BATCHES
from trunkline.domain.budgets import SpendingLimits
from trunkline.domain.cursors import after_id, after_place, cut
from trunkline.domain.money import Money
from trunkline.domain.scopes import Scope
from trunkline.domain.states import ItemStatus, RunStatus
from trunkline.domain.wishes import Wish
from trunkline.errors import InvalidInput, TrunklineError
from trunkline.workflows.batch_progress import Progress, progress_of
from trunkline.workflows.plan_batch import Plan
from trunkline.workflows.run_batch import BatchRequest, cancel_batch, plan_batch, resume_batch, start_batch

router = APIRouter(prefix="/console/batches", route_class=PageRoute, include_in_schema=False)
LIMIT = 50


@router.get("", dependencies=needs(Scope.NUMBERS_READ))
async def list_all(page: PageDep) -> Response:
    newest = await newest_event(page)
    async with page.services.database.read() as session:
        found = await batches.page(session, before=after_id(page.query("cursor")), limit=LIMIT + 1)
    shown, cursor = cut(found, LIMIT, lambda row: row.id)
    rows = await sums_of(page).batches(page, shown)
    return page.show("batches/list.html", newest=newest, rows=rows, cursor=cursor)


def request_of(form: dict[str, str]) -> BatchRequest:
    """As it is planned; as it is started, with what its plan would buy for a bound."""
    limit = form.get("limit")
    if limit is not None and not (limit.isdecimal() and 0 < int(limit) <= 100_000):
        raise InvalidInput(f"{limit!r} is no number of restaurants", field="limit", hint="1 to 100000")
    return BatchRequest(
        Wish.asked(criteria_of(form)),
        search=form.get("search"),
        include_shared="include_shared" in form,
        limit=int(limit) if limit else None,
        bounds=_bounds(form) if "start" in form else SpendingLimits(),
    )


def _bounds(form: dict[str, str]) -> SpendingLimits:
    """No more is bought than was said yes to, and for no more money."""
    most, price = form.get("max_purchases"), form.get("max_monthly_price")
    try:
        monthly = Decimal(price) if price else None
        return SpendingLimits(
            max_purchases=int(most) if most else None,
            max_monthly_price=monthly,
            currency=form.get("currency") if price else None,
        )
    except (ValueError, InvalidOperation):
        raise InvalidInput("what may be spent is no number", hint="plan it again") from None


@router.get("/new", dependencies=needs(Scope.BATCHES_WRITE))
async def ask(page: PageDep) -> Response:
    return page.show_form("batches/new.html", plan=None, after=[])


@router.post("/new", dependencies=needs(Scope.BATCHES_WRITE))
async def start(page: PageDep) -> Response:
    """The plan first; it is started from there."""
    form = await page.form()
    try:
        if "start" not in form:
            plan = await plan_batch(page.services, request_of(form))
            return page.show_form("batches/new.html", plan=plan, after=await _after(page, plan))
        request = request_of(form)
        once = once_of(form, "console.startBatch", **request.plain())
        return page.go(f"/batches/{await start_batch(page.services, request, once)}")
    except TrunklineError as error:
        return page.show_form("batches/new.html", error, plan=None, after=[])


async def _after(page: Page, plan: Plan) -> list[Money]:
    known = [(p.monthly_price, p.currency) for p in plan.purchases]
    return await month_after(page, *[Money(price, currency) for price, currency in known if price and currency])


@router.get("/{batch_id}", dependencies=needs(Scope.NUMBERS_READ))
async def read(page: PageDep, batch_id: str) -> Response:
    wanted = page.choice("status", ItemStatus)
    async with page.services.database.read() as session:
        after = after_place(page.query("cursor"))
        found = await batches.items(session, batch_id, after=after, limit=LIMIT + 1, status=wanted)
        shown, cursor = cut(found, LIMIT, lambda row: str(row[0].seq))
        progress = await _progress(page, batch_id)
    return page.show("batches/one.html", items=shown, cursor=cursor, wanted=wanted, **progress)


@router.get("/{batch_id}/progress", dependencies=needs(Scope.NUMBERS_READ))
async def read_progress(page: PageDep, batch_id: str) -> Response:
    """The part of the page that changes while it runs."""
    return page.show("batches/progress.html", **await _progress(page, batch_id))


async def _progress(page: Page, batch_id: str) -> dict[str, Any]:
    async with page.services.database.read() as session:
        (progress,) = await progress_of(session, [await BATCHES.get(session, batch_id)])
    return {"progress": progress, "batch": progress.row, "ended": _ended(progress), "running": _is_moving(progress)}


def _ended(progress: Progress) -> int:
    return progress.total - progress.counts.get("queued", 0) - progress.counts.get("running", 0)


def _is_moving(progress: Progress) -> bool:
    return progress.row.status == RunStatus.RUNNING or bool(progress.counts.get("running"))


async def _batch(page: Page, batch_id: str) -> Batch:
    async with page.services.database.read() as session:
        return await BATCHES.get(session, batch_id)


async def _cancellation(page: Page, batch_id: str) -> Question:
    await _batch(page, batch_id)
    says = ("Nothing more is bought. Restaurants whose number has been bought already get it; the others wait.",)
    return Question("Cancel this batch", says, "Cancel it", f"/batches/{batch_id}", ends=True, fields=(REASON,))


@router.get("/{batch_id}/cancel", dependencies=needs(Scope.BATCHES_WRITE))
async def ask_cancel(page: PageDep, batch_id: str) -> Response:
    return (await _cancellation(page, batch_id)).show(page)


@router.post("/{batch_id}/cancel", dependencies=needs(Scope.BATCHES_WRITE))
async def cancel(page: PageDep, batch_id: str) -> Response:
    async def act(_: dict[str, str]) -> str:
        await cancel_batch(page.services, batch_id)
        return f"/batches/{batch_id}"

    return await (await _cancellation(page, batch_id)).answer(page, act)


async def _resumption(page: Page, batch_id: str) -> Question:
    batch = await _batch(page, batch_id)
    bounds = SpendingLimits.of_batch(batch.request)
    most = f"Altogether it may buy {bounds.max_purchases} numbers." if bounds.max_purchases is not None else ""
    says = tuple(filter(None, ("It goes on with the restaurants that have no number yet.", most, batch.hint)))
    return Question("Go on with this batch", says, "Go on", f"/batches/{batch_id}")


@router.get("/{batch_id}/resume", dependencies=needs(Scope.BATCHES_WRITE))
async def ask_resume(page: PageDep, batch_id: str) -> Response:
    return (await _resumption(page, batch_id)).show(page)


@router.post("/{batch_id}/resume", dependencies=needs(Scope.BATCHES_WRITE))
async def resume(page: PageDep, batch_id: str) -> Response:
    async def act(form: dict[str, str]) -> str:
        await resume_batch(page.services, batch_id, once_of(form, "console.resumeBatch", batch_id=batch_id))
        return f"/batches/{batch_id}"

    return await (await _resumption(page, batch_id)).answer(page, act)
