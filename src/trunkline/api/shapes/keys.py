"""Keys: what a new one may do, and what is shown of each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from pydantic import Field

from trunkline.api.paging import Listing
from trunkline.api.shapes import Answer, Body, Moment, Name, Page, Short, Text
from trunkline.api.shapes.budgets import LimitsBody
from trunkline.db import models as rows
from trunkline.domain.notes import LONGEST_EXTERNAL_ID
from trunkline.domain.scopes import OF_KEYS, Scope, in_order

ScopeName = Annotated[str, Field(json_schema_extra={"enum": [scope.value for scope in in_order(OF_KEYS)]})]


class NewKey(Body):
    scopes: list[ScopeName] = Field(max_length=len(Scope), description="what it may do; none that you have not")
    restaurant: Name | None = Field(
        default=None,
        min_length=1,
        max_length=LONGEST_EXTERNAL_ID,
        description="the only restaurant that it sees, by id, external_id or exact name; null for all",
    )
    expires_at: Moment | None = Field(default=None, strict=False, description="until when it works; null for ever")
    comment: Text | None = Field(default=None, max_length=200, description="whose it is, for whoever reads it later")
    budget: LimitsBody | None = Field(
        default=None, description="what may be bought with it (PUT /api/budgets/{budget}); null: not limited by the key"
    )


class KeyRotation(Body):
    force: bool = Field(
        default=False, description="the secrets until now end at once, also within 24 h of the last time"
    )


class KeyQuery(Listing):
    restaurant_id: Short | None = Field(default=None, description="only those of this restaurant")
    revoked: bool = Field(default=False, description="those that were revoked, instead of those that were not")


class Key(Answer):
    """Who may do what. The key itself is shown once, by the answer that makes it."""

    id: str
    prefix: str = Field(description="its first characters, to know it again")
    scopes: list[str]
    restaurant_id: str | None = Field(description="the only restaurant that it sees; null for all")
    comment: str | None
    created_at: datetime
    expires_at: datetime | None
    rotated_at: datetime | None = Field(description="when it last got another secret")
    previous_until: datetime | None = Field(description="until when the secret before works, too")
    revoked_at: datetime | None
    last_used_at: datetime | None = Field(description="to within some minutes")
    last_used_from: str | None = Field(description="the address that it then came from")


class MadeKey(Key):
    key: str | None = Field(
        description="the key, as `Authorization: Bearer`; shown only here. Null in a repeated answer: rotate it then"
    )


class KeyPage(Page[Key]):
    pass


def show_key(row: rows.Key) -> Key:
    return Key(**{name: getattr(row, name) for name in Key.model_fields})


def show_keys(found: Sequence[rows.Key]) -> list[Key]:
    return [show_key(row) for row in found]
