"""Vapi in the sandbox."""

from trunkline.sandbox.vapi.vendor import DEFAULT_ACCOUNT, DEFAULT_SECRET, Vapi

__all__ = ["DEFAULT_ACCOUNT", "DEFAULT_SECRET", "Vapi"]
