"""Who is calling, and what he may do: by the secret, or by a key."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from trunkline.db import keys, restaurants
from trunkline.db.models import Key, utcnow
from trunkline.domain.acting import Acting, ActorKind
from trunkline.domain.keys import hash_key, may_be_key, slow_hash
from trunkline.domain.scopes import EVERYTHING, OF_A_RESTAURANT, Scope, scopes_of_secret
from trunkline.domain.wishes import PICKED
from trunkline.errors import Forbidden, Unauthorized
from trunkline.workflows.services import Services

SECRET_HEADER = "X-Vapi-Secret"  # noqa: S105
KEY_HEADER = "Authorization"


def not_allowed() -> Forbidden:
    """A new one for each refusal: a raised error keeps its traceback."""
    return Forbidden(
        "a restaurant's key sees its own data and nothing else", hint="send a key of all restaurants, or X-Vapi-Secret"
    )


@dataclass(frozen=True)
class Identity:
    """Who asks: what it may do, for one restaurant or for all (None). Without `key_id` it is the operator's secret, or
    a restaurant's former key; `name` is the key's comment, or how it begins."""

    scopes: frozenset[Scope] = EVERYTHING
    restaurant_id: str | None = None
    key_id: str | None = None
    name: str | None = None
    expires_at: datetime | None = None

    @property
    def is_operator(self) -> bool:
        """Whether it is nobody's in particular, and so is told of all restaurants and of our accounts."""
        return self.restaurant_id is None

    @property
    def acting(self) -> Acting:
        """Who acts in what this request does."""
        if self.key_id is not None:
            return Acting(ActorKind.KEY, id=self.key_id, name=self.name, key_id=self.key_id)
        if self.restaurant_id is not None:
            return Acting(ActorKind.RESTAURANT, id=self.restaurant_id)
        return Acting(ActorKind.SECRET, name=SECRET_HEADER)

    def needs(self, scope: Scope) -> None:
        """Forbidden without it."""
        if scope in self.scopes:
            return
        if self.is_operator and self.key_id is None:
            hint = "VAPI_SECRET_SCOPES says what it may do: send a key with this scope"
            raise Forbidden(f"{SECRET_HEADER} has not the scope {scope}", hint=hint)
        raise Forbidden(f"this key has not the scope {scope}", hint=f"trunkline keys create --scope {scope} makes one")

    def may_give(self, scopes: frozenset[Scope]) -> bool:
        """Whether it has them all itself."""
        return scopes <= self.scopes

    def seen(self) -> dict[str, str]:
        """What tells its requests from those of who sees more, so that it gets no answer that was theirs."""
        return {} if self.restaurant_id is None else {"seen_by": self.restaurant_id}

    def may_read(self, restaurant_id: str | None) -> None:
        """Forbidden unless it sees all restaurants, or this very one."""
        if not self.is_operator and restaurant_id != self.restaurant_id:
            raise not_allowed()

    def may_pick(self, number: str | None) -> None:
        """Forbidden for a restaurant's key that names one: whether others have it is not its business."""
        if number is not None and not self.is_operator:
            hint = "ask for any: POST /api/restaurants/{id}/phone without it"
            raise Forbidden("a restaurant's key does not pick a number", hint=hint, field=PICKED)


OPERATOR = Identity()


async def identify(headers: Mapping[str, str], services: Services, *, secret_as_token: bool = False) -> Identity:
    """Unauthorized unless the operator's secret or a key is right. A secret that is sent decides alone.

    `secret_as_token`: the operator's secret counts as bearer token too, for programs that can send nothing else."""
    secret = headers.get(SECRET_HEADER)
    if secret is not None:
        if _is_operators(secret, services):
            return _of_secret(services)
        hint = "it is VAPI_SECRET_KEY of the server's settings"
        raise Unauthorized(f"{SECRET_HEADER} is wrong", hint=hint, field=SECRET_HEADER)
    scheme, _, key = headers.get(KEY_HEADER, "").partition(" ")
    if scheme.lower() == "bearer" and key.strip():
        if secret_as_token and _is_operators(key.strip(), services):
            return _of_secret(services)
        return await _of_key(key.strip(), services)
    hint = f"send {SECRET_HEADER} with VAPI_SECRET_KEY of the server, or a key as {KEY_HEADER}: Bearer"
    raise Unauthorized(f"{SECRET_HEADER} is missing", hint=hint, field=SECRET_HEADER)


async def admit(
    headers: Mapping[str, str], services: Services, address: str | None, *, secret_as_token: bool = False
) -> Identity:
    """`identify`, at the pace of the address and of the key; TooManyRequests where it asks too often."""
    settings, sent = services.settings, headers.get(SECRET_HEADER) or headers.get(KEY_HEADER)
    if not sent:
        return await identify(headers, services, secret_as_token=secret_as_token)
    with services.callers.trying(address, sent, settings.wrong_keys_allowed):
        identity = await identify(headers, services, secret_as_token=secret_as_token)
    if (who := identity.key_id or identity.restaurant_id) is not None:
        services.callers.count(who, settings.api_rate_per_minute)
    return identity


def _of_secret(services: Services) -> Identity:
    return Identity(scopes_of_secret(services.settings.vapi_secret_scopes))


async def identify_again(services: Services, credential_hash: str, salt: str) -> Identity | None:
    """Who was known by what has this hash before: a key's `hash_key`, or the secret's `slow_hash`. None where it opens
    nothing any more."""
    for one in _secrets(services):
        if hmac.compare_digest(await asyncio.to_thread(slow_hash, one, salt), credential_hash):
            return _of_secret(services)
    try:
        return await _of_hash(credential_hash, services)
    except Unauthorized:
        return None


def _is_operators(secret: str, services: Services) -> bool:
    # Headers arrive as latin-1; their bytes are what was sent.
    return any([hmac.compare_digest(secret.encode("latin-1"), one.encode()) for one in _secrets(services)])


def _secrets(services: Services) -> list[str]:
    """The secret, and the one before, while that counts too."""
    settings = services.settings
    known = [one.get_secret_value() for one in (settings.vapi_secret_key, settings.vapi_secret_key_previous) if one]
    return list(filter(None, known))


async def _of_key(api_key: str, services: Services) -> Identity:
    if not may_be_key(api_key):
        hint = "a key begins with trk_ and is shown once, when it is made: copy it as a whole"
        raise Unauthorized("this is not a key", hint=hint, field=KEY_HEADER)
    return await _of_hash(hash_key(api_key), services)


async def _of_hash(key_hash: str, services: Services) -> Identity:
    async with services.database.read() as session:
        row = await keys.by_hash(session, key_hash)
        former = await restaurants.by_former_key(session, key_hash) if row is None else None
    if former is not None:
        return Identity(OF_A_RESTAURANT, former.id)
    if row is None:
        raise Unauthorized("there is no such key", hint="trunkline keys create makes one", field=KEY_HEADER)
    if why := _ended(row, key_hash):
        raise Unauthorized(why, hint="send the new one, or let one be made: trunkline keys create", field=KEY_HEADER)
    scopes = frozenset(scope for scope in Scope if scope in row.scopes)
    return Identity(scopes, row.restaurant_id, row.id, row.comment or row.prefix, row.expires_at)


def _ended(row: Key, key_hash: str) -> str | None:
    """Why it opens nothing any more."""
    now = utcnow()
    if row.revoked_at is not None:
        return f"this key was revoked at {_written(row.revoked_at)}"
    if row.expires_at is not None and row.expires_at <= now:
        return f"this key expired at {_written(row.expires_at)}"
    if row.hash != key_hash and row.previous_until is not None and row.previous_until <= now:
        return f"this key was renewed, and opened nothing any more from {_written(row.previous_until)} on"
    return None


def _written(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
