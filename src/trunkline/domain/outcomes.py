"""How an assignment may end, and the words for it that every surface shows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from trunkline.errors import (
    ActionRequired,
    BudgetExceeded,
    Cancelled,
    OfferGone,
    OutcomeUnknown,
    ProviderError,
    Rejected,
    RetryLater,
    Role,
    TrialLimit,
    TrunklineError,
)


class Status(StrEnum):
    RUNNING = "running"
    ASSIGNED = "assigned"
    UNASSIGNED = "unassigned"
    FAILED = "failed"


class Source(StrEnum):
    EXISTING = "existing"
    OWNED = "owned"
    PURCHASED = "purchased"
    SHARED = "shared"


class Reason(StrEnum):
    """Why a restaurant has no number after an assignment ended."""

    CARRIER_NOT_CONFIGURED = "carrier_not_configured"
    NO_NUMBERS_FOUND = "no_numbers_found"
    TRIAL_LIMIT = "trial_limit"
    CARRIER_ACTION_REQUIRED = "carrier_action_required"
    CARRIER_REJECTED = "carrier_rejected"
    CARRIER_UNAVAILABLE = "carrier_unavailable"
    VOICE_PLATFORM_UNAVAILABLE = "voice_platform_unavailable"
    VOICE_PLATFORM_REJECTED = "voice_platform_rejected"
    PURCHASE_UNSETTLED = "purchase_unsettled"
    BUDGET_EXCEEDED = "budget_exceeded"
    CANCELLED = "cancelled"
    INTERNAL_ERROR = "internal_error"


# The codes of the errors that these reasons come from; the others have the same name.
OTHER_CODES = {
    Reason.NO_NUMBERS_FOUND.value: OfferGone.code,
    Reason.VOICE_PLATFORM_UNAVAILABLE.value: RetryLater.code,
    Reason.VOICE_PLATFORM_REJECTED.value: Rejected.code,
    Reason.PURCHASE_UNSETTLED.value: OutcomeUnknown.code,
}

STEPS = (
    "find_existing",
    "assign_existing",
    "check_carrier",
    "get_credential",
    "list_owned",
    "use_owned",
    "search",
    "purchase",
    "reuse_trial_number",
    "import_number",
    "assign_assistant",
    "create_mapping",
)
RELEASE_STEPS = ("detach_assistant", "delete_import", "restore_carrier", "release_carrier")
MOVE_STEPS = ("check_connection", "hand_over", "wait_for_detachment", "put_in_service")

TRY_AGAIN = "try again with POST /api/restaurants/{id}/phone"


@dataclass(frozen=True)
class Outcome:
    """The end of an assignment. `message` is for a person, `hint` says what to do next; `account_wide`: every other
    restaurant would be refused as well."""

    status: Status
    source: Source | None = None
    number: str | None = None
    reason: Reason | None = None
    message: str = ""
    hint: str | None = None
    account_wide: bool = False


def unassigned(reason: Reason, message: str, hint: str | None = TRY_AGAIN) -> Outcome:
    """The flow went to its end and there is no number to give."""
    return Outcome(Status.UNASSIGNED, reason=reason, message=message, hint=hint)


def tried_again_by(hint: str | None, way: str) -> str:
    """The hint of an assignment, where another request than one for its restaurant is what begins it again."""
    return (hint or TRY_AGAIN).replace(TRY_AGAIN, way)


def code_of(reason: str) -> str:
    """The code of an error, for who waits for something that an assignment was a part of."""
    return OTHER_CODES.get(reason, reason)


def from_error(error: TrunklineError) -> Outcome:
    """The end that an error of a provider means."""
    voice = isinstance(error, ProviderError) and error.role is Role.VOICE
    if isinstance(error, Cancelled):
        return unassigned(Reason.CANCELLED, error.detail, "resume the batch")
    if isinstance(error, OutcomeUnknown):
        reason = Reason.VOICE_PLATFORM_UNAVAILABLE if voice else Reason.PURCHASE_UNSETTLED
        hint = "the purchase is settled by itself as soon as the carrier answers; then " + TRY_AGAIN
        return Outcome(Status.FAILED, reason=reason, message=error.detail, hint=hint)
    if isinstance(error, RetryLater):
        reason = Reason.VOICE_PLATFORM_UNAVAILABLE if voice else Reason.CARRIER_UNAVAILABLE
        return Outcome(Status.FAILED, reason=reason, message=error.detail, hint=TRY_AGAIN)
    if isinstance(error, ActionRequired):
        hint = f"{error.hint or 'see the message'}; then {TRY_AGAIN}"
        outcome = unassigned(Reason.CARRIER_ACTION_REQUIRED, error.detail, hint)
        return replace(outcome, account_wide=error.account_wide)
    if isinstance(error, BudgetExceeded):
        again = f"{error.hint}; then {TRY_AGAIN}" if error.budget else error.hint
        outcome = unassigned(Reason.BUDGET_EXCEEDED, error.detail, again)
        return replace(outcome, account_wide=error.exhausted)
    if isinstance(error, TrialLimit):
        return unassigned(Reason.TRIAL_LIMIT, error.detail, f"upgrade the account; then {TRY_AGAIN}")
    if isinstance(error, OfferGone):
        hint = f"{error.hint}; then {TRY_AGAIN}" if error.hint else TRY_AGAIN
        return unassigned(Reason.NO_NUMBERS_FOUND, error.detail, hint)
    if isinstance(error, ProviderError):
        return unassigned(
            Reason.VOICE_PLATFORM_REJECTED if voice else Reason.CARRIER_REJECTED, error.detail, error.hint or TRY_AGAIN
        )
    return Outcome(Status.FAILED, reason=Reason.INTERNAL_ERROR, message=error.detail, hint=TRY_AGAIN)


def from_refusals(refusals: list[ProviderError]) -> Outcome:
    """What all carriers said, with the end that leaves most to hope for: a person can act, or it may pass."""

    def rank(error: ProviderError) -> int:
        return 0 if isinstance(error, ActionRequired) else 1 if isinstance(error, RetryLater) else 2

    outcome = from_error(min(refusals, key=rank))
    if len(refusals) == 1:
        return outcome
    return replace(outcome, message="; ".join(dict.fromkeys(f"{e.provider}: {e.detail}" for e in refusals)))
