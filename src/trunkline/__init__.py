"""Trunkline gives every restaurant on a multi-tenant Vapi voice assistant its own phone number."""

__version__ = "0.1.0"
