"""A person's visit to the console: logging in with a key or the secret, going on with a token, logging out."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta

from trunkline.db import visits
from trunkline.db.installation import key_salt
from trunkline.db.models import Visit, utcnow
from trunkline.domain.keys import hash_key, slow_hash
from trunkline.errors import Unauthorized
from trunkline.workflows.identify import SECRET_HEADER, Identity, identify, identify_again
from trunkline.workflows.services import Services

LASTS = timedelta(hours=12)
RENEWED_AFTER = timedelta(minutes=15)


@dataclass(frozen=True)
class Going:
    """A visit that goes on: who it is, the token that is to be kept from now on, and what all forms of this visit carry
    so that nobody else can have made them."""

    identity: Identity
    token: str
    seal: str


async def log_in(services: Services, credential: str) -> str:
    """A token for who has this secret or key; Unauthorized where nobody has."""
    as_header = credential.strip().encode().decode("latin-1")  # as it would arrive in a header
    try:
        await identify({SECRET_HEADER: as_header}, services)
    except Unauthorized:
        await identify({"Authorization": f"Bearer {as_header}"}, services)
        return await _let_in(services, hash_key(credential.strip()))
    return await _let_in_with(services, credential.strip())


async def let_in_operator(services: Services) -> str:
    """A token for the operator, who has been known otherwise."""
    secret = services.settings.vapi_secret_key
    assert secret is not None  # the server does not start without
    return await _let_in_with(services, secret.get_secret_value())


async def _let_in_with(services: Services, secret: str) -> str:
    async with services.database.read() as session:
        salt = await key_salt(session)
    return await _let_in(services, await asyncio.to_thread(slow_hash, secret, salt))


async def _let_in(services: Services, credential_hash: str) -> str:
    token = secrets.token_urlsafe(32)
    async with services.database.write() as session:
        await visits.begin(session, hash_key(token), credential_hash, utcnow() + LASTS)
    return token


async def go_on(services: Services, token: str) -> Going | None:
    """Who visits with this token, as long as what he logged in with opens anything; None for nobody."""
    token_hash = hash_key(token)
    async with services.database.read() as session:
        visit, salt = await visits.of_token(session, token_hash), await key_salt(session)
    identity = await identify_again(services, visit.credential_hash, salt) if visit is not None else None
    if visit is None or identity is None:
        return None
    seal = seal_of(services, visit, salt)
    if visit.token_hash != token_hash or visit.renewed_at > utcnow() - RENEWED_AFTER:
        return Going(identity, token, seal)
    new = secrets.token_urlsafe(32)
    async with services.database.write() as session:
        renewed = await visits.renew(session, token_hash, hash_key(new))
    return Going(identity, new if renewed else token, seal)


def seal_of(services: Services, visit: Visit, salt: str) -> str:
    """The same for as long as the visit lasts, whatever its token is; who reads it cannot guess the secret by it, as he
    does not know the salt."""
    secret = services.settings.vapi_secret_key
    assert secret is not None  # the server does not start without
    text = f"visit:{salt}:{visit.credential_hash}:{visit.created_at.isoformat()}"
    return hmac.new(secret.get_secret_value().encode(), text.encode(), hashlib.sha256).hexdigest()


async def log_out(services: Services, token: str) -> None:
    """The token opens nothing any more."""
    async with services.database.write() as session:
        await visits.end(session, hash_key(token))
