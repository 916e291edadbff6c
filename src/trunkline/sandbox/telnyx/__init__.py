"""Telnyx in the sandbox."""

from trunkline.sandbox.telnyx.vendor import DEFAULT_ACCOUNT, DEFAULT_SECRET, Telnyx

__all__ = ["DEFAULT_ACCOUNT", "DEFAULT_SECRET", "Telnyx"]
