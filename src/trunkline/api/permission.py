"""What each endpoint asks of its caller: the scope that stands beside it, in the OpenAPI document too."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, HTTPBearer, SecurityScopes

from trunkline.domain.scopes import Scope
from trunkline.workflows.identify import SECRET_HEADER, Identity, not_allowed

SECRET_SCHEME = APIKeyHeader(
    name=SECRET_HEADER,
    scheme_name="OperatorSecret",
    description="VAPI_SECRET_KEY; may do everything, or what VAPI_SECRET_SCOPES says",
    auto_error=False,
)
KEY_SCHEME = HTTPBearer(
    scheme_name="Key",
    description="a key, `trk_...`; does what its scopes say, for all restaurants or for one",
    auto_error=False,
)
IDENTITY = "trunkline.identity"  # of a request's scope


async def identified(request: Request) -> Identity:
    """Found out before the request's body was read."""
    identity: Identity = request.scope[IDENTITY]
    return identity


Identified = Annotated[Identity, Depends(identified)]


async def of_all(
    identity: Identified,
    wanted: SecurityScopes,
    _secret: Annotated[str | None, Security(SECRET_SCHEME)],
    _key: Annotated[object, Security(KEY_SCHEME)],
) -> None:
    """Only who has the scope goes on, and sees all restaurants."""
    _refuse(identity, wanted)
    if not identity.is_operator:
        raise not_allowed()


async def of_one(
    identity: Identified,
    wanted: SecurityScopes,
    _secret: Annotated[str | None, Security(SECRET_SCHEME)],
    _key: Annotated[object, Security(KEY_SCHEME)],
) -> None:
    """The same, or a restaurant's own: the endpoint shows it nothing else."""
    _refuse(identity, wanted)


def known_to_us() -> list[Any]:
    """The `dependencies` of an endpoint that is for whoever shows a key or the secret, whatever it may do."""
    return [Security(of_one)]


def _refuse(identity: Identity, wanted: SecurityScopes) -> None:
    for scope in wanted.scopes:
        identity.needs(Scope(scope))


def needs(scope: Scope, *, own: bool = False) -> list[Any]:
    """The `dependencies` of an endpoint, or of all of a router, that ask for the scope; `own` where a restaurant's key
    may come, too, as the endpoint shows it nothing of others."""
    return [Security(of_one if own else of_all, scopes=[scope.value])]
