"""What happened, as the API answers it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from trunkline.client.answer import Answer


class Actor(Answer, frozen=True):
    kind: str
    id: str | None
    name: str | None


class Event(Answer, frozen=True):
    id: str
    type: str
    at: datetime
    text: str
    restaurant_id: str | None
    number: str | None
    run_id: str | None
    other_id: str | None
    actor: Actor
    reason: str | None
    request_id: str | None
    trace_id: str | None
    before: dict[str, Any]
    after: dict[str, Any]


class HistoryLine(Answer, frozen=True):
    at: datetime
    text: str
    by: str
    reason: str | None
    type: str
    event_id: str
