"""Resources of Vapi's that the sandbox keeps as they were sent: created, listed, read, changed, deleted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from trunkline.sandbox.vapi.wire import Checks, Record, Window, body_of, common, org_of, patched, pick, shelf
from trunkline.sandbox.world import World

KEPT = ("id", "orgId", "createdAt", "updatedAt")
Check = Callable[[Checks, World], None]
Leave = Callable[[World, str, Record], None]


class Resource:
    """The five calls of one kind of record; `noun` is how a 404 names it.

    `check` looks at what matters to the sandbox; the rest is kept as it is. `leave` is what a deletion does elsewhere,
    and may refuse it.
    """

    def __init__(self, kind: str, noun: str, check: Check, leave: Leave | None = None) -> None:
        self.kind, self.noun, self.check, self.leave = kind, noun, check, leave

    def of(self, world: World, org: str) -> dict[str, Record]:
        """The org's records by id, oldest first."""
        return shelf(world, org, self.kind)

    def add(self, world: World, org: str, body: dict[str, Any]) -> Record:
        wire, now = common(world, org, body)
        record = Record(wire, now, now)
        self.of(world, org)[record.id] = record
        return record

    def _checked(self, world: World, body: dict[str, Any]) -> dict[str, Any]:
        checks = Checks(body)
        self.check(checks, world)
        checks.messages += [f"property {key} should not exist" for key in KEPT if key in body]
        checks.done()
        return body

    async def list_all(self, request: Request, world: World) -> Response:
        records = Window.of(request).newest(self.of(world, org_of(request)))
        return JSONResponse([record.wire for record in records])

    async def create(self, request: Request, world: World) -> Response:
        body = self._checked(world, await body_of(request))
        return JSONResponse(self.add(world, org_of(request), body).wire, 201)

    async def get(self, request: Request, world: World) -> Response:
        return JSONResponse(pick(request, self.of(world, org_of(request)), self.noun).wire)

    async def update(self, request: Request, world: World) -> Response:
        body = await body_of(request)
        record = pick(request, self.of(world, org_of(request)), self.noun)
        record.wire = patched(record.wire, self._checked(world, {"type": record.wire.get("type")} | body))
        record.touch(world)
        return JSONResponse(record.wire)

    async def delete(self, request: Request, world: World) -> Response:
        """Answers 200 with the deleted record."""
        records = self.of(world, org_of(request))
        record = pick(request, records, self.noun)
        if self.leave is not None:
            self.leave(world, org_of(request), record)
        del records[record.id]
        return JSONResponse(record.wire)
