"""Who asks."""

from __future__ import annotations

from fastapi import APIRouter

from trunkline.api.dependencies import ServicesDep
from trunkline.api.described import identity as described
from trunkline.api.permission import Identified, known_to_us
from trunkline.api.shapes.identity import Identity, show_identity
from trunkline.db import budgets

router = APIRouter(tags=["keys"])


@router.get("/api/identity", dependencies=known_to_us(), **described.GET_IDENTITY)
async def read(services: ServicesDep, identity: Identified) -> Identity:
    async with services.database.read() as session:
        found = await budgets.of_subjects(session, [identity.key_id]) if identity.key_id else ()
    return show_identity(identity, bool(found))
