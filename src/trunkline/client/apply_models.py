"""What the API answers of plans that are carried out."""

from __future__ import annotations

from datetime import datetime

from trunkline.client.answer import Answer


class ChangeCounts(Answer, frozen=True):
    queued: int
    running: int
    done: int
    skipped: int
    failed: int


class Apply(Answer, frozen=True):
    id: str
    plan_id: str
    status: str
    total: int
    counts: ChangeCounts
    reason: str | None
    message: str | None
    hint: str | None
    created_at: datetime
    ended_at: datetime | None


class ApplyItem(Answer, frozen=True):
    seq: int
    kind: str
    change: str
    number: str | None
    provider: str
    restaurant_id: str | None
    status: str
    message: str | None
    updated_at: datetime
