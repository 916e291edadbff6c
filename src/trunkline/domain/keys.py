"""Restaurants' own API keys. Only a hash of each is stored."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from pydantic import SecretStr

HEAD, LENGTH = "tlr_", 48


def new_api_key() -> str:
    """A key that follows from nothing."""
    return HEAD + secrets.token_hex(LENGTH // 2)


def api_key_of(secret: SecretStr, salt: str, restaurant_id: str) -> str:
    """The key that a restaurant is created with. It is derived, so that a repeated request can be given the same
    answer; neither the operator's secret alone nor the database alone, which has the salt, yields it."""
    return _derived(secret, f"api-key:{salt}:{restaurant_id}")


def key_as_created(secret: SecretStr, salt: str, restaurant_id: str, key_hash: str | None) -> str | None:
    """The key that the restaurant was created with; None where it has another one by now, or the secret was changed."""
    api_key = api_key_of(secret, salt, restaurant_id)
    return api_key if hash_key(api_key) == key_hash else None


def hash_key(api_key: str) -> str:
    return hashlib.sha256(api_key.encode()).hexdigest()


def follows_from(secret: SecretStr, restaurant_id: str, key_hash: str) -> bool:
    """Whether the key was made before there were salts: who knows the secret and the id can compute it."""
    return hash_key(_derived(secret, f"api-key:{restaurant_id}")) == key_hash


def _derived(secret: SecretStr, text: str) -> str:
    digest = hmac.new(secret.get_secret_value().encode(), text.encode(), hashlib.sha256)
    return HEAD + digest.hexdigest()[:LENGTH]
