"""What is done to keys: made, renewed, revoked. Nobody gives what he has not himself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db import keys, restaurants
from trunkline.db.models import Key, utcnow
from trunkline.domain.budgets import SpendingLimits
from trunkline.domain.scopes import OF_A_RESTAURANT, Scope, in_order
from trunkline.errors import Conflict, Forbidden, InvalidInput, NotFound
from trunkline.workflows.identify import Identity, not_allowed
from trunkline.workflows.manage_budgets import keep_budget
from trunkline.workflows.once import Begun, Once, begin_once, find_begun
from trunkline.workflows.services import Services


@dataclass(frozen=True)
class Wanted:
    """A key that is to be made; `restaurant_id` is the only one that it is to see, None for all. `limits` are its
    budget."""

    scopes: frozenset[Scope]
    restaurant_id: str | None = None
    expires_at: datetime | None = None
    comment: str | None = None
    limits: SpendingLimits | None = None


@dataclass(frozen=True)
class Made:
    """A key's id, and the key itself; None where the same request had made it before."""

    key_id: str
    api_key: str | None


async def create_key(services: Services, identity: Identity, wanted: Wanted, once: Once | None = None) -> Made:
    """Make it, once per idempotency key. Forbidden for what `identity` has not itself, InvalidInput for a moment that
    is over; both name the field."""
    _refuse_beyond(identity, wanted.scopes, wanted.restaurant_id, wanted.expires_at)
    if wanted.expires_at is not None and wanted.expires_at <= utcnow():
        raise InvalidInput("this moment is over", field="expires_at", hint="give a later one, or none")
    if wanted.limits is not None and not identity.is_operator:
        raise Forbidden("a restaurant's key sets no budget", hint="leave it out", field="budget")
    if before := await find_begun(services, once):
        return Made(before.run, None)
    made: list[str] = []

    async def begin(session: AsyncSession) -> Begun:
        if wanted.restaurant_id is not None:
            await restaurants.get(session, wanted.restaurant_id, lock=True)
        row, api_key = await keys.add(
            session,
            wanted.scopes,
            restaurant_id=wanted.restaurant_id,
            expires_at=wanted.expires_at,
            comment=wanted.comment,
        )
        if wanted.limits is not None:
            await keep_budget(session, services.settings.budget_rates, row.id, wanted.limits)
        made.append(api_key)
        return Begun(row.id)

    begun = await begin_once(services, once, None, begin)
    return Made(begun.run, None if once is not None and once.replayed else made[-1])


async def renew_key(services: Services, identity: Identity, key_id: str, *, force: bool) -> Made:
    """Give it another secret. That until now counts for a day more, with `force` no longer. Conflict for a second time
    within that day, unless forced: the one that is in use would end at once."""
    async with services.database.write() as session:
        row = await seen(session, identity, key_id, lock=True)
        _refuse_beyond(identity, frozenset(map(Scope, row.scopes)), row.restaurant_id, row.expires_at)
        return Made(key_id, renew(row, force=force))


async def renew_restaurants_key(services: Services, identity: Identity, restaurant_id: str, *, force: bool) -> str:
    """The restaurant's own key anew, as `renew_key` does it; in the place of a former one, where it has that."""
    _refuse_beyond(identity, OF_A_RESTAURANT, restaurant_id, None)
    async with services.database.write() as session:
        restaurant = await restaurants.get(session, restaurant_id, lock=True)
        if (own := await keys.own_of(session, restaurant_id)) is not None:
            return renew(own, force=force)
        row, api_key = await keys.add(session, OF_A_RESTAURANT, restaurant_id=restaurant_id, own=True)
        former_hash = restaurants.forget_former_key(restaurant)
        if former_hash is not None and not force:
            keys.follow_former(row, former_hash)
        return api_key


def renew(row: Key, *, force: bool) -> str:
    """The new secret of a key that may have one; see `renew_key`."""
    now = utcnow()
    if row.revoked_at is not None:
        raise Conflict("this key was revoked", hint="let another one be made: POST /api/keys", field="key_id")
    if row.expires_at is not None and row.expires_at <= now:
        raise Conflict("this key has expired", hint="let another one be made: POST /api/keys", field="key_id")
    if not force and row.previous_until is not None and row.previous_until > now:
        detail = (
            f"this key was renewed within a day: the one before works until {row.previous_until:%Y-%m-%d %H:%M} UTC"
        )
        raise Conflict(detail, hint="with force both end at once, and the newest alone works", field="force")
    return keys.rotate(row, grace=not force)


async def revoke_key(services: Services, identity: Identity, key_id: str) -> None:
    """It opens nothing from now on; one that was revoked stays so. Forbidden for one that may more than who asks."""
    async with services.database.write() as session:
        row = await seen(session, identity, key_id, lock=True)
        _refuse_beyond(identity, frozenset(map(Scope, row.scopes)), row.restaurant_id, identity.expires_at)
        keys.revoke(row)


async def seen(session: AsyncSession, identity: Identity, key_id: str, *, lock: bool = False) -> Key:
    """The key. A restaurant's is told of its own only, not even which others there are."""
    try:
        row = await keys.get(session, key_id, lock=lock)
    except NotFound:
        if identity.is_operator:
            raise
        raise not_allowed() from None
    identity.may_read(row.restaurant_id)
    return row


def _refuse_beyond(
    identity: Identity, scopes: frozenset[Scope], restaurant_id: str | None, expires_at: datetime | None
) -> None:
    if lacking := in_order(scopes - identity.scopes):
        hint = "ask with a key that has them, or leave them out"
        raise Forbidden(f"who asks has not himself: {', '.join(lacking)}", hint=hint, field="scopes")
    if not identity.is_operator and restaurant_id != identity.restaurant_id:
        hint = "leave it out, or name the restaurant of the key that asks"
        raise Forbidden("a restaurant's key gives keys of that restaurant only", hint=hint, field="restaurant")
    if identity.expires_at is not None and (expires_at is None or expires_at > identity.expires_at):
        hint = f"give one up to {identity.expires_at:%Y-%m-%dT%H:%M:%SZ}"
        raise Forbidden("a key does not outlive the one that it is made with", hint=hint, field="expires_at")
