"""Reading a provider's whole list for those who choose from it: what cannot be taken by anybody is left out at once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Any

from trunkline.carriers.base import Carrier
from trunkline.db import choosing
from trunkline.db.choosing import Told
from trunkline.db.models import utcnow
from trunkline.domain.choosing import OwnedNumber, is_ours_to_use
from trunkline.domain.marks import count_others, other_installation
from trunkline.domain.numbers import is_number_in_use
from trunkline.voice.base import VoiceNumber
from trunkline.workflows.listings import Listing, T
from trunkline.workflows.services import Services

FEW = 200  # numbers on a list that is read anew each time: that costs one request, and shows what was just changed
PIECE = 250  # numbers that are looked at without letting others have a turn


async def read_voice(services: Services) -> Listing[VoiceNumber]:
    """The voice platform's numbers; a ProviderError where they cannot be read to the end."""
    asked_at, since = time.monotonic(), utcnow()
    listing = await services.voice.numbers()
    shared = await services.voice.shared_assistant()
    found, others = dict[str, VoiceNumber](), Counter[str]()
    for start in range(0, len(listing), PIECE):
        part = listing[start : start + PIECE]
        others.update(count_others(services.installation, [voice.name for voice in part]))
        told = await _told(services, [voice.number for voice in part if voice.number])
        for voice in part:
            row = told.get(voice.number or "")
            if not (row and row.in_use) and may_be_taken(services, voice, shared, row.target if row else None):
                found[str(voice.number)] = voice
    numbers = frozenset(str(voice.number) for voice in listing) if len(listing) <= FEW else None
    return Listing(asked_at, since, len(listing), found, dict(others), numbers)


async def read_owned(services: Services, carrier: Carrier) -> Listing[OwnedNumber]:
    """The numbers of the carrier's account; a ProviderError where they cannot be read to the end."""
    asked_at, since = time.monotonic(), utcnow()
    found, numbers, total = dict[str, OwnedNumber](), set[str](), 0
    async for part in _in_pieces(carrier.owned()):
        total += len(part)
        told = await _told(services, [owned.number for owned in part])
        for owned in part:
            row = told.get(owned.number)
            if not (row and row.in_use) and may_be_used(services, owned):
                found[owned.number] = owned
        if total <= FEW:
            numbers.update(owned.number for owned in part)
    return Listing(asked_at, since, total, found, {}, frozenset(numbers) if total <= FEW else None)


def may_be_taken(services: Services, voice: VoiceNumber, shared: str, target: Mapping[str, Any] | None) -> bool:
    """Whether the record can take calls and serves nobody else; `target` is what we set to answer it."""
    return (
        voice.ready
        and not other_installation(services.installation, voice.name)
        and services.is_ours(voice, shared, target)
        and is_number_in_use(str(voice.number))
    )


def may_be_used(services: Services, owned: OwnedNumber) -> bool:
    """Whether the number can take calls, is ours to use, and serves nobody else."""
    return owned.voice and is_ours_to_use(owned, services.installation) and is_number_in_use(owned.number)


async def _told(services: Services, numbers: list[str]) -> dict[str, Told]:
    async with services.database.read() as session:
        return await choosing.told_of(session, numbers)


async def _in_pieces(rows: AsyncIterator[T]) -> AsyncIterator[list[T]]:
    part: list[T] = []
    async for row in rows:
        part.append(row)
        if len(part) == PIECE:
            yield part
            part = []
    if part:
        yield part
