"""Numbers in service that something else answers than the settings say: how many there are, and pointing them right."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Path, Response
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.api.dependencies import BECAUSE, KeyDep, ServicesDep
from trunkline.api.described import repoints as described
from trunkline.api.once import answer_once
from trunkline.api.permission import needs
from trunkline.api.shapes.repoints import Drift, Repoint, RepointBody, show_repoint
from trunkline.db.runs import REPOINTS
from trunkline.domain.scopes import Scope
from trunkline.workflows.once import Once
from trunkline.workflows.repoint_numbers import find_drift, start_repoint

router = APIRouter(tags=["numbers"])


@router.post(
    "/api/numbers/repoint",
    status_code=202,
    dependencies=[*needs(Scope.RECONCILE_APPLY), BECAUSE],
    **described.REPOINT_NUMBERS,
)
async def start(
    services: ServicesDep,
    key: KeyDep,
    response: Response,
    body: Annotated[RepointBody | None, Body(openapi_examples=described.BODIES)] = None,
) -> Repoint | Drift:
    if body is not None and body.dry_run:
        response.status_code = 200
        drift = await find_drift(services)
        return Drift(
            routing=services.settings.vapi_routing,
            in_service=drift.in_service,
            right=drift.in_service - len(drift.wrong) - len(drift.missing) - len(drift.foreign),
            wrong=len(drift.wrong),
            missing=len(drift.missing),
            left_alone=len(drift.foreign),
            left_alone_numbers=drift.foreign,
        )
    once = Once.asked(key, "repointNumbers")
    repoint_id = await start_repoint(services, once)
    response.headers["Location"] = f"/api/repoints/{repoint_id}"

    async def show(session: AsyncSession) -> Repoint:
        return show_repoint(await REPOINTS.get(session, repoint_id))

    return await answer_once(services, once, response, Repoint, show)


@router.get("/api/repoints/{repoint_id}", dependencies=needs(Scope.NUMBERS_READ), **described.GET_REPOINT)
async def read(
    services: ServicesDep, repoint_id: Annotated[str, Path(description="the run's id", examples=[described.REPOINT_ID])]
) -> Repoint:
    async with services.database.read() as session:
        return show_repoint(await REPOINTS.get(session, repoint_id))
