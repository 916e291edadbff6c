"""Reconcile: what carriers, Vapi and our books say of each number that differs, and what a plan would change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Response

from trunkline.console.confirming import once_of
from trunkline.console.page import Page, PageDep
from trunkline.console.permission import needs
from trunkline.console.routing import PageRoute
from trunkline.db import applies, plans
from trunkline.db.models import PlannedDrift, ReconcilePlan
from trunkline.domain.cursors import after_id, after_place, cut
from trunkline.domain.drifts import CHANGES, KINDS, ChangeKind, DriftKind, Policy
from trunkline.domain.scopes import Scope
from trunkline.errors import TrunklineError
from trunkline.workflows.plan_reconcile import make_plan_once

router = APIRouter(prefix="/console/reconcile", route_class=PageRoute, include_in_schema=False)
LIMIT = 50


@router.get("", dependencies=needs(Scope.NUMBERS_READ))
async def list_all(page: PageDep) -> Response:
    async with page.services.database.read() as session:
        found = await plans.page(session, before=after_id(page.query("cursor")), limit=LIMIT + 1)
        shown, cursor = cut(found, LIMIT, lambda row: row.id)
        sums = await plans.monthly(session, [row.id for row in shown])
        under_way = await applies.running(session)
    minutes = page.services.settings.reconcile_minutes
    return page.show("reconcile/list.html", rows=shown, sums=sums, cursor=cursor, under_way=under_way, minutes=minutes)


@router.get("/new", dependencies=needs(Scope.NUMBERS_READ))
async def ask(page: PageDep) -> Response:
    return page.show_form("reconcile/new.html")


@router.post("/new", dependencies=needs(Scope.NUMBERS_READ))
async def make(page: PageDep) -> Response:
    form = await page.form()
    policy = Policy(buy="buy" in form, release="release" in form, force="force" in form)
    try:
        once = once_of(form, "console.makePlan", **vars(policy))
        return page.go(f"/reconcile/{await make_plan_once(page.services, policy, once)}")
    except TrunklineError as error:
        return page.show_form("reconcile/new.html", error)


@router.get("/{plan_id}", dependencies=needs(Scope.NUMBERS_READ))
async def read(page: PageDep, plan_id: str) -> Response:
    kind = page.choice("kind", DriftKind)
    async with page.services.database.read() as session:
        plan = await plans.get(session, plan_id)
        after = after_place(page.query("cursor"))
        kinds = [kind] if kind else []
        found = await plans.rows_of(session, plan_id, after=after, limit=LIMIT + 1, kinds=kinds)
        drifts, cursor = cut(found, LIMIT, lambda row: str(row.seq))
        sums = (await plans.monthly(session, [plan_id]))[plan_id]
        applied = await applies.of_plan(session, plan_id)
    return page.show(
        "reconcile/plan.html",
        plan=plan,
        drifts=drifts,
        cursor=cursor,
        kind=kind,
        sums=sums,
        applied=applied,
        policy=_policy_of(plan),
        what=KINDS,
        mends=CHANGES,
    )


def _policy_of(plan: ReconcilePlan) -> list[str]:
    """What it might do beside repairs, in words."""
    words = {"buy": "buys what was lost", "release": "gives back what is not in our books", "force": "forced"}
    return [said for name, said in words.items() if plan.policy.get(name)]


def counted(drifts: Sequence[PlannedDrift]) -> list[tuple[ChangeKind, int]]:
    """How many changes of each kind, in the order in which they are thought of."""
    counts: Counter[Any] = Counter(drift.change for drift in drifts if drift.change)
    return [(kind, counts[kind]) for kind in ChangeKind if counts[kind]]


async def planned(page: Page, plan_id: str) -> tuple[ReconcilePlan, Sequence[PlannedDrift], dict[str, Any]]:
    """The plan, all its drifts, and what its changes add to a month by currency."""
    async with page.services.database.read() as session:
        plan, drifts = await plans.get(session, plan_id), await plans.rows_of(session, plan_id)
        return plan, drifts, dict((await plans.monthly(session, [plan_id]))[plan_id])
