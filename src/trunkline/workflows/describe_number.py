"""What a person says of a number."""

from __future__ import annotations

from trunkline.db import numbers
from trunkline.domain.notes import NumberNotes
from trunkline.domain.numbers import E164
from trunkline.workflows.services import Services


async def describe_number(services: Services, number: E164, said: NumberNotes) -> None:
    """Keep it with the number; NotFound for one that we do not know."""
    async with services.database.write() as session:
        numbers.describe((await numbers.lock(session, number))[number], said)
