"""The one client of Vapi: what its refusals mean, by what to do next, in either of its roles."""

from __future__ import annotations

from typing import Any

import pytest

from trunkline.errors import (
    ActionRequired,
    AlreadyThere,
    Missing,
    OfferGone,
    ProviderError,
    Rejected,
    RetryLater,
)
from trunkline.providers.http import Reply
from trunkline.providers.vapi import NoStock, refusal

REFUSALS: list[tuple[int, Any, type[ProviderError]]] = [
    (400, "This area code is currently not available.", OfferGone),
    (400, ["number must be a valid phone number in the E.164 format."], Rejected),
    (400, ["name must be shorter than or equal to 40 characters: the limit is exceeded"], Rejected),
    (400, ["limit must not be greater than 1000"], Rejected),
    (400, "credentialId must be a UUID", Rejected),
    (404, "Not Found", Missing),
    (409, "Conflict", AlreadyThere),
    (400, "This phone number already exists.", AlreadyThere),
    (400, "Existing Phone Number 1", AlreadyThere),
    (400, "Number Not Found on Twilio", RetryLater),
    (400, "Couldn't Update Telnyx Number. Error: Request failed with status code 404", RetryLater),
]
ACCOUNT_WIDE: list[tuple[int, Any]] = [
    (401, "Invalid Key. Hot tip, you may be using the private key instead of the public key, or vice versa."),
    (402, "No."),
    (402, ["No."]),
    (400, "Please add a credit card."),
    (400, "Free phone number limit reached."),
    (400, "You have reached the maximum of 5 numbers."),
    (400, "Your plan has no phone numbers. Upgrade it."),
    (403, "Forbidden resource"),
    (403, "You have exceeded the quota."),
    (400, "Couldn't Update Telnyx Number. Error: Request failed with status code 401"),
]


def refused(status: int, message: Any, **more: Any) -> ProviderError | None:
    return refusal(Reply(status, {"message": message, "error": "Refused", "statusCode": status} | more))


@pytest.mark.parametrize(("status", "message", "kind"), REFUSALS)
def test_a_refusal_of_one_thing_has_its_class(status: int, message: Any, kind: type[ProviderError]) -> None:
    error = refused(status, message)
    assert isinstance(error, kind)
    assert (error.hint, error.account_wide) == (None, False)


@pytest.mark.parametrize(("status", "message"), ACCOUNT_WIDE)
def test_a_refusal_that_concerns_the_organisation_needs_a_person_and_says_so(status: int, message: Any) -> None:
    error = refused(status, message)
    assert isinstance(error, ActionRequired)
    assert error.hint
    assert error.account_wide


@pytest.mark.parametrize(
    ("words", "code"),
    [("Hint: Try one of 562, 662, 716.", "562"), ("Hint: Try 385.", "385"), ("Hint: Try another.", None), ("", None)],
)
def test_the_area_code_that_vapi_hints_at_is_read_and_its_words_are_kept(words: str, code: str | None) -> None:
    error = refused(400, f"This area code is currently not available. {words}")
    assert isinstance(error, NoStock)
    assert error.hint_code == code
    assert words in error.detail


@pytest.mark.parametrize(
    "reply",
    [
        Reply(403, "error code: 1010"),
        Reply(404, {"message": "no Route matched with those values"}),
        Reply(404, ["no route"]),
        Reply(404, {"detail": "not found"}),
        Reply(400, None),
    ],
    ids=lambda reply: str(reply.body),
)
def test_what_is_not_vapis_own_goes_by_the_general_rule(reply: Reply) -> None:
    assert refusal(reply) is None
