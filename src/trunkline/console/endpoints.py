"""Endpoints: where events are sent, and what came of each."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from trunkline.console.page import Page, PageDep
from trunkline.console.permission import needs
from trunkline.console.routing import PageRoute
from trunkline.db import endpoints
from trunkline.domain.cursors import after_id, after_place, cut
from trunkline.domain.endpoints import DeliveryStatus
from trunkline.domain.scopes import Scope
from trunkline.workflows.manage_endpoints import send_again

router = APIRouter(prefix="/console/endpoints", route_class=PageRoute, include_in_schema=False)
LIMIT, EACH = 50, 20


@router.get("", dependencies=needs(Scope.ENDPOINTS_WRITE))
async def list_all(page: PageDep) -> Response:
    async with page.services.database.read() as session:
        found = await endpoints.page(session, after_id(page.query("cursor")), LIMIT + 1)
    shown, cursor = cut(found, LIMIT, lambda row: row.id)
    return page.show("endpoints/list.html", rows=shown, cursor=cursor)


@router.get("/{endpoint_id}", dependencies=needs(Scope.ENDPOINTS_WRITE))
async def read(page: PageDep, endpoint_id: str) -> Response:
    return page.show("endpoints/one.html", **await _told(page, endpoint_id))


async def _told(page: Page, endpoint_id: str) -> dict[str, Any]:
    """It, and what was sent there, the newest events first, each with its tries."""
    wanted, place = page.choice("status", DeliveryStatus), page.query("cursor")
    before = after_place(place) if place else None
    async with page.services.database.read() as session:
        row = await endpoints.get(session, endpoint_id)
        found = await endpoints.deliveries(session, endpoint_id, before=before, limit=EACH + 1, status=wanted)
        shown, cursor = cut(found, EACH, lambda delivery: str(delivery.position))
        attempts = await endpoints.attempts(session, [delivery.id for delivery in shown])
        events = await endpoints.events_of(session, shown)
    return {
        "row": row,
        "deliveries": shown,
        "cursor": cursor,
        "attempts": attempts,
        "events": events,
        "wanted": wanted,
        "statuses": list(DeliveryStatus),
    }


@router.post("/{endpoint_id}/resend", dependencies=needs(Scope.ENDPOINTS_WRITE))
async def resend(page: PageDep, endpoint_id: str) -> Response:
    """One event once more; pressed twice, it is still one that waits."""
    await send_again(page.services, endpoint_id, (await page.form()).get("event", ""))
    return page.go(f"/endpoints/{endpoint_id}")
