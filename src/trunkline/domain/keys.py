"""API keys: their shape, which a scanner for secrets knows by its checksum, and the hash that alone is stored."""

from __future__ import annotations

import hashlib
import secrets
import zlib
from datetime import timedelta
from functools import lru_cache

HEAD = "trk_"
FORMER_HEAD = "tlr_"  # of restaurants' keys, when those were derived from the operator's secret
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
RANDOM, CHECKSUM = 32, 6  # characters: 190 bits, and a CRC32
SHOWN = len(HEAD) + 6  # characters of a key by which people know it again
GRACE = timedelta(hours=24)  # in which the key before a rotation works, too


def new_key() -> str:
    """`trk_`, what follows from nothing, `_` and its checksum."""
    random = "".join(secrets.choice(ALPHABET) for _ in range(RANDOM))
    return f"{HEAD}{random}_{checksum(random)}"


def checksum(random: str) -> str:
    """CRC32 in base 62, filled up with zeros."""
    left, written = zlib.crc32(random.encode()), ""
    for _ in range(CHECKSUM):
        left, digit = divmod(left, len(ALPHABET))
        written = ALPHABET[digit] + written
    return written


def may_be_key(text: str) -> bool:
    """Whether it has the shape of one, so that it is worth being looked up."""
    if text.startswith(FORMER_HEAD):
        return True
    random, _, check = text.removeprefix(HEAD).partition("_")
    return text.startswith(HEAD) and len(random) == RANDOM and random.isascii() and checksum(random) == check


def hash_key(api_key: str) -> str:
    return hashlib.sha256(api_key.encode()).hexdigest()


@lru_cache(maxsize=8)
def slow_hash(secret: str, salt: str) -> str:
    """Of a secret that a person may have chosen: who reads it guesses slowly, and for one installation only. It takes
    some 50 ms, once in a process."""
    return hashlib.scrypt(secret.encode(), salt=salt.encode(), n=2**14, r=8, p=1, dklen=32).hex()


def shown_of(api_key: str) -> str:
    """What is shown of it."""
    return api_key[:SHOWN]
