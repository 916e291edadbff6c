"""The settings that this server runs with: what is set, and where it comes from."""

from __future__ import annotations

from fastapi import APIRouter, Response

from trunkline.console.page import PageDep
from trunkline.console.permission import needs
from trunkline.console.routing import PageRoute
from trunkline.domain.scopes import Scope
from trunkline.settings import tell_settings

router = APIRouter(prefix="/console/settings", route_class=PageRoute, include_in_schema=False)


@router.get("", dependencies=needs(Scope.METRICS_READ))
async def read(page: PageDep) -> Response:
    return page.show("settings.html", rows=tell_settings(page.services.settings))
