"""The states and kinds that are stored, each with its words for people."""

from __future__ import annotations

from enum import StrEnum


class RunStatus(StrEnum):
    """Where a durable run stands. `running` is common to all kinds; each kind has its own ends."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    OWED = "owed"  # a release that is tried again
    PAUSED = "paused"  # a batch whose account refuses everything
    CANCELLED = "cancelled"


class StepStatus(StrEnum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


class ItemStatus(StrEnum):
    """Where a restaurant of a batch stands."""

    QUEUED = "queued"
    RUNNING = "running"
    ASSIGNED = "assigned"
    UNASSIGNED = "unassigned"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ChangeStatus(StrEnum):
    """Where a change of a plan stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    SKIPPED = "skipped"  # it did not apply any more, or somebody else was first
    FAILED = "failed"


class OwnNumber(StrEnum):
    """What becomes of the number that a restaurant has when it is moved another one."""

    REFUSE = "refuse"  # nothing: who has one is moved none
    REPLACE = "replace"  # it cools down
    SWAP = "swap"  # it goes to the restaurant whose number comes


class IntentStatus(StrEnum):
    """What became of a purchase. `open`: its request may be under way, or its outcome is not known."""

    OPEN = "open"
    BOUGHT = "bought"
    GONE = "gone"
    REFUSED = "refused"


class DebtKind(StrEnum):
    """What is owed. `detach_owed`: a number out of service still points at what we set. `connect_owed`: a number in
    service may have lost it. `sold_other`: a carrier sold another number than was asked for."""

    INTENT_UNKNOWN = "intent_unknown"
    BOUGHT_NOT_IMPORTED = "bought_not_imported"
    IMPORTED_NOT_MAPPED = "imported_not_mapped"
    RELEASE_OWED = "release_owed"
    DETACH_OWED = "detach_owed"
    CONNECT_OWED = "connect_owed"
    SOLD_OTHER = "sold_other"
    ADOPT_OWED = "adopt_owed"
    ENDPOINT_DISABLED = "endpoint_disabled"


OWED: dict[DebtKind, str] = {
    DebtKind.INTENT_UNKNOWN: "find out whether the carrier sold the number",
    DebtKind.BOUGHT_NOT_IMPORTED: "import a number that was paid for into Vapi",
    DebtKind.IMPORTED_NOT_MAPPED: "put a number that was paid for and imported in service",
    DebtKind.RELEASE_OWED: "finish the release of a number",
    DebtKind.DETACH_OWED: "take the shared assistant off a number that is out of service",
    DebtKind.CONNECT_OWED: "connect a number that is in service again",
    DebtKind.ADOPT_OWED: "mark and import a number that was taken over",
    DebtKind.SOLD_OTHER: "decide about a number that the carrier sold instead of the one that was asked for",
    DebtKind.ENDPOINT_DISABLED: "enable an endpoint that failed for days, or delete it",
}
