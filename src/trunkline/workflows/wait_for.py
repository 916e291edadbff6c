"""Waiting for the end of a run, in whatever process it runs."""

from __future__ import annotations

import asyncio
import time
from typing import TypeVar

from trunkline.db.models import RunRow
from trunkline.db.runs import Runs
from trunkline.domain.states import RunStatus
from trunkline.workflows.services import Services

R = TypeVar("R", bound=RunRow)
LOOK_SECONDS = 0.2


async def end_of(services: Services, kind: Runs[R], run_id: str, seconds: float) -> R:
    """The run once it has ended, or as it stands when the time is over. An end in this process is seen at once, one in
    another process by looking at the row."""
    deadline = time.monotonic() + seconds
    await services.engine.wait(run_id, seconds)
    while True:
        async with services.database.read() as session:
            row = await kind.get(session, run_id)
        left = deadline - time.monotonic()
        if row.status != RunStatus.RUNNING or left <= 0:
            return row
        await asyncio.sleep(min(LOOK_SECONDS, left))
