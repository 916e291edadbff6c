"""Identifiers that sort by time of creation."""

from __future__ import annotations

import secrets
import time
from datetime import datetime

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32, lower case


def new_id(prefix: str) -> str:
    """`prefix_` and 16 characters: 9 of time in milliseconds, 7 random. Later ids sort after earlier ones."""
    return f"{prefix}_{moment()}"


def moment() -> str:
    """What is not told apart from another one of the same millisecond by its order."""
    return _written((time.time_ns() // 1_000_000) << 35 | secrets.randbits(35))


def first_id(prefix: str, since: datetime) -> str:
    """What no id sorts before that was made at this time or later."""
    return f"{prefix}_{_written(int(since.timestamp() * 1000) << 35)}"


def _written(value: int) -> str:
    return "".join(ALPHABET[value >> shift & 31] for shift in range(75, -1, -5))
