"""Endpoints, as the API answers them."""

from __future__ import annotations

from datetime import datetime

from trunkline.client.answer import Answer


class Endpoint(Answer, frozen=True):
    id: str
    url: str
    types: list[str]
    format: str
    description: str | None
    status: str
    disabled_reason: str | None
    failing_since: datetime | None
    previous_secret_until: datetime | None
    created_at: datetime


class MadeEndpoint(Endpoint, frozen=True):
    secret: str | None


class Attempt(Answer, frozen=True):
    at: datetime | None
    status: int | None
    answer: str | None
    error: str | None
    duration_ms: int | None


class Delivery(Answer, frozen=True):
    event_id: str
    status: str
    next_try_at: datetime | None
    attempts: list[Attempt]
    created_at: datetime


class Recovered(Answer, frozen=True):
    events: int
