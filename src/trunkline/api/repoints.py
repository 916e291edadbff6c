"""Numbers in service that something else answers than the settings say: how many there are, and pointing them right."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Depends, Path, Response
from pydantic import Field

from trunkline.api import examples
from trunkline.api import schemas as base
from trunkline.api.dependencies import ServicesDep, operator
from trunkline.api.problems import documented
from trunkline.db import models
from trunkline.db.runs import REPOINTS
from trunkline.errors import ActionRequired, Conflict, InvalidInput, NotFound, RetryLater
from trunkline.settings import Routing
from trunkline.workflows.repoint_numbers import find_drift, start_repoint

router = APIRouter(tags=["numbers"], dependencies=[Depends(operator)])
REPOINT_ID = "rpt_0dm43c8fhw2q7r5n"


class RepointBody(base.Body):
    """Whether to do it."""

    dry_run: bool = Field(default=False, description="only say what would be done")


class Drift(base.Answer):
    """The numbers in service, by what answers them at Vapi now."""

    routing: Routing = Field(description="VAPI_ROUTING: what is to answer them")
    in_service: int
    right: int
    wrong: int = Field(description="would be pointed right")
    missing: int = Field(description="are not in Vapi, and would be imported again")
    left_alone: int = Field(description="serve somebody else")
    left_alone_numbers: list[str]


class Repoint(base.Answer):
    """One durable run: running, done, or failed where it had to stop; the next run goes on from there."""

    id: str
    status: Literal["running", "done", "failed"]
    total: int = Field(description="numbers that something else answered")
    moved: int
    left_alone: int = Field(description="serve somebody else")
    failed: int = Field(description="were refused, one by one")
    message: str | None
    created_at: datetime
    ended_at: datetime | None


BODIES: dict[str, Any] = {
    "go": {"summary": "Point them right", "value": {}},
    "look": {"summary": "Only look", "value": {"dry_run": True}},
}
DRIFT = {
    "routing": "server",
    "in_service": 240,
    "right": 12,
    "wrong": 227,
    "missing": 0,
    "left_alone": 1,
    "left_alone_numbers": [examples.NUMBER],
}
BEGUN: dict[str, Any] = {
    "id": REPOINT_ID,
    "status": "running",
    "total": 0,
    "moved": 0,
    "left_alone": 0,
    "failed": 0,
    "message": None,
    "created_at": examples.BEGAN,
    "ended_at": None,
}
DONE = BEGUN | {
    "status": "done",
    "total": 228,
    "moved": 227,
    "left_alone": 1,
    "message": f"1 serve somebody else in Vapi: {examples.NUMBER}",
    "ended_at": examples.ENDED,
}
BAD_BODY = InvalidInput("dry_run must be true or false", field="dry_run")
RUNNING = Conflict("numbers are being re-pointed already", hint="wait for the end of that run")
VAPI_PROBLEMS = (
    ActionRequired("Vapi refused our key", hint="set VAPI_API_KEY to the organisation's private key"),
    RetryLater("vapi cannot be reached (numbers)"),
)


@router.post(
    "/api/numbers/repoint",
    operation_id="repointNumbers",
    summary="Point numbers at what is to answer them",
    description="After a change of the assistant, VAPI_ROUTING, PUBLIC_BACKEND_URL or VAPI_SECRET_KEY: every number in "
    "service that something else of ours answers; one that was deleted in Vapi is imported again. Numbers that serve "
    "somebody else are left alone. Durable: "
    "after a crash it goes on by itself.",
    status_code=202,
    responses={
        200: examples.answered("What it would do.", model=Drift, drift=("Most are to be moved", DRIFT)),
        202: examples.answered(
            "It has begun.",
            model=Repoint,
            begun=("It has begun", BEGUN),
            headers={"Location": examples.header("the run", f"/api/repoints/{REPOINT_ID}")},
        ),
        **documented(*examples.REFUSED, *examples.MALFORMED, BAD_BODY, RUNNING, *VAPI_PROBLEMS),
    },
)
async def start(
    services: ServicesDep,
    response: Response,
    body: Annotated[RepointBody | None, Body(openapi_examples=BODIES)] = None,
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
    repoint_id = await start_repoint(services)
    response.headers["Location"] = f"/api/repoints/{repoint_id}"
    async with services.database.read() as session:
        return shown(await REPOINTS.get(session, repoint_id))


@router.get(
    "/api/repoints/{repoint_id}",
    operation_id="getRepoint",
    summary="Read a run that re-points numbers",
    description="Ask again while its status is `running`.",
    responses={
        200: examples.answered("The run.", done=("It is done", DONE)),
        **documented(*examples.REFUSED, NotFound(f"there is no run {REPOINT_ID}")),
    },
)
async def read(
    services: ServicesDep, repoint_id: Annotated[str, Path(description="the run's id", examples=[REPOINT_ID])]
) -> Repoint:
    async with services.database.read() as session:
        return shown(await REPOINTS.get(session, repoint_id))


def shown(row: models.Repoint) -> Repoint:
    return Repoint.model_validate({name: getattr(row, name) for name in Repoint.model_fields})
