"""Whether the process lives, whether it can work, and what it measures."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from trunkline import __version__
from trunkline.api import examples
from trunkline.api.dependencies import ServicesDep, operator
from trunkline.api.problems import documented
from trunkline.api.schemas import Health, Ready
from trunkline.db.files import FileGone
from trunkline.db.readiness import refuse_unready
from trunkline.errors import NotReady

router = APIRouter(tags=["health"])
DATABASE_SECONDS = 2.0
PUT_BACK = "stop the server, put the file back, start again: what was written meanwhile is not in it"


@router.get(
    "/healthz",
    operation_id="health",
    summary="Whether the process lives",
    description="Asks nobody. A process that does not answer should be restarted.",
    responses={200: examples.answered("It lives.", alive=("Alive", {"status": "ok", "version": __version__}))},
)
async def health() -> Health:
    return Health(status="ok", version=__version__)


@router.get(
    "/readyz",
    operation_id="readiness",
    summary="Whether the server can work",
    description="The database answers, takes writes, and has this version's schema. Carriers and Vapi are not asked.",
    responses={
        200: examples.answered("It can work.", ready=("Ready", {"status": "ready"})),
        **documented(examples.NOT_READY),
    },
)
async def readiness(services: ServicesDep) -> Ready:
    try:
        services.database.refuse_gone()
        await services.database.look(refuse_unready, DATABASE_SECONDS)
    except TimeoutError:
        raise NotReady("the database does not answer in time", hint="try again in a moment") from None
    except FileGone:
        raise NotReady("the database's file is gone or was replaced", hint=PUT_BACK) from None
    return Ready(status="ready")


@router.get(
    "/metrics",
    operation_id="metrics",
    summary="Measurements for Prometheus",
    description="Requests to providers, assignments by outcome, and what is owed.",
    response_class=PlainTextResponse,
    dependencies=[Depends(operator)],
    responses={
        200: {
            "description": "In Prometheus' text format.",
            "content": {"text/plain": {"example": 'trunkline_debts{kind="release_owed"} 0.0\n'}},
        },
        **documented(*examples.REFUSED),
    },
)
async def metrics() -> PlainTextResponse:
    return PlainTextResponse(generate_latest(), media_type=CONTENT_TYPE_LATEST)
