"""Numbers that the configured accounts hold, that nobody uses, and that we do not have: those that can be adopted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trunkline.db import numbers
from trunkline.domain.choosing import OwnedNumber, is_ours_to_use
from trunkline.domain.marks import parse_mark
from trunkline.errors import ProviderError
from trunkline.voice.base import VoiceNumber
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
            if one.number not in ours and _is_free(services, one, there.get(one.number), shared)
        ]
    return Unused(held, refusals)


def _is_free(services: Services, owned: OwnedNumber, voice: VoiceNumber | None, shared: str | None) -> bool:
    """By its mark, by what answers it at the carrier, and by Vapi."""
    if not owned.voice:
        return False
    if voice is None:
        return is_ours_to_use(owned, services.installation)
    marks = [mark for mark in (parse_mark(owned.mark_text), parse_mark(voice.name)) if mark is not None]
    if any(mark.installation != services.installation for mark in marks):
        return False
    return services.is_ours(voice, shared, None)
