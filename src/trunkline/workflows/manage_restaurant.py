"""What is done to a restaurant: create it, ask a number for it, switch a shared number to it, register who calls it,
delete it. Each holds the restaurant's row while it decides, so that of two at once exactly one happens."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.carriers.base import Carrier
from trunkline.db import assignments, budgets, callers, keys, mappings, restaurants
from trunkline.db.models import Assignment, Restaurant
from trunkline.db.runs import ASSIGNMENTS
from trunkline.domain.callers import current_form
from trunkline.domain.ids import new_id
from trunkline.domain.notes import RestaurantChange, RestaurantNotes, checked_name
from trunkline.domain.numbers import NumberType, parse_number
from trunkline.domain.wishes import Wish
from trunkline.errors import (
    AlreadyAssigned,
    AssignmentRunning,
    Conflict,
    InvalidInput,
    ProviderError,
)
from trunkline.workflows.assign_number import AssignNumber
from trunkline.workflows.manage_budgets import change_budget
from trunkline.workflows.once import Begun, Once, begin_once, find_begun
from trunkline.workflows.pick_number import check_pick, keep_named, name_number
from trunkline.workflows.services import Services

OFFERED_SECONDS = 2.0  # for which a request waits to hear what a carrier sells, where it waits at all
NO_NOTES = RestaurantNotes()
JUST_STARTED = "an assignment of this restaurant has just been started"


@dataclass(frozen=True)
class Created:
    """`found` is true where the restaurant of this external_id was there, and nothing has been created or changed.
    `api_key` is the key of one that was created now: nobody is told it again."""

    restaurant_id: str
    assignment_id: str | None
    found: bool = False
    api_key: str | None = None


async def create_restaurant(
    services: Services,
    name: str,
    wish: Wish,
    once: Once | None = None,
    *,
    notes: RestaurantNotes = NO_NOTES,
    assign: bool = True,
    patience: float = OFFERED_SECONDS,
) -> Created:
    """Create it and, where it is to have a number now (`assign`), start its assignment; once per idempotency key
    and per external_id. InvalidInput names the field at fault and nothing is created; so does a Conflict, where the
    number that is picked serves somebody else; IdempotencyMismatch if the key was used with another body. `patience`:
    seconds that the caller waits."""
    name = checked_name(name)
    if before := await _before(services, once, notes.external_id):
        return before
    if assign:
        wish = await name_number(services, wish)
        await check_wish(services, wish, None, patience)

    made: list[str] = []

    async def begin(session: AsyncSession) -> Begun:
        restaurant = new_restaurant(name, notes, wish)
        await restaurants.add(session, restaurant)
        made.extend(await keys.add_own(session, [restaurant.id]))
        if assign:
            await keep_named(session, wish, restaurant.id)
        assignment = await _write_assignment(session, restaurant.id, wish) if assign else None
        return Begun(assignment.id if assignment else None, restaurant.id)

    try:
        begun = await begin_once(services, once, AssignNumber.kind, begin)
    except IntegrityError:
        if before := await _before(services, None, notes.external_id):
            return before  # the same came at the same time
        raise
    assert begun.restaurant_id is not None
    replayed = once is not None and once.replayed
    return Created(begun.restaurant_id, begun.run_id, api_key=None if replayed else made[-1])


async def request_number(
    services: Services,
    restaurant_id: str,
    wish: Wish,
    patience: float = OFFERED_SECONDS,
    once: Once | None = None,
    *,
    names: bool = True,
) -> str:
    """Start an assignment for a restaurant that has no number of its own; its id. Once per idempotency key. `names`: a
    person asks who may pick a number, and picks one by all its digits.

    AssignmentRunning while one has not ended, AlreadyAssigned where it has its own number. A restaurant that shares a
    trial account's number may ask for its own."""
    if before := await find_begun(services, once):
        return before.run
    wish = await name_number(services, wish) if names else wish
    await check_wish(services, wish, restaurant_id, patience)
    return await request_checked(services, restaurant_id, wish, once)


async def request_checked(
    services: Services, restaurant_id: str, wish: Wish, once: Once | None = None, batch_id: str | None = None
) -> str:
    """The same for a wish that was checked when it was asked: what is owed to it is settled first, whether it can be
    had now or not. What it buys is bought for the batch `batch_id`, within what that one may."""

    async def begin(session: AsyncSession) -> Begun:
        restaurant = await restaurants.get_soon(session, restaurant_id)
        if wish.lasting():
            restaurants.keep_wish(restaurant, wish)
        await keep_named(session, wish, restaurant_id)
        return Begun((await add_assignment(session, restaurant_id, wish, batch_id=batch_id)).id)

    return (await begin_once(services, once, AssignNumber.kind, begin)).run


async def add_assignment(session: AsyncSession, restaurant_id: str, wish: Wish, **columns: Any) -> Assignment:
    """Write the assignment of a restaurant that may have one, which somebody then has to work on. Raises as
    `request_number` does."""
    await restaurants.get(session, restaurant_id, lock=True)
    return await add_held_assignment(session, restaurant_id, wish, **columns)


async def add_held_assignment(session: AsyncSession, restaurant_id: str, wish: Wish, **columns: Any) -> Assignment:
    """The same for a restaurant that the caller holds."""
    await refuse_running(session, restaurant_id)
    current = await mappings.current(session, restaurant_id)
    if current is not None and await mappings.count_of_number(session, current.number) == 1:
        raise AlreadyAssigned(
            f"the restaurant has {current.number}", hint="release the number first if it should get another"
        )
    try:
        return await _write_assignment(session, restaurant_id, wish, **columns)
    except IntegrityError:
        raise AssignmentRunning(JUST_STARTED) from None


async def retry_assignment(
    services: Services,
    assignment_id: str,
    patience: float = OFFERED_SECONDS,
    once: Once | None = None,
    *,
    names: bool = True,
) -> str:
    """Ask again for what an assignment asked for; the id of the new one. Raises as `request_number` does."""
    async with services.database.read() as session:
        before = await ASSIGNMENTS.get(session, assignment_id)
    wish = Wish.stored(before.criteria, before.force_twilio)
    return await request_number(services, before.restaurant_id, wish, patience, once, names=names)


async def delete_restaurant(services: Services, restaurant_id: str) -> str | None:
    """End it and its mapping; the number cools down and is detached. The number if one was freed.

    AssignmentRunning while an assignment has not ended: it may be buying a number for it at this moment."""
    async with services.database.write() as session:
        await budgets.drop(session, restaurant_id)
        restaurant = await restaurants.get(session, restaurant_id, lock=True)
        await refuse_running(session, restaurant_id)
        current = await mappings.held(session, restaurant_id)
        freed = None
        if current is not None:
            hours = services.settings.number_cooldown_hours
            freed = await mappings.end(session, current, "restaurant_deleted", hours)
        restaurants.delete(restaurant)
    return freed


def new_restaurant(name: str, notes: RestaurantNotes, wish: Wish) -> Restaurant:
    """The row of one that is to be created."""
    kept = {"external_id": notes.external_id, "notes": dict(notes.metadata)}
    return Restaurant(id=new_id("rst"), name=name, wish=wish.lasting(), **kept)


async def edit_restaurant(services: Services, restaurant_id: str, change: RestaurantChange) -> None:
    """Change what is known of it. A new name is heard by the very next caller. Conflict where another restaurant has
    the external_id; InvalidInput names the field at fault, and nothing is changed."""
    try:
        async with services.database.write() as session:
            await change_budget(session, services.settings.budget_rates, restaurant_id, change)
            restaurant = await restaurants.get(session, restaurant_id, lock=True)
            await restaurants.edit(session, restaurant, change)
    except IntegrityError:
        async with services.database.read() as session:
            other = await restaurants.by_external_id(session, change.external_id or "")
        named = f"restaurant {other.id}" if other is not None else "another restaurant"
        detail = f"{named} has the external_id {change.external_id}"
        raise Conflict(detail, hint="give each its own", field="external_id") from None


async def activate_phone(services: Services, restaurant_id: str) -> str:
    """Make the restaurant the one that gets its shared number's calls; the number. Conflict where it has none."""
    async with services.database.write() as session:
        await restaurants.get(session, restaurant_id, lock=True)
        mapping = await mappings.held(session, restaurant_id)
        if mapping is None:
            raise Conflict("the restaurant has no number", hint="POST /api/restaurants/{id}/phone first")
        await mappings.activate(session, mapping)
        return mapping.number


async def register_callers(services: Services, restaurant_id: str, wanted: Sequence[str]) -> Sequence[str]:
    """Replace the restaurant's callers; they as they are kept, in E.164.

    InvalidInput for what is not a number with its country code. Conflict where another restaurant that shares the
    number has registered one of them: a call cannot go to two."""
    parsed = sorted({parse_number(current_form(number), field="callers") for number in wanted})
    async with services.database.write() as session:
        await restaurants.get(session, restaurant_id, lock=True)
        mapping = await mappings.held(session, restaurant_id)
        if mapping is not None:
            taken = await callers.registered_elsewhere(session, mapping.number, restaurant_id, parsed)
            if taken is not None:
                raise Conflict(
                    f"{taken[0]} is registered by {taken[1]}, which shares {mapping.number}",
                    hint="take it off there first",
                )
        await callers.replace(session, restaurant_id, parsed)
        return await callers.of_restaurant(session, restaurant_id)


async def check_wish(services: Services, wish: Wish, restaurant_id: str | None, patience: float) -> None:
    """Refuse at once what cannot be: a type that is not sold, or a number that this restaurant (None: one that is to be
    created) cannot have."""
    if wish.number is None:
        await check_offered(services, wish, patience)
    else:
        await check_pick(services, wish, restaurant_id, min(patience, OFFERED_SECONDS))


async def check_offered(services: Services, wish: Wish, patience: float = OFFERED_SECONDS) -> None:
    """InvalidInput if the number type asked for is not sold in the country by any carrier that could serve. A carrier
    that cannot be asked now, or does not answer in time, says nothing; without patience only what is in memory counts.
    """
    want = wish.criteria
    if want.number_type is None:
        return
    country = want.country_for(services.settings.default_country)
    asked = [c for name, c in services.carriers.items() if want.carrier in (None, name)]
    try:
        async with asyncio.timeout(min(patience, OFFERED_SECONDS)):
            instead = await _sold_instead(asked, country, want.number_type)
    except (ProviderError, TimeoutError):
        return
    if instead is not None:
        known = ", ".join(sorted(instead)) or "none"
        raise InvalidInput(
            f"{want.number_type.value} numbers are not sold in {country}",
            field="number_type",
            hint=f"types offered there: {known}",
        )


async def _sold_instead(carriers: Sequence[Carrier], country: str, wanted: NumberType) -> set[NumberType] | None:
    """What they sell in the country where none of them sells this type there; else None, also where one cannot say."""
    sold: set[NumberType] = set()
    for carrier in carriers:
        types = await carrier.offered_types(country)
        if types is None or wanted in types:
            return None
        sold |= types
    return sold if carriers else None


async def refuse_running(session: AsyncSession, restaurant_id: str) -> None:
    if (running := await assignments.running(session, restaurant_id)) is not None:
        raise AssignmentRunning(
            f"assignment {running.id} of this restaurant has not ended", hint=f"GET /api/assignments/{running.id}"
        )


async def _write_assignment(session: AsyncSession, restaurant_id: str, wish: Wish, **columns: Any) -> Assignment:
    return await assignments.add(session, restaurant_id, criteria=wish.plain(), force_twilio=wish.forced, **columns)


async def _before(services: Services, once: Once | None, external_id: str | None) -> Created | None:
    """The restaurant that the same request, or another one for this external_id, has created already."""
    if (begun := await find_begun(services, once)) and begun.restaurant_id:
        return Created(begun.restaurant_id, begun.run_id)
    if external_id is None:
        return None
    async with services.database.read() as session:
        there = await restaurants.by_external_id(session, external_id)
    return Created(there.id, None, found=True) if there is not None else None
