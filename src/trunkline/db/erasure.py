"""What is known of a person is taken out of the books, on request; that something happened stays."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db import restaurants
from trunkline.db.models import Call, Caller, IdempotencyKey
from trunkline.domain.callers import forms
from trunkline.domain.keys import hash_key
from trunkline.errors import Conflict

ERASED = "erased"


async def erase_restaurant(session: AsyncSession, restaurant_id: str) -> int:
    """Its name, ids, metadata, callers and who called it, and the answers that tell them; how many calls were changed.
    NotFound for an unknown one, Conflict for one that was not deleted."""
    restaurant = await restaurants.kept(session, restaurant_id)
    if restaurant.deleted_at is None:
        hint = "delete it first: its number then cools down"
        raise Conflict(f"restaurant {restaurant_id} was not deleted", hint=hint)
    restaurant.name = ERASED
    restaurant.external_id = restaurant.notes = restaurant.wish = None
    restaurant.api_key_hash = hash_key(secrets.token_hex(24))
    await session.execute(delete(Caller).where(Caller.restaurant_id == restaurant_id))
    await session.execute(
        update(IdempotencyKey).where(IdempotencyKey.restaurant_id == restaurant_id).values(answer=None)
    )
    calls = update(Call).where(Call.restaurant_id == restaurant_id, Call.caller.is_not(None)).values(caller=None)
    return int((await session.execute(calls)).rowcount)  # type: ignore[attr-defined]


async def erase_caller(session: AsyncSession, caller: str) -> tuple[int, int]:
    """A caller's number, in every form in which calls came from it: (how many calls, how many registrations)."""
    written: Sequence[str] = forms(caller)
    calls = await session.execute(update(Call).where(Call.caller.in_(written)).values(caller=None))
    registered = await session.execute(delete(Caller).where(Caller.caller.in_(written)))
    return int(calls.rowcount), int(registered.rowcount)  # type: ignore[attr-defined]
