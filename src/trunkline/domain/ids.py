"""Identifiers that sort by time of creation."""

from __future__ import annotations

import secrets
import time

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32, lower case


def new_id(prefix: str) -> str:
    """`prefix_` and 16 characters: 9 of time in milliseconds, 7 random. Later ids sort after earlier ones."""
    value = (time.time_ns() // 1_000_000) << 35 | secrets.randbits(35)
    return f"{prefix}_" + "".join(ALPHABET[value >> shift & 31] for shift in range(75, -1, -5))
