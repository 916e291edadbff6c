"""Many restaurants at once: what would become of each row, or all of them written and given numbers."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Response

from trunkline.api.dependencies import KeyDep, ServicesDep
from trunkline.api.described import bulk as described
from trunkline.api.permission import Identified, needs
from trunkline.api.shapes.bulk import BulkBody, BulkPlan, BulkResult, show_import, show_judged
from trunkline.domain.scopes import OF_A_RESTAURANT, Scope
from trunkline.workflows.import_restaurants import import_restaurants, judge_rows, plan_numbers
from trunkline.workflows.once import Once

router = APIRouter(prefix="/api/restaurants/bulk", tags=["restaurants"], dependencies=needs(Scope.RESTAURANTS_WRITE))


@router.post("", status_code=201, **described.IMPORT_RESTAURANTS)
async def run(
    services: ServicesDep,
    identity: Identified,
    key: KeyDep,
    body: Annotated[BulkBody, Body(openapi_examples=described.EXAMPLES)],
    response: Response,
) -> BulkResult | BulkPlan:
    rows = [row.model_dump(exclude_none=True) for row in body.rows]
    if body.dry_run:
        response.status_code = 200
        judged = await judge_rows(services, rows)
        return show_judged(judged, await plan_numbers(services, judged, body.bounds()) if body.assign_phone else None)
    if body.assign_phone:
        identity.needs(Scope.NUMBERS_BUY)
    once = Once.asked(key, "importRestaurants", **body.model_dump())
    done = await import_restaurants(services, rows, assign=body.assign_phone, bounds=body.bounds(), once=once)
    if once is not None and once.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    if done.batch_id:
        response.headers["Location"] = f"/api/batches/{done.batch_id}"
    return show_import(done, keys=identity.may_give(OF_A_RESTAURANT))
