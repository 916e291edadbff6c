"""What is known of a person is taken out of the books, on request; that something happened stays."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Text, cast, delete, or_, update
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db import endpoints, keys, restaurants
from trunkline.db.event_rows import unnoted
from trunkline.db.events import announce
from trunkline.db.models import Call, Caller, Event, IdempotencyKey, Move
from trunkline.domain.callers import forms
from trunkline.domain.events import EventType, Subjects
from trunkline.errors import Conflict

ERASED = "erased"
TOLD_OF_IT = {"before": None, "after": None}


async def erase_restaurant(session: AsyncSession, restaurant_id: str) -> int:
    """Its name, ids, metadata, callers and who called it, and the answers and moves that tell them; how many calls were
    changed. NotFound for an unknown one, Conflict for one that was not deleted."""
    restaurant = await restaurants.kept(session, restaurant_id)
    if restaurant.deleted_at is None:
        hint = "delete it first: its number then cools down"
        raise Conflict(f"restaurant {restaurant_id} was not deleted", hint=hint)
    with unnoted(session):
        restaurant.name = ERASED
        restaurant.external_id = restaurant.notes = restaurant.wish = None
        restaurants.forget_former_key(restaurant)
        await session.flush()
    await keys.erase(session, restaurant_id)
    await _erase_from_events(session, restaurant_id)
    announce(session, EventType.RESTAURANT_ERASED, Subjects(restaurant_id))
    await session.execute(delete(Caller).where(Caller.restaurant_id == restaurant_id))
    await _erase_from_answers(session, restaurant_id)
    moved = or_(Move.from_id == restaurant_id, Move.to_id == restaurant_id)
    await session.execute(update(Move).where(moved).values(message=None, why=None))
    calls = update(Call).where(Call.restaurant_id == restaurant_id, Call.caller.is_not(None)).values(caller=None)
    return int((await session.execute(calls)).rowcount)  # type: ignore[attr-defined]


async def _erase_from_answers(session: AsyncSession, restaurant_id: str) -> None:
    """What was answered to whatever request told of it, by its id: of one, of a move, of a whole import."""
    told = cast(IdempotencyKey.answer, Text).contains(restaurant_id, autoescape=True)
    forgotten = update(IdempotencyKey).where(told).values(answer=None)
    await session.execute(forgotten.execution_options(synchronize_session=False))


async def _erase_from_events(session: AsyncSession, restaurant_id: str) -> None:
    """That each happened stays, and when, and by whom; not what people called it, nor what they gave as a reason."""
    await endpoints.forget_answers(session, restaurant_id)
    own = update(Event).where(Event.restaurant_id == restaurant_id)
    named = or_(*(Event.type.startswith(noun) for noun in ("restaurant.", "move.", "key.")))
    for change in (own.where(Event.reason.is_not(None)).values(reason=None), own.where(named).values(TOLD_OF_IT)):
        await session.execute(change.execution_options(synchronize_session=False))


async def erase_caller(session: AsyncSession, caller: str) -> tuple[int, int]:
    """A caller's number, in every form in which calls came from it: (how many calls, how many registrations)."""
    written: Sequence[str] = forms(caller)
    calls = await session.execute(update(Call).where(Call.caller.in_(written)).values(caller=None))
    registered = await session.execute(delete(Caller).where(Caller.caller.in_(written)))
    counted = int(calls.rowcount), int(registered.rowcount)  # type: ignore[attr-defined]
    announce(session, EventType.CALLER_ERASED, Subjects(), after={"calls": counted[0], "registrations": counted[1]})
    return counted
