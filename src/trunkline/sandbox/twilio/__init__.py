"""Twilio in the sandbox."""

from trunkline.sandbox.twilio.vendor import (
    DEFAULT_ACCOUNT,
    DEFAULT_API_KEY,
    DEFAULT_API_SECRET,
    DEFAULT_SECRET,
    TEST_ACCOUNT,
    TEST_SECRET,
    Twilio,
)

__all__ = [
    "DEFAULT_ACCOUNT",
    "DEFAULT_API_KEY",
    "DEFAULT_API_SECRET",
    "DEFAULT_SECRET",
    "TEST_ACCOUNT",
    "TEST_SECRET",
    "Twilio",
]
