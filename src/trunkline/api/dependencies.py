"""What endpoints ask for: the services, who is calling, and the headers that change how a request is answered."""

from __future__ import annotations

import hmac
import time
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Request, Security
from fastapi.security import APIKeyHeader, HTTPBearer

from trunkline.api.stopping import Stopping
from trunkline.db import restaurants
from trunkline.db.models import Assignment
from trunkline.db.runs import ASSIGNMENTS
from trunkline.domain.keys import hash_key
from trunkline.errors import Forbidden, InvalidInput, Unauthorized
from trunkline.workflows.services import Services
from trunkline.workflows.wait_for import end_of

SECRET_HEADER = "X-Vapi-Secret"  # noqa: S105
SECRET_SCHEME = APIKeyHeader(
    name=SECRET_HEADER,
    scheme_name="OperatorSecret",
    description="VAPI_SECRET_KEY; may do everything",
    auto_error=False,
)
KEY_SCHEME = HTTPBearer(
    scheme_name="RestaurantKey",
    description="a restaurant's api_key; reads its own data and nothing else",
    auto_error=False,
)


def not_allowed() -> Forbidden:
    """A new one for each refusal: a raised error keeps its traceback."""
    return Forbidden(
        "a restaurant's key reads its own data and nothing else", hint=f"send the operator's secret as {SECRET_HEADER}"
    )


async def services(request: Request) -> Services:
    found: Services = request.app.state.services
    return found


async def stopping(request: Request) -> Stopping:
    found: Stopping = request.app.state.stopping
    return found


ServicesDep = Annotated[Services, Depends(services)]
StoppingDep = Annotated[Stopping, Depends(stopping)]


@dataclass(frozen=True)
class Caller:
    """Who asks: the operator, or the restaurant whose key it is."""

    restaurant_id: str | None = None

    @property
    def is_operator(self) -> bool:
        return self.restaurant_id is None

    def may_read(self, restaurant_id: str | None) -> None:
        """Forbidden unless it is the operator or this very restaurant."""
        if not self.is_operator and restaurant_id != self.restaurant_id:
            raise not_allowed()


async def identify(request: Request, services: ServicesDep) -> Caller:
    """Unauthorized unless the operator's secret or a restaurant's key is right. A secret that is sent decides alone."""
    secret = request.headers.get(SECRET_HEADER)
    if secret is not None:
        expected = services.settings.vapi_secret_key
        known = expected.get_secret_value().encode() if expected else b""
        # Headers arrive as latin-1; their bytes are what was sent.
        if known and hmac.compare_digest(secret.encode("latin-1"), known):
            return Caller()
        raise Unauthorized(f"{SECRET_HEADER} is wrong", hint="it is VAPI_SECRET_KEY of the server's settings")
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key.strip():
        async with services.database.read() as session:
            restaurant = await restaurants.by_key_hash(session, hash_key(key.strip()))
        if restaurant is not None:
            return Caller(restaurant.id)
        raise Unauthorized("no restaurant has this key", hint="use the api_key shown when the restaurant was created")
    raise Unauthorized(f"{SECRET_HEADER} is missing", hint=f"send {SECRET_HEADER} with VAPI_SECRET_KEY of the server")


Identified = Annotated[Caller, Depends(identify)]


async def operator(caller: Identified, _secret: Annotated[str | None, Security(SECRET_SCHEME)]) -> None:
    """Only the operator goes on."""
    if not caller.is_operator:
        raise not_allowed()


async def reader(
    caller: Identified,
    _secret: Annotated[str | None, Security(SECRET_SCHEME)],
    _key: Annotated[object, Security(KEY_SCHEME)],
) -> Caller:
    """The operator, or a restaurant, which sees its own."""
    return caller


Reader = Annotated[Caller, Depends(reader)]


class Patience:
    """How long a caller waits for what it starts, counted from the request's beginning."""

    def __init__(self, services: Services, stopping: Stopping, respond_async: bool) -> None:
        self.respond_async = respond_async
        self._services = services
        self._stopping = stopping
        self._until = time.monotonic() + (0 if respond_async else services.settings.assign_wait_seconds)

    @property
    def left(self) -> float:
        return max(0.0, self._until - time.monotonic())

    async def end_of(self, assignment_id: str) -> Assignment:
        """The assignment once it has ended, or as it stands when the patience or the server ends."""
        return await self._stopping.unless_late(
            end_of(self._services, ASSIGNMENTS, assignment_id, self.left),
            end_of(self._services, ASSIGNMENTS, assignment_id, 0),
        )


async def patience(
    services: ServicesDep,
    stopping: StoppingDep,
    prefer: Annotated[
        str | None,
        Header(description="`respond-async`: answer 202 at once instead of waiting for the assignment"),
    ] = None,
) -> Patience:
    """None for a caller that prefers not to wait (RFC 7240), else that of the settings."""
    respond_async = any(part.strip().lower() == "respond-async" for part in (prefer or "").split(","))
    return Patience(services, stopping, respond_async)


async def idempotency_key(
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            description="1 to 200 printable ASCII characters: the same key with the same body gets the same answer, "
            "and nothing happens twice",
        ),
    ] = None,
) -> str | None:
    if key is not None and not (1 <= len(key) <= 200 and key.isascii() and key.isprintable()):
        raise InvalidInput(
            "Idempotency-Key has 1 to 200 printable ASCII characters", field="Idempotency-Key", hint="use a UUID"
        )
    return key


PatienceDep = Annotated[Patience, Depends(patience)]
IdempotencyKeyDep = Annotated[str | None, Depends(idempotency_key)]
