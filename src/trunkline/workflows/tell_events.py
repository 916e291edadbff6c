"""An event as it is answered, streamed and sent: the same everywhere."""

from __future__ import annotations

from typing import Any

from trunkline.db.models import Event
from trunkline.domain.events import EventType
from trunkline.domain.telling import tell

SUBJECTS = ("restaurant_id", "number", "run_id", "other_id")
# Of what has changed, what a restaurant's key is told: nothing of other restaurants, or of the operator's accounts.
OWN = ("status", "source", "number", "reason", "name", "external_id", "metadata", "callers", "active", "end_reason")


def plain_event(row: Event, *, for_restaurant: bool = False) -> dict[str, Any]:
    """`for_restaurant`: who did it by its kind alone, and nothing that only operators are told."""
    before, after = row.before or {}, row.after or {}
    if for_restaurant:
        before, after = ({name: one[name] for name in OWN if name in one} for one in (before, after))
    subjects = {name: getattr(row, name) for name in SUBJECTS}
    told = {
        "id": row.id,
        "type": row.type,
        "at": row.at.isoformat().replace("+00:00", "Z"),
        "text": tell(EventType(row.type), subjects, before, after),
        **subjects,
        "actor": {"kind": row.actor, "id": row.actor_id, "name": row.actor_name},
        "reason": row.reason,
        "request_id": row.request_id,
        "trace_id": row.trace_id,
        "before": before,
        "after": after,
    }
    if for_restaurant:
        told |= dict.fromkeys(("other_id", "reason", "request_id", "trace_id"))
        own = row.actor_id if row.actor_id == row.restaurant_id else None
        told["actor"] = {"kind": row.actor, "id": own, "name": None}
    return told
