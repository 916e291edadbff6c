"""Taking over what the accounts hold."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Response

from trunkline.api.dependencies import KeyDep, ServicesDep
from trunkline.api.described import adopting as described
from trunkline.api.permission import Identified, needs
from trunkline.api.shapes.adopting import AdoptBody, Adoption, show_adoption, show_taken
from trunkline.domain.scopes import OF_A_RESTAURANT, Scope
from trunkline.workflows.adopt_numbers import adopt_numbers, judge_adoption
from trunkline.workflows.once import Once

router = APIRouter(prefix="/api/reconcile/adopt", tags=["reconcile"], dependencies=needs(Scope.RECONCILE_APPLY))


@router.post("", **described.ADOPT_NUMBERS)
async def adopt(
    services: ServicesDep,
    identity: Identified,
    key: KeyDep,
    body: Annotated[AdoptBody, Body(openapi_examples=described.EXAMPLES)],
    response: Response,
) -> Adoption:
    rows = [row.model_dump(exclude_none=True) for row in body.rows] if body.rows is not None else None
    carrier, former = body.carrier, body.from_installation
    if body.dry_run:
        return show_adoption((await judge_adoption(services, rows, carrier=carrier, former=former))[0])
    if any(row.name or row.external_id for row in body.rows or []):
        identity.needs(Scope.RESTAURANTS_WRITE)
    once = Once.asked(key, "adoptNumbers", **body.model_dump())
    taken = await adopt_numbers(services, rows, carrier=carrier, former=former, once=once)
    if once is not None and once.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return show_taken(taken, keys=identity.may_give(OF_A_RESTAURANT))
