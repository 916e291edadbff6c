"""What must be true of our own books at any time, whatever fails: broken, it is a defect of ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Invariant(StrEnum):
    MAPPED_ONCE = "mapped_once"
    IN_SERVICE_IS_MAPPED = "in_service_is_mapped"
    MAPPED_IS_IN_SERVICE = "mapped_is_in_service"
    DELETED_HAS_NONE = "deleted_has_none"
    ENDED_IS_INACTIVE = "ended_is_inactive"
    CLAIM_HAS_RUN = "claim_has_run"
    INTENT_IS_OWED = "intent_is_owed"
    PURCHASE_HAS_INTENT = "purchase_has_intent"
    BOUGHT_ONCE = "bought_once"
    ASSIGNED_HAD_NUMBER = "assigned_had_number"


WORDS = {
    Invariant.MAPPED_ONCE: "of those that share a number, calls reach exactly one",
    Invariant.IN_SERVICE_IS_MAPPED: "a number in service serves somebody",
    Invariant.MAPPED_IS_IN_SERVICE: "a number that serves somebody is in service",
    Invariant.DELETED_HAS_NONE: "a deleted restaurant has no number",
    Invariant.ENDED_IS_INACTIVE: "calls reach nobody by a mapping that has ended",
    Invariant.CLAIM_HAS_RUN: "a number that is kept for an assignment is kept for one that runs, or is owed",
    Invariant.INTENT_IS_OWED: "a purchase whose outcome is open for an hour is worked on, or owed",
    Invariant.PURCHASE_HAS_INTENT: "a number that is being bought is bought by somebody",
    Invariant.BOUGHT_ONCE: "an assignment buys one number at most",
    Invariant.ASSIGNED_HAD_NUMBER: "a restaurant that is said to have got a number has had it",
}


@dataclass(frozen=True)
class Broken:
    """One that does not hold: how often, and some of what it does not hold for."""

    invariant: Invariant
    count: int
    examples: Sequence[str]

    def __str__(self) -> str:
        more = f" and {self.count - len(self.examples)} more" if self.count > len(self.examples) else ""
        return f"not so: {WORDS[self.invariant]} ({', '.join(self.examples)}{more})"
