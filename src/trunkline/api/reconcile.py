"""Plans that compare carriers, Vapi and our tables: make, list, read."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Path, Query, Response
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.api.dependencies import KeyDep, ServicesDep
from trunkline.api.described import reconcile as described
from trunkline.api.once import answer_once
from trunkline.api.paging import after_id, after_place, cut
from trunkline.api.permission import needs
from trunkline.api.shapes.reconcile import (
    DriftPage,
    DriftQuery,
    NewPlan,
    PlanPage,
    PlanQuery,
    ReconcilePlan,
    show_drift,
    show_plan,
)
from trunkline.db import models as rows
from trunkline.db import plans
from trunkline.domain.drifts import Policy
from trunkline.domain.scopes import Scope
from trunkline.workflows.once import Once
from trunkline.workflows.plan_reconcile import make_plan_once

router = APIRouter(prefix="/api/reconcile/plans", tags=["reconcile"], dependencies=needs(Scope.NUMBERS_READ))
PlanId = Annotated[str, Path(description="the plan's id", examples=[described.PLAN_ID])]


async def shown(session: AsyncSession, row: rows.ReconcilePlan) -> ReconcilePlan:
    return show_plan(row, (await plans.monthly(session, [row.id]))[row.id])


@router.post("", status_code=201, **described.MAKE_PLAN)
async def make(
    services: ServicesDep,
    key: KeyDep,
    response: Response,
    body: Annotated[NewPlan | None, Body(openapi_examples=described.BODIES)] = None,
) -> ReconcilePlan:
    asked = (body or NewPlan()).model_dump()
    once = Once.asked(key, "makePlan", **asked)
    plan_id = await make_plan_once(services, Policy(**asked), once)
    response.headers["Location"] = f"/api/reconcile/plans/{plan_id}"

    async def show(session: AsyncSession) -> ReconcilePlan:
        return await shown(session, await plans.get(session, plan_id))

    return await answer_once(services, once, response, ReconcilePlan, show)


@router.get("", **described.LIST_PLANS)
async def list_all(services: ServicesDep, query: Annotated[PlanQuery, Query()]) -> PlanPage:
    async with services.database.read() as session:
        found = await plans.page(session, before=after_id(query.cursor), limit=query.limit + 1)
        sums = await plans.monthly(session, [row.id for row in found])
    page, cursor = cut(found, query.limit, lambda row: row.id)
    return PlanPage(items=[show_plan(row, sums[row.id]) for row in page], next_cursor=cursor)


@router.get("/{plan_id}", **described.GET_PLAN)
async def read(services: ServicesDep, plan_id: PlanId) -> ReconcilePlan:
    async with services.database.read() as session:
        return await shown(session, await plans.get(session, plan_id))


@router.get("/{plan_id}/drifts", **described.LIST_DRIFTS)
async def list_drifts(services: ServicesDep, plan_id: PlanId, query: Annotated[DriftQuery, Query()]) -> DriftPage:
    async with services.database.read() as session:
        await plans.get(session, plan_id)
        found = await plans.rows_of(
            session, plan_id, after=after_place(query.cursor), limit=query.limit + 1, kinds=query.kind
        )
    page, cursor = cut(found, query.limit, lambda row: str(row.seq))
    return DriftPage(items=[show_drift(plans.drift_of(row)) for row in page], next_cursor=cursor)
