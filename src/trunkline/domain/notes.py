"""What a person or another system keeps with a restaurant or a number: metadata, labels, an id of theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from trunkline.domain.budgets import SpendingLimits
from trunkline.errors import InvalidInput
from trunkline.texts import one_line, shows_something

MOST_KEYS, LONGEST_KEY, LONGEST_VALUE = 50, 40, 500
MOST_LABELS, LONGEST_LABEL = 20, 40
MAX_NAME, LONGEST_EXTERNAL_ID = 200, 200
OUR_IDS = "rst_"


@dataclass(frozen=True)
class RestaurantNotes:
    """What is kept with a restaurant: its id in another system, and whatever that wants to find there again."""

    external_id: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def checked(cls, external_id: str | None, metadata: Mapping[str, str] | None) -> RestaurantNotes:
        """InvalidInput names the field at fault."""
        return cls(
            None if external_id is None else checked_external_id(external_id), merged_metadata(None, metadata or {})
        )

    def plain(self) -> dict[str, Any]:
        """Only what was given, as JSON."""
        return {name: value for name, value in vars(self).items() if value}


@dataclass(frozen=True)
class RestaurantChange:
    """What is changed of a restaurant: None leaves it as it is. An empty external_id takes it off; `metadata` is merged
    by its keys, and `forget_metadata` takes off what was there; `wish` is what it asks of its next number; `limits` are
    those of its budget, which `no_limits` removes."""

    name: str | None = None
    external_id: str | None = None
    metadata: Mapping[str, str] | None = None
    forget_metadata: bool = False
    wish: Mapping[str, str] | None = None
    limits: SpendingLimits | None = None
    no_limits: bool = False


@dataclass(frozen=True)
class NumberNotes:
    """What a person changes of a number: None leaves it as it is; `never_release` takes the time of release off."""

    protected: bool | None = None
    labels: list[str] | None = None
    release_after: datetime | None = None
    never_release: bool = False


def merged_metadata(old: Mapping[str, str] | None, change: Mapping[str, str]) -> dict[str, str]:
    """The metadata with the change, as at Stripe: a key that is not named stays, one with an empty value is deleted.
    InvalidInput where there would be too much of it."""
    for key, value in change.items():
        if not shows_something(key) or key != one_line(key) or len(key) > LONGEST_KEY:
            detail = f"a key of metadata has 1 to {LONGEST_KEY} characters, which can be seen"
            raise InvalidInput(detail, field="metadata", hint=f"the key {one_line(key)[:LONGEST_KEY]!r} has not")
        if len(value) > LONGEST_VALUE:
            detail = f"the value of {key!r} has {len(value)} characters, and {LONGEST_VALUE} are kept"
            raise InvalidInput(detail, field="metadata", hint="shorten it")
    merged = {key: value for key, value in {**(old or {}), **change}.items() if value != ""}
    if len(merged) > MOST_KEYS:
        detail = f"metadata would have {len(merged)} keys, and {MOST_KEYS} are kept"
        raise InvalidInput(detail, field="metadata", hint="delete a key: give it an empty value")
    return merged


def checked_name(name: str) -> str:
    """InvalidInput for a name of which nothing can be seen, or too much."""
    text = name.strip()
    if not shows_something(text) or text != one_line(text) or len(text) > MAX_NAME:
        detail = f"a name has 1 to {MAX_NAME} characters, which can be seen"
        raise InvalidInput(detail, field="name", hint="shorten it or give one")
    return text


def checked_labels(labels: Sequence[str]) -> list[str]:
    """Without doubles, in their order. InvalidInput for one that cannot be seen or is too long, or too many."""
    distinct = list(dict.fromkeys(label.strip() for label in labels))
    for label in distinct:
        if not shows_something(label) or label != one_line(label) or len(label) > LONGEST_LABEL:
            detail = f"a label has 1 to {LONGEST_LABEL} characters, which can be seen"
            raise InvalidInput(detail, field="labels", hint="shorten it, or leave it out")
    if len(distinct) > MOST_LABELS:
        raise InvalidInput(f"a number has at most {MOST_LABELS} labels", field="labels", hint="leave some out")
    return distinct


def checked_external_id(external_id: str) -> str:
    """InvalidInput for what cannot be seen, is too long, or looks like an id of ours."""
    text = external_id.strip()
    if not shows_something(text) or text != one_line(text) or len(text) > LONGEST_EXTERNAL_ID:
        detail = f"an external_id has 1 to {LONGEST_EXTERNAL_ID} characters, which can be seen"
        raise InvalidInput(detail, field="external_id", hint="give one, or null for none")
    if text.startswith(OUR_IDS):
        detail = f"an external_id does not begin with {OUR_IDS}, as our own ids do"
        raise InvalidInput(detail, field="external_id", hint="give the id that your system has for it")
    return text
