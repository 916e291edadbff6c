"""Vapi's calls that are over: what GET /call shows."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from trunkline.sandbox.vapi_wire import Record, Window, org_of, pick, shelf
from trunkline.sandbox.world import World


def calls_of(world: World, org: str) -> dict[str, Record]:
    return shelf(world, org, "calls")


async def list_all(request: Request, world: World) -> Response:
    """Newest first; `id`, `assistantId` and `phoneNumberId` narrow."""
    wanted = {key: request.query_params.get(key) for key in ("id", "assistantId", "phoneNumberId")}
    calls = {
        record.id: record
        for record in calls_of(world, org_of(request)).values()
        if all(value is None or record.wire.get(key) == value for key, value in wanted.items())
    }
    return JSONResponse([record.wire for record in Window.of(request).newest(calls)])


async def get(request: Request, world: World) -> Response:
    return JSONResponse(pick(request, calls_of(world, org_of(request)), "Call").wire)
