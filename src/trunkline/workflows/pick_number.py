"""Whether a number that was picked can be had: what is known of it refuses at once, what is for sale is asked for."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db import debts, mappings, numbers, restaurants
from trunkline.db.models import Number, Restaurant, utcnow
from trunkline.db.runs import ASSIGNMENTS
from trunkline.domain.choosing import Criteria
from trunkline.domain.numbers import E164, NumberState, national_form
from trunkline.domain.states import DebtKind
from trunkline.domain.wishes import PICKED, Wish
from trunkline.errors import (
    CarrierNotConfigured,
    Conflict,
    InvalidInput,
    NumberInService,
    OfferGone,
    ProviderError,
    Rejected,
)
from trunkline.workflows.services import Services
from trunkline.workflows.stock_number import find_offer

WHOLE = 7  # digits of the shortest numbers that a country has


async def name_number(services: Services, wish: Wish) -> Wish:
    """Who asks for all the digits of a number that is ours and kept from others for a while, has picked it."""
    digits = wish.criteria.contains
    if wish.number is not None or digits is None or len(digits) < WHOLE:
        return wish
    async with services.database.read() as session:
        cooling = await numbers.in_state(session, NumberState.COOLING_DOWN)
    named = [row for row in cooling if is_whole(row.number, digits) and wish.criteria.matches(row.number, row.country)]
    if len(named) != 1:
        return wish
    return replace(wish, criteria=Criteria(carrier=wish.criteria.carrier), reuse=True, number=E164(named[0].number))


async def keep_named(session: AsyncSession, wish: Wish, restaurant_id: str) -> None:
    """A number that cools down after a restaurant that is deleted is kept for the one that a person names it for."""
    if wish.number is None:
        return
    if (await numbers.known(session, [wish.number])).get(wish.number) is None:
        return
    row = (await numbers.lock(session, wish.number))[wish.number]
    if numbers.is_cooling(row) and row.claimed_by is None and await expected(session, row) is None:
        numbers.keep_for(row, restaurant_id)


async def expected(session: AsyncSession, row: Number) -> Restaurant | None:
    """Who is to have a number that cools down: for whom a person has named it, else who had it last; None where that
    one is deleted."""
    named = await restaurants.find(session, row.kept_for)
    return named or await restaurants.find(session, row.former_restaurant_id)


async def check_pick(services: Services, wish: Wish, restaurant_id: str | None, patience: float) -> None:
    """Refuse a number that the restaurant cannot have now: NumberInService or Conflict that says what it does instead,
    InvalidInput where it is neither ours nor for sale. What cannot be asked within `patience` is left to the flow."""
    number = wish.number
    assert number is not None
    async with services.database.read() as session:
        row = (await numbers.known(session, [number])).get(number)
        if row is not None:
            await refuse_busy(session, row, restaurant_id)
    if row is not None and row.state not in (NumberState.FOREIGN, NumberState.RELEASED):
        return  # also one whose purchase for this very restaurant is not settled yet
    try:
        async with asyncio.timeout(patience):
            if not await is_held(services, number, wish.criteria.carrier):
                await find_offer(services, number, wish.criteria.carrier)
    except (OfferGone, CarrierNotConfigured) as error:
        hint = "GET /api/numbers lists what is ours, and GET /api/numbers/search what is for sale"
        raise InvalidInput(f"{number} is not ours, and {error.detail}", field=PICKED, hint=hint) from None
    except Rejected as error:
        raise Conflict(error.detail, hint=error.hint, field=PICKED) from None
    except (ProviderError, TimeoutError):
        return


async def refuse_busy(session: AsyncSession, row: Number, restaurant_id: str | None) -> None:
    """Raise where the number is in use, or kept for another restaurant: while it cools down, for the one that had it
    last, if that has not been deleted."""
    if served := await mappings.of_number(session, row.number):
        names = await restaurants.names(session, [mapping.restaurant_id for mapping in served])
        detail = f"{row.number} serves {', '.join(names[mapping.restaurant_id] for mapping in served)}"
        raise NumberInService(detail, hint=f"POST /api/numbers/{row.number}/move gives it to another", field=PICKED)
    next_one, former_id = await expected(session, row), row.former_restaurant_id
    if row.claimed_by is not None:
        if (await ASSIGNMENTS.get(session, row.claimed_by)).restaurant_id == restaurant_id:
            return  # it was bought for this very one
        why = "about to be put in service"
    elif next_one and numbers.is_cooling(row) and (not restaurant_id or restaurant_id not in (row.kept_for, former_id)):
        hint = f"or give it to this one all the same: POST /api/numbers/{row.number}/move"
        if row.state in numbers.NOT_OURS:
            hint = "or buy it for no restaurant (POST /api/numbers), and move it"
        why = "cools down after" if next_one.id == former_id else "is kept for"
        detail = f"{row.number} {why} {next_one.name} until {row.cooling_until:%Y-%m-%d %H:%M} UTC"
        raise Conflict(detail, hint=hint, field=PICKED)
    elif await debts.is_owed(session, DebtKind.DETACH_OWED, row.number):
        why = "being taken off the restaurant that had it; try again in a moment"
    elif row.put_aside_until is not None and row.put_aside_until > utcnow():
        why = f"put aside until {row.put_aside_until:%Y-%m-%d %H:%M} UTC: {row.put_aside_reason}"
    elif row.state in (NumberState.PURCHASING, NumberState.RELEASING):
        why = "being bought" if row.state == NumberState.PURCHASING else "being released"
    else:
        return
    raise Conflict(f"{row.number} is {why}", hint=f"GET /api/numbers/{row.number}", field=PICKED)


def is_whole(number: str, digits: str) -> bool:
    """Whether these are all the digits with which the number is dialled in its country."""
    return "".join(filter(str.isdigit, national_form(number))).lstrip("0") == digits.lstrip("0")


async def is_held(services: Services, number: E164, carrier: str | None) -> bool:
    """Whether the voice platform has the number, or a carrier's account: what is done with it then, the flow says."""
    if await services.voice.find(number) is not None:
        return True
    for name, owner in services.carriers.items():
        if carrier in (None, name) and await owner.lookup(number) is not None:
            return True
    return False
