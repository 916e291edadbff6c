"""The whole error tree: a stable code, the HTTP status, and what the caller does next."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, ClassVar

from trunkline.texts import one_line


class TrunklineError(Exception):
    """Base of every error that we raise on purpose.

    `detail` is one sentence for a person, without secrets; `hint` says what to do; `field` names the input at fault.
    """

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500

    def __init__(self, detail: str, *, hint: str | None = None, field: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.hint = hint
        self.field = field


class SettingsError(TrunklineError):
    """The environment is unusable; the server does not start."""

    code = "settings_invalid"


class InvalidInput(TrunklineError):
    code = "invalid_input"
    status = 422


class MalformedRequest(TrunklineError):
    """The request cannot be read: its body is not JSON, or not HTTP as we speak it."""

    code = "malformed_request"
    status = 400


class PayloadTooLarge(TrunklineError):
    code = "payload_too_large"
    status = 413


class RequestTimeout(TrunklineError):
    """The request was begun and not finished in time."""

    code = "request_timeout"
    status = 408


class HeadersTooLarge(TrunklineError):
    code = "headers_too_large"
    status = 431


class MethodNotAllowed(TrunklineError):
    code = "method_not_allowed"
    status = 405


class NotReady(TrunklineError):
    """The database cannot be reached, or is not at this version's schema, or the server stops."""

    code = "not_ready"
    status = 503


class Unauthorized(TrunklineError):
    code = "unauthorized"
    status = 401


class TooManyRequests(TrunklineError):
    """Nothing was looked at or done; the same may be asked after `retry_after` seconds."""

    code = "too_many_requests"
    status = 429

    def __init__(self, detail: str, *, retry_after: float, hint: str) -> None:
        super().__init__(detail, hint=hint)
        self.retry_after = retry_after


class Forbidden(TrunklineError):
    code = "forbidden"
    status = 403


class NotFound(TrunklineError):
    code = "not_found"
    status = 404


class Conflict(TrunklineError):
    """The request is well formed but the present state refuses it."""

    code = "conflict"
    status = 409


class AssignmentRunning(Conflict):
    """The restaurant has an assignment that has not ended; wait for it."""

    code = "assignment_running"


class AlreadyAssigned(Conflict):
    """The restaurant has a number of its own."""

    code = "already_assigned"


class NumberInService(Conflict):
    """The number serves a restaurant; releasing it needs force."""

    code = "number_in_service"


class NumberProtected(Conflict):
    """A person has said that the number is to be kept; releasing it needs force."""

    code = "number_protected"


class CarrierNotConfigured(Conflict):
    """No carrier that could serve the request has its keys in the settings."""

    code = "carrier_not_configured"


class CannotHold(Conflict):
    """The carrier cannot keep a number from others until it is bought."""

    code = "cannot_hold"


class PlanChanged(Conflict):
    """What a plan would do now is not what was shown: `differences` has a line for each change more (+) or less (-)."""

    code = "plan_changed"

    def __init__(self, detail: str, differences: Sequence[str] = (), **context: Any) -> None:
        super().__init__(detail, **context)
        self.differences = tuple(differences)


class IdempotencyMismatch(TrunklineError):
    """The Idempotency-Key was used before with another body."""

    code = "idempotency_key_reused"
    status = 422


class Cancelled(TrunklineError):
    """The batch of this run was cancelled; stop before the next purchase."""

    code = "cancelled"


class BudgetExceeded(Conflict):
    """The purchase is beyond what was said yes to; `hint` says who can raise it. `limit` of `budget`
    refuses it (None: a bound of its own batch's); where that is `exhausted`, it refuses every other one as well."""

    code = "budget_exceeded"

    def __init__(
        self,
        detail: str,
        *,
        hint: str | None = None,
        field: str | None = None,
        limit: str | None = None,
        budget: str | None = None,
        exhausted: bool = False,
    ) -> None:
        super().__init__(detail, hint=hint, field=field)
        self.limit = limit
        self.budget = budget
        self.exhausted = exhausted


class Superseded(TrunklineError):
    """Another process has taken this run over; this one must stop without another write."""

    code = "superseded"


class Role(StrEnum):
    """What a provider is asked as. Vapi is both: the voice platform, and a seller of numbers."""

    CARRIER = "carrier"
    VOICE = "voice"


class ProviderError(TrunklineError):
    """A provider did not do what was asked. The class says what to do next; `provider`, `role`, `operation`: who, as
    what, and what.

    `vendor_code` is the provider's own error code as text, where it gave one. `account_wide` tells a refusal that
    concerns the whole account (keys, credit, plan, suspension), so that nothing else will go through there, from one
    that concerns this number or request.
    """

    code = "provider_error"
    status = 502

    def __init__(
        self,
        detail: str,
        *,
        provider: str = "",
        role: Role = Role.CARRIER,
        operation: str = "",
        vendor_code: str | None = None,
        hint: str | None = None,
        account_wide: bool = False,
    ) -> None:
        super().__init__(one_line(detail), hint=hint)
        self.provider = provider
        self.role = role
        self.operation = operation
        self.vendor_code = vendor_code
        self.account_wide = account_wide


class RetryLater(ProviderError):
    """Nothing happened; try the same again after `retry_after` seconds (None: the caller's own back-off)."""

    code = "carrier_unavailable"
    status = 503

    def __init__(self, detail: str, *, retry_after: float | None = None, **context: Any) -> None:
        super().__init__(detail, **context)
        self.retry_after = retry_after


class ListFailed(RetryLater):
    """A list could not be read to its end: what is not in the part that came may be there all the same."""


class OutcomeUnknown(ProviderError):
    """A create was sent and its reply was lost: look with find() before anything else."""

    code = "outcome_unknown"


class Rejected(ProviderError):
    """Permanent for this offer or request: the next offer, then the next carrier."""

    code = "carrier_rejected"
    status = 409  # and not 502, which a proxy in front of us would repeat


class OfferGone(Rejected):
    """The offered number is no longer for sale, or someone else holds it."""

    code = "number_gone"


class PriceChanged(Rejected):
    """It costs more than was agreed to: nothing was bought."""

    code = "price_changed"


class WrongNumber(Rejected):
    """A purchase was answered with another number than the one asked for: `sold`, what the carrier says of it, is held
    and paid for from now on."""

    code = "wrong_number"

    def __init__(self, detail: str, sold: Any = None, **context: Any) -> None:
        super().__init__(detail, **context)
        self.sold = sold


class TrialLimit(Rejected):
    """The trial account may hold no further number."""

    code = "trial_limit"


class Missing(Rejected):
    """The thing asked for does not exist at the provider."""

    code = "provider_not_found"


class Foreign(Rejected):
    """The number serves somebody else; it is never touched."""

    code = "number_foreign"


class AlreadyThere(Rejected):
    """A create was refused because the provider already has that record: find and adopt it."""

    code = "already_there"


class ActionRequired(ProviderError):
    """A person must act; `hint` says what (credit, address, bundle, verification, keys)."""

    code = "carrier_action_required"
    status = 409


class AccountLevel(Rejected, ActionRequired):
    """The account's level does not show or allow this: the next carrier may. Where none does, a person must act."""

    code = "account_level"


class AddressDoesNotFit(Rejected, ActionRequired):
    """The address that is set does not fit this number's area: the next offer may fit. Where none does, a person must
    act, and `hint` names the areas."""

    code = "address_does_not_fit"


class HeldElsewhere(ActionRequired):
    """The number is not in the account of our keys: `account`, which they can see, holds it and is charged for it."""

    code = "held_elsewhere"

    def __init__(self, detail: str, account: str = "", **context: Any) -> None:
        super().__init__(detail, **context)
        self.account = account


class Intercepted(ActionRequired):
    """Something else answered in the provider's place: a proxy, a firewall, a portal, or a host with a certificate
    that is not trusted. It says nothing of what the provider holds, knows or allows."""


def by_code(code: str, detail: str, hint: str | None, provider: str) -> TrunklineError:
    """The error that was stored by its code, raised in another place than it came up."""
    kinds: list[type[TrunklineError]] = [TrunklineError]
    while kinds:
        kind = kinds.pop(0)
        if kind.code == code:
            return (
                kind(detail, hint=hint, provider=provider)
                if issubclass(kind, ProviderError)
                else kind(detail, hint=hint)
            )
        kinds += kind.__subclasses__()
    return TrunklineError(detail, hint=hint)
