"""Waiting for the end of a run, in whatever process it runs."""

from __future__ import annotations

import asyncio
import time

from trunkline.db import assignments
from trunkline.db.models import Assignment
from trunkline.workflows.services import Services

LOOK_SECONDS = 0.2


async def assignment_end(services: Services, assignment_id: str, seconds: float) -> Assignment:
    """The assignment once it has ended, or as it stands when the time is over. An end in this process is seen at once,
    one in another process by looking at the row."""
    deadline = time.monotonic() + seconds
    await services.engine.wait(assignment_id, seconds)
    while True:
        async with services.database.read() as session:
            row = await assignments.get(session, assignment_id)
        left = deadline - time.monotonic()
        if row.status != "running" or left <= 0:
            return row
        await asyncio.sleep(min(LOOK_SECONDS, left))
