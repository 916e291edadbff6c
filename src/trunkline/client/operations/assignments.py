"""How restaurants were given their numbers."""

from __future__ import annotations

from datetime import datetime

from trunkline.client import models
from trunkline.client.operations.common import headers_of, part
from trunkline.client.wire import Call, Pages


def assignments(
    *,
    restaurant_id: str | None = None,
    status: str | None = None,
    reason: str | None = None,
    since: datetime | None = None,
) -> Pages[models.AssignmentSummary]:
    """All, newest first."""
    query = {"restaurant_id": restaurant_id, "status": status, "reason": reason, "since": since}
    return Pages("/api/assignments", models.AssignmentSummary, query)


def assignment(assignment_id: str) -> Call[models.Assignment]:
    return Call("GET", f"/api/assignments/{part(assignment_id)}", models.Assignment)


def retry_assignment(
    assignment_id: str, *, wait: bool = True, idempotency_key: str | None = None
) -> Call[models.Assignment]:
    """Ask again for what it asked for; the new assignment."""
    path = f"/api/assignments/{part(assignment_id)}/retry"
    return Call("POST", path, models.Assignment, headers=headers_of(idempotency_key, wait))
