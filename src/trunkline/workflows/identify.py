"""Who is calling: the operator by the secret, or a restaurant by its own key."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from trunkline.db import restaurants
from trunkline.domain.acting import Acting, ActorKind
from trunkline.domain.keys import hash_key
from trunkline.errors import Forbidden, Unauthorized
from trunkline.workflows.services import Services

SECRET_HEADER = "X-Vapi-Secret"  # noqa: S105


def not_allowed() -> Forbidden:
    """A new one for each refusal: a raised error keeps its traceback."""
    return Forbidden(
        "a restaurant's key reads its own data and nothing else", hint=f"send the operator's secret as {SECRET_HEADER}"
    )


@dataclass(frozen=True)
class Identity:
    """Who asks: the operator, or the restaurant whose key it is."""

    restaurant_id: str | None = None

    @property
    def is_operator(self) -> bool:
        return self.restaurant_id is None

    @property
    def acting(self) -> Acting:
        """Who acts in what this request does."""
        if self.restaurant_id is not None:
            return Acting(ActorKind.RESTAURANT, id=self.restaurant_id)
        return Acting(ActorKind.SECRET, name=SECRET_HEADER)

    def may_read(self, restaurant_id: str | None) -> None:
        """Forbidden unless it is the operator or this very restaurant."""
        if not self.is_operator and restaurant_id != self.restaurant_id:
            raise not_allowed()


async def identify(headers: Mapping[str, str], services: Services, *, secret_as_token: bool = False) -> Identity:
    """Unauthorized unless the operator's secret or a restaurant's key is right. A secret that is sent decides alone.

    `secret_as_token`: the operator's secret counts as bearer token too, for programs that can send nothing else."""
    secret = headers.get(SECRET_HEADER)
    if secret is not None:
        if _is_operators(secret, services):
            return Identity()
        raise Unauthorized(f"{SECRET_HEADER} is wrong", hint="it is VAPI_SECRET_KEY of the server's settings")
    scheme, _, key = headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key.strip():
        if secret_as_token and _is_operators(key.strip(), services):
            return Identity()
        async with services.database.read() as session:
            restaurant = await restaurants.by_key_hash(session, hash_key(key.strip()))
        if restaurant is not None:
            return Identity(restaurant.id)
        raise Unauthorized("no restaurant has this key", hint="use the api_key shown when the restaurant was created")
    raise Unauthorized(f"{SECRET_HEADER} is missing", hint=f"send {SECRET_HEADER} with VAPI_SECRET_KEY of the server")


def _is_operators(secret: str, services: Services) -> bool:
    expected = services.settings.vapi_secret_key
    known = expected.get_secret_value().encode() if expected else b""
    # Headers arrive as latin-1; their bytes are what was sent.
    return bool(known) and hmac.compare_digest(secret.encode("latin-1"), known)
