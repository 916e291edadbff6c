"""Keys: who may do what."""

from __future__ import annotations

from collections.abc import Sequence

from trunkline.client import models
from trunkline.client.operations.budgets import Limits
from trunkline.client.operations.common import headers_of, part
from trunkline.client.wire import Call, Pages


def create_key(
    scopes: Sequence[str],
    *,
    restaurant: str | None = None,
    expires_at: str | None = None,
    comment: str | None = None,
    budget: Limits | None = None,
    idempotency_key: str | None = None,
) -> Call[models.MadeKey]:
    """Make a key, for one restaurant or for all, and with a budget; it is told only now."""
    wanted = {"restaurant": restaurant, "expires_at": expires_at, "comment": comment, "budget": budget}
    body = {"scopes": list(scopes), **wanted}
    return Call("POST", "/api/keys", models.MadeKey, body=body, headers=headers_of(idempotency_key))


def keys(*, restaurant_id: str | None = None, revoked: bool = False) -> Pages[models.Key]:
    """All that were not revoked, or those that were; oldest first."""
    return Pages("/api/keys", models.Key, {"restaurant_id": restaurant_id, "revoked": revoked or None})


def key(key_id: str) -> Call[models.Key]:
    return Call("GET", f"/api/keys/{part(key_id)}", models.Key)


def rotate_api_key(key_id: str, *, force: bool = False) -> Call[models.MadeKey]:
    """Give it another secret; that until now works for a day more, with `force` no longer."""
    return Call("POST", f"/api/keys/{part(key_id)}/rotate", models.MadeKey, body={"force": force})


def revoke_key(key_id: str, *, reason: str | None = None) -> Call[models.Key]:
    """It opens nothing any more."""
    return Call("POST", f"/api/keys/{part(key_id)}/revoke", models.Key, {"reason": reason})


def identity() -> Call[models.Identity]:
    """Who asks, what he may do, and whether a budget limits him."""
    return Call("GET", "/api/identity", models.Identity)
