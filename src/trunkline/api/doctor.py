"""Whether everything is right, as the server sees it."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from trunkline.api.dependencies import ServicesDep, operator
from trunkline.api.described import doctor as described
from trunkline.api.shapes.doctor import Findings, show_finding
from trunkline.workflows.diagnose import diagnose

router = APIRouter(prefix="/api/doctor", tags=["health"], dependencies=[Depends(operator)])


@router.get("", **described.DIAGNOSE)
async def run(services: ServicesDep) -> Findings:
    return Findings(items=[show_finding(finding) async for finding in diagnose(services)])
