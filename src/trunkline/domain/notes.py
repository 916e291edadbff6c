"""What a person or another system keeps with a restaurant or a number: metadata, labels, an id of theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from trunkline.errors import InvalidInput
from trunkline.texts import one_line, shows_something

MOST_KEYS, LONGEST_KEY, LONGEST_VALUE = 50, 40, 500
MOST_LABELS, LONGEST_LABEL = 20, 40
LONGEST_EXTERNAL_ID = 200
OUR_IDS = "rst_"


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
