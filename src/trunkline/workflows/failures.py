"""What is told of an error that nobody expected: the log has it, the caller gets the id of its lines."""

from __future__ import annotations

import structlog

from trunkline.db.session import DATABASE_AWAY
from trunkline.errors import NotReady, TrunklineError

log = structlog.get_logger()


def explain_failure(error: Exception) -> TrunklineError:
    """An error of ours, or a database that is away."""
    if isinstance(error, DATABASE_AWAY):
        log.error("the database does not answer", error=type(error).__name__)
        return NotReady("the database does not answer", hint="try again in a moment")
    log.exception("a request stopped by an error of ours")
    return TrunklineError("an error of ours", hint="the log has it under request_id")
