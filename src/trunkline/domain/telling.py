"""Tells an event to people: one sentence, in which no word is the program's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trunkline.domain.events import TOLD, EventType
from trunkline.domain.outcomes import Reason, Source
from trunkline.domain.states import OWED

# What is a word of the program's in an event, as a sentence says it.
SAID: dict[str, Mapping[Any, str]] = {
    "kind": OWED,
    "source": {
        Source.PURCHASED: "bought",
        Source.EXISTING: "it was idle in Vapi",
        Source.OWNED: "it was idle in the account",
        Source.SHARED: "shared",
    },
    "end_reason": {
        "number_gone": "the carrier does not hold it any more",
        "number_released": "it is given up",
        "replaced": "another number takes its place",
        "restaurant_deleted": "the restaurant was deleted",
        "moved": "another restaurant has it from now on",
        "swapped": "the two restaurants have each other's number",
        "unassigned": "it stays ours and serves nobody",
    },
    "reason": {reason: reason.replace("_", " ") for reason in Reason},
}


class _Known(dict[str, Any]):
    def __missing__(self, name: str) -> str:
        return ""


def tell(kind: EventType, subjects: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """The event as one sentence for people."""
    named = {name: value for name, value in subjects.items() if value is not None}
    told = {name: SAID.get(name, {}).get(str(value), value) for name, value in after.items() if value is not None}
    known = _Known(named | told)
    known |= {f"before_{name}": value for name, value in before.items() if value is not None}
    known["fields"] = ", ".join(sorted({*before, *after}))
    return " ".join(TOLD[kind].sentence.format_map(known).split()).rstrip(": ")
