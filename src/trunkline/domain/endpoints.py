"""Where events are sent: in which form, how often it is tried, and what goes before what."""

from __future__ import annotations

import base64
import hashlib
import hmac
import random
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

from trunkline.errors import InvalidInput

SECRET_PREFIX = "whsec_"  # noqa: S105
SECRET_BYTES, NONCE_BYTES, TAG_BYTES = 32, 16, 16
GRACE = timedelta(hours=24)  # for which the secret before the last rotation signs too
# Seconds between the tries of a message, as Standard Webhooks say; after the last it has failed.
WAITS = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
GIVEN_UP_AFTER = timedelta(days=5)  # of nothing but failures
LONGEST_PAUSE = timedelta(days=1)
THROTTLED = (429, 502, 504)
GONE = 410
KEPT_ANSWER = 2048
LONGEST_URL = 2000


class EndpointFormat(StrEnum):
    JSON = "json"
    SLACK = "slack"


class EndpointStatus(StrEnum):
    ENABLED = "enabled"
    DISABLED = "disabled"


class DeliveryStatus(StrEnum):
    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True)
class Sent:
    """What came of it: the status that was answered, and the beginning of the answer; or why there was none."""

    status: int | None = None
    answer: str | None = None
    error: str | None = None
    retry_after: float | None = None

    @property
    def arrived(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class Waiting(Protocol):
    """What stands in an endpoint's queue."""

    @property
    def subjects(self) -> Any: ...
    @property
    def next_try_at(self) -> Any: ...


W = TypeVar("W", bound=Waiting)


def ready(queue: Sequence[W], now: datetime) -> list[W]:
    """Those whose turn it is, of a queue in the order of the events: nothing overtakes what is about the same."""
    held, found = set[str](), list[W]()
    for one in queue:
        if held.isdisjoint(one.subjects) and one.next_try_at <= now:
            found.append(one)
        held.update(one.subjects)
    return found


def wait_after(attempts: int) -> float | None:
    """Seconds until the next try after so many; None where there is none any more."""
    if attempts > len(WAITS):
        return None
    return WAITS[attempts - 1] * random.uniform(0.9, 1.2)  # noqa: S311


def checked_url(url: str, *, private: bool) -> str:
    """InvalidInput for what no event can be sent to. `private`: plain http will do."""
    parts = urlsplit(url.strip())
    if len(url) > LONGEST_URL or not parts.hostname or any(sign.isspace() for sign in url.strip()):
        raise InvalidInput("this is not an address", field="url", hint="write it like https://example.com/hook")
    if parts.scheme != "https" and not (private and parts.scheme == "http"):
        raise InvalidInput("events are sent over https", field="url", hint="write it like https://example.com/hook")
    if parts.username or parts.password:
        raise InvalidInput("an address has no name and password", field="url", hint="the signature shows that it is us")
    return url.strip()


def new_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def seal(secret: str, key: bytes) -> str:
    """As it is kept: of no use without the key. The pad is a keyed hash of a nonce that is used once."""
    plain, nonce = base64.b64decode(secret.removeprefix(SECRET_PREFIX)), secrets.token_bytes(NONCE_BYTES)
    hidden = _padded(plain, key, nonce)
    return base64.b64encode(nonce + hidden + _tag(key, nonce + hidden)).decode()


def unseal(sealed: str, keys: Sequence[bytes]) -> str | None:
    """The secret, by whichever of the keys it was sealed with; None where it was another one."""
    raw = base64.b64decode(sealed)
    body, tag = raw[:-TAG_BYTES], raw[-TAG_BYTES:]
    for key in keys:
        if hmac.compare_digest(_tag(key, body), tag):
            plain = _padded(body[NONCE_BYTES:], key, body[:NONCE_BYTES])
            return SECRET_PREFIX + base64.b64encode(plain).decode()
    return None


def sealing_key(secret: str, salt: str) -> bytes:
    return hmac.new(secret.encode(), f"secrets of endpoints {salt}".encode(), hashlib.sha256).digest()


def _padded(text: bytes, key: bytes, nonce: bytes) -> bytes:
    pad = hmac.new(key, b"pad" + nonce, hashlib.sha256).digest()
    return bytes(a ^ b for a, b in zip(text, pad, strict=True))


def _tag(key: bytes, body: bytes) -> bytes:
    return hmac.new(key, b"tag" + body, hashlib.sha256).digest()[:TAG_BYTES]
