"""API keys: their shape, which a scanner for secrets knows by its checksum, and the hash that alone is stored."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import zlib
from datetime import timedelta

from pydantic import SecretStr

HEAD = "trk_"
FORMER_HEAD = "tlr_"  # of restaurants' keys that were derived from the operator's secret
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


def shown_of(api_key: str) -> str:
    """What is shown of it."""
    return api_key[:SHOWN]


# --- restaurants' keys -----------------------------------------------------------------------------------------------

DERIVED = 48  # characters


def new_api_key() -> str:
    """A key that follows from nothing."""
    return FORMER_HEAD + secrets.token_hex(DERIVED // 2)


def api_key_of(secret: SecretStr, salt: str, restaurant_id: str) -> str:
    """The key that a restaurant is created with. It is derived, so that a repeated request can be given the same
    answer; neither the operator's secret alone nor the database alone, which has the salt, yields it."""
    return _derived(secret, f"api-key:{salt}:{restaurant_id}")


def key_as_created(secret: SecretStr, salt: str, restaurant_id: str, key_hash: str | None) -> str | None:
    """The key that the restaurant was created with; None where it has another one by now, or the secret was changed."""
    api_key = api_key_of(secret, salt, restaurant_id)
    return api_key if hash_key(api_key) == key_hash else None


def follows_from(secret: SecretStr, restaurant_id: str, key_hash: str) -> bool:
    """Whether the key was made before there were salts: who knows the secret and the id can compute it."""
    return hash_key(_derived(secret, f"api-key:{restaurant_id}")) == key_hash


def _derived(secret: SecretStr, text: str) -> str:
    digest = hmac.new(secret.get_secret_value().encode(), text.encode(), hashlib.sha256)
    return FORMER_HEAD + digest.hexdigest()[:DERIVED]
