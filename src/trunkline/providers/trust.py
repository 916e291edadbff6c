"""Whose certificates count where something outside is asked."""

from __future__ import annotations

import ssl
from functools import cache

import httpx2


@cache
def trusted() -> ssl.SSLContext:
    """One for all connections of a process: making one takes as long as twenty requests."""
    return httpx2.create_ssl_context()
