"""Whether the process lives, whether it can work, and what it measures."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from trunkline import __version__
from trunkline.api.dependencies import ServicesDep
from trunkline.api.described import health as described
from trunkline.api.permission import needs
from trunkline.api.shapes.health import Health, Ready
from trunkline.db.files import FileGone
from trunkline.db.readiness import refuse_unready
from trunkline.domain.scopes import Scope
from trunkline.errors import NotReady

router = APIRouter(tags=["health"])
DATABASE_SECONDS = 2.0
PUT_BACK = "stop the server, put the file back, start again: what was written meanwhile is not in it"


@router.get("/healthz", **described.HEALTH)
async def health() -> Health:
    return Health(status="ok", version=__version__)


@router.get("/readyz", **described.READINESS)
async def readiness(services: ServicesDep) -> Ready:
    try:
        services.database.refuse_gone()
        await services.database.look(refuse_unready, DATABASE_SECONDS)
    except TimeoutError:
        raise NotReady("the database does not answer in time", hint="try again in a moment") from None
    except FileGone:
        raise NotReady("the database's file is gone or was replaced", hint=PUT_BACK) from None
    return Ready(status="ready")


@router.get("/metrics", response_class=PlainTextResponse, dependencies=needs(Scope.METRICS_READ), **described.METRICS)
async def metrics() -> PlainTextResponse:
    return PlainTextResponse(generate_latest(), media_type=CONTENT_TYPE_LATEST)
