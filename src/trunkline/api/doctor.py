"""Whether everything is right, as the server sees it."""

from __future__ import annotations

from fastapi import APIRouter

from trunkline.api.dependencies import ServicesDep
from trunkline.api.described import doctor as described
from trunkline.api.permission import needs
from trunkline.api.shapes.doctor import Findings, show_finding
from trunkline.domain.scopes import Scope
from trunkline.workflows.diagnose import diagnose

router = APIRouter(prefix="/api/doctor", tags=["health"], dependencies=needs(Scope.METRICS_READ))


@router.get("", **described.DIAGNOSE)
async def run(services: ServicesDep) -> Findings:
    return Findings(items=[show_finding(finding) async for finding in diagnose(services, by_server=True)])
