"""Which callers a restaurant gets on a number that it shares."""

from __future__ import annotations

from collections.abc import Sequence

from trunkline.db import callers, mappings, restaurants
from trunkline.domain.callers import current_form
from trunkline.domain.numbers import parse_number
from trunkline.errors import Conflict
from trunkline.workflows.services import Services


async def register_callers(services: Services, restaurant_id: str, numbers: Sequence[str]) -> Sequence[str]:
    """Replace the restaurant's callers; they as they are kept, in E.164.

    InvalidInput for what is not a number with its country code. Conflict where another restaurant that shares the
    number has registered one of them: a call cannot go to two."""
    wanted = sorted({parse_number(current_form(number), field="callers") for number in numbers})
    async with services.database.write() as session:
        await restaurants.get(session, restaurant_id)
        mapping = await mappings.current(session, restaurant_id)
        if mapping is not None:
            taken = await callers.registered_elsewhere(session, mapping.number, restaurant_id, wanted)
            if taken is not None:
                raise Conflict(
                    f"{taken[0]} is registered by {taken[1]}, which shares {mapping.number}",
                    hint="take it off there first",
                )
        await callers.replace(session, restaurant_id, wanted)
        return await callers.of_restaurant(session, restaurant_id)
