"""The owner mark: text in the carrier's own record that says which installation and assignment bought a number."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

PREFIX = "trunkline"
_FORM = re.compile(rf"^{PREFIX}-([0-9a-z]{{1,8}})-([a-z]+_[0-9a-z]+)$")


@dataclass(frozen=True)
class OwnerMark:
    """Written in the same request that buys; at most 40 characters, of letters, digits, `-` and `_`, so that it fits
    Twilio's FriendlyName (64), Telnyx's customer_reference and Vapi's name (40)."""

    installation: str
    assignment_id: str

    def __str__(self) -> str:
        return f"{PREFIX}-{self.installation}-{self.assignment_id}"


def parse_mark(text: str | None) -> OwnerMark | None:
    """The mark in a carrier's free-text field, None for any other text."""
    found = _FORM.match(text or "")
    return OwnerMark(found[1], found[2]) if found else None


def carries_mark_of(installation: str | None, *texts: str | None) -> bool:
    """Whether this installation's mark stands in one of the texts."""
    return any(mark is not None and mark.installation == installation for mark in map(parse_mark, texts))


def other_installation(installation: str | None, *texts: str | None) -> str | None:
    """Whose mark stands in one of the texts, if it is another's than this installation's."""
    marks = (parse_mark(text) for text in texts)
    return next((mark.installation for mark in marks if mark is not None and mark.installation != installation), None)


def count_others(installation: str | None, texts: Iterable[str | None]) -> dict[str, int]:
    """In how many texts the mark of each other installation stands."""
    return dict(Counter(other for text in texts if (other := other_installation(installation, text)) is not None))
