"""Numbers that the configured accounts hold, that nobody uses, and that we do not have: those that can be adopted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trunkline.db import numbers
from trunkline.domain.choosing import OwnedNumber
from trunkline.errors import ProviderError
from trunkline.workflows.compare_worlds import is_free
from trunkline.workflows.services import Services


@dataclass(frozen=True)
class Unused:
    """The numbers by carrier, and the errors of carriers whose account could not be read."""

    held: Sequence[tuple[str, OwnedNumber]]
    refusals: Sequence[tuple[str, ProviderError]]


async def find_unused(services: Services, only: str | None = None) -> Unused:
    """Each list is read once, to its end. A ProviderError where the voice platform's cannot be."""
    there = {voice.number: voice for voice in await services.voice.numbers() if voice.number}
    shared = await services.shared_assistant()
    held: list[tuple[str, OwnedNumber]] = []
    refusals: list[tuple[str, ProviderError]] = []
    for name, carrier in services.carriers.items():
        if only not in (None, name) or not carrier.capabilities.imported:
            continue
        try:
            owned = [one async for one in carrier.owned()]
        except ProviderError as error:
            refusals.append((name, error))
            continue
        async with services.database.read() as session:
            known = await numbers.known(session, [one.number for one in owned])
        ours = {number for number, row in known.items() if row.state not in numbers.NOT_OURS}
        held += [
            (name, one)
            for one in owned
            if one.number not in ours and is_free(services, one, there.get(one.number), shared)
        ]
    return Unused(held, refusals)
