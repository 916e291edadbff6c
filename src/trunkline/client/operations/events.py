"""What happened."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from trunkline.client import models
from trunkline.client.operations.common import part
from trunkline.client.wire import Call, EventReader, Pages


def events(
    *,
    types: Sequence[str] = (),
    subject: str | None = None,
    actor: str | None = None,
    since: datetime | None = None,
    order: str | None = None,
) -> Pages[models.Event]:
    """Newest first; `order="oldest"` turns it round."""
    query = {"type": list(types) or None, "subject": subject, "actor": actor, "since": since, "order": order}
    return Pages("/api/events", models.Event, query)


def history(subject: str) -> Pages[models.HistoryLine]:
    """All that happened to a number, or to what has this id, oldest first."""
    return Pages(f"/api/history/{part(subject)}", models.HistoryLine, {})


def following(
    types: Sequence[str], subject: str | None, since: datetime | None, last_id: str | None
) -> EventReader[models.Event]:
    query: dict[str, Any] = {"type": list(types) or None, "subject": subject, "since": since}
    call = Call("GET", "/api/events/stream", models.Event, query)
    return EventReader(call, lambda name: models.Event, last_id=last_id)
