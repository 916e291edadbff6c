"""Vonage in the sandbox."""

from trunkline.sandbox.vonage.vendor import DEFAULT_ACCOUNT, DEFAULT_SECRET, Vonage

__all__ = ["DEFAULT_ACCOUNT", "DEFAULT_SECRET", "Vonage"]
