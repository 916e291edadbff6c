"""Keys, as the API answers them."""

from __future__ import annotations

from datetime import datetime

from trunkline.client.answer import Answer


class Key(Answer, frozen=True):
    id: str
    prefix: str
    scopes: list[str]
    restaurant_id: str | None
    comment: str | None
    created_at: datetime
    expires_at: datetime | None
    rotated_at: datetime | None
    previous_until: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    last_used_from: str | None


class Identity(Answer, frozen=True):
    key_id: str | None
    name: str | None
    restaurant_id: str | None
    scopes: list[str]
    expires_at: datetime | None
    has_budget: bool


class MadeKey(Key, frozen=True):
    key: str | None
