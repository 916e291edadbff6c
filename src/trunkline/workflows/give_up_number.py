"""A claimed number that cannot be put in service: it is let go, and why is kept."""

from __future__ import annotations

import structlog

from trunkline.db import numbers
from trunkline.errors import Foreign, Missing, ProviderError
from trunkline.workflows.assignment_run import AssignmentRun
from trunkline.workflows.put_in_service import Held

log = structlog.get_logger()


async def give_up(run: AssignmentRun, held: Held, error: ProviderError) -> None:
    """A claimed number turned out not to be usable: let it go, say why, and do not offer it again soon."""
    run.inventory.used(held.number)
    run.services.listings.drop(held.number)
    log.warning("a number is passed over", number=held.number, reason=error.detail)
    async with run.write() as session:
        row = (await numbers.lock(session, held.number))[held.number]
        if row.claimed_by != run.id:
            return
        if isinstance(error, Foreign):
            numbers.foreign(row)
            numbers.put_aside(row, error.detail)  # our mark may stand on it all the same
        elif isinstance(error, Missing) and error.provider == row.carrier:
            numbers.gone(row, error.detail)
        elif isinstance(error, Missing):
            numbers.free(row)
            numbers.in_voice(row, None, None, None)
        else:
            numbers.put_aside(row, error.detail)


async def let_go(run: AssignmentRun, held: Held) -> None:
    async with run.write() as session:
        row = (await numbers.lock(session, held.number))[held.number]
        if row.claimed_by == run.id:
            numbers.free(row)
