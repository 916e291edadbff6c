"""Plans that are carried out: start, watch, cancel, resume."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Path, Query, Response
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.api.dependencies import KeyDep, ServicesDep
from trunkline.api.described import applies as described
from trunkline.api.once import answer_once
from trunkline.api.paging import after_place, cut
from trunkline.api.permission import needs
from trunkline.api.shapes.applies import Apply, ApplyBody, ApplyItemPage, ApplyItemQuery, show_apply, show_item
from trunkline.db import applies
from trunkline.db.runs import APPLIES
from trunkline.domain.scopes import Scope
from trunkline.workflows.apply_plan import cancel_apply, resume_apply
from trunkline.workflows.once import Once
from trunkline.workflows.request_apply import request_apply

router = APIRouter(prefix="/api/reconcile", tags=["reconcile"])
PlanPath = Annotated[str, Path(description="the plan's id", examples=[described.PLAN_ID])]


async def known_apply(
    services: ServicesDep, apply_id: Annotated[str, Path(description="the run's id", examples=[described.APPLY_ID])]
) -> str:
    """Its id; NotFound where there is none."""
    async with services.database.read() as session:
        return (await APPLIES.get(session, apply_id)).id


ApplyId = Annotated[str, Depends(known_apply)]


@router.post(
    "/plans/{plan_id}/apply", status_code=202, dependencies=needs(Scope.RECONCILE_APPLY), **described.APPLY_PLAN
)
async def start(
    services: ServicesDep,
    key: KeyDep,
    response: Response,
    plan_id: PlanPath,
    body: Annotated[ApplyBody, Body(openapi_examples=described.BODIES)],
) -> Apply:
    once = Once.asked(key, "applyPlan", plan_id=plan_id, **body.model_dump())
    apply_id = await request_apply(services, plan_id, body.wanted(), once)
    response.headers["Location"] = f"/api/reconcile/applies/{apply_id}"
    return await answer_once(services, once, response, Apply, lambda session: _show(session, apply_id))


@router.get("/applies/{apply_id}", dependencies=needs(Scope.NUMBERS_READ), **described.GET_APPLY)
async def read(services: ServicesDep, apply_id: ApplyId) -> Apply:
    async with services.database.read() as session:
        return await _show(session, apply_id)


@router.get("/applies/{apply_id}/items", dependencies=needs(Scope.NUMBERS_READ), **described.LIST_APPLY_ITEMS)
async def list_items(
    services: ServicesDep, apply_id: ApplyId, query: Annotated[ApplyItemQuery, Query()]
) -> ApplyItemPage:
    async with services.database.read() as session:
        found = await applies.page(
            session, apply_id, after=after_place(query.cursor), limit=query.limit + 1, status=query.status
        )
    shown, cursor = cut(found, query.limit, lambda row: str(row.seq))
    return ApplyItemPage(items=[show_item(row) for row in shown], next_cursor=cursor)


@router.post("/applies/{apply_id}/cancel", dependencies=needs(Scope.RECONCILE_APPLY), **described.CANCEL_APPLY)
async def cancel(services: ServicesDep, apply_id: ApplyId) -> Apply:
    await cancel_apply(services, apply_id)
    async with services.database.read() as session:
        return await _show(session, apply_id)


@router.post(
    "/applies/{apply_id}/resume", status_code=202, dependencies=needs(Scope.RECONCILE_APPLY), **described.RESUME_APPLY
)
async def resume(services: ServicesDep, apply_id: ApplyId, key: KeyDep, response: Response) -> Apply:
    once = Once.asked(key, "resumeApply", apply_id=apply_id)
    await resume_apply(services, apply_id, once)
    return await answer_once(services, once, response, Apply, lambda session: _show(session, apply_id))


async def _show(session: AsyncSession, apply_id: str) -> Apply:
    counts = await applies.counts(session, [apply_id])
    return show_apply(await APPLIES.get(session, apply_id), counts[apply_id])
