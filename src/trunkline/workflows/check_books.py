"""Whether our own books are as they must be, whatever has failed; changes nothing."""

from __future__ import annotations

import structlog

from trunkline.db.invariants import find_broken
from trunkline.domain.invariants import Invariant
from trunkline.metrics import INVARIANTS_BROKEN
from trunkline.workflows.findings import Finding, ok, problem
from trunkline.workflows.services import Services

log = structlog.get_logger()
MEND = "a defect of ours: `trunkline history` of each tells how it came to that; docs/operations.md says what to do"


async def check_books(services: Services) -> list[Finding]:
    """A finding for each rule that does not hold, or one that all do. The metric tells the same."""
    async with services.database.read() as session:
        broken = await find_broken(session)
    counts = {one.invariant: one.count for one in broken}
    for invariant in Invariant:
        INVARIANTS_BROKEN.labels(invariant.value).set(counts.get(invariant, 0))
    for one in broken:
        log.error("the books are wrong", invariant=one.invariant.value, count=one.count, examples=list(one.examples))
    return [problem("books", str(one), MEND) for one in broken] or [ok("books", f"{len(Invariant)} rules hold")]
