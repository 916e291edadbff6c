"""What the voice platform and the carriers hold and offer, as one assignment sees it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from trunkline.carriers.base import Carrier
from trunkline.domain.choosing import Criteria, Offer, OwnedNumber
from trunkline.voice.base import VoiceNumber, VoicePlatform

OFFERS = 10
Ask = Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]]


class Inventory(Protocol):
    """The flow asks this instead of the providers themselves, so that a batch can read each list once. `ask` is how
    the step at hand asks a provider (visible, retried); an inventory that knows the answer does not use it."""

    async def voice_numbers(self, ask: Ask) -> list[VoiceNumber]: ...

    def used(self, number: str) -> None:
        """This number is not free (any more): a list that was read before need not offer it again."""

    async def owned(self, ask: Ask, carrier: Carrier) -> list[OwnedNumber]: ...

    async def offers(self, ask: Ask, carrier: Carrier, want: Criteria, country: str) -> list[Offer]: ...


class LiveInventory:
    """Asks the providers every time: what a single assignment uses."""

    def __init__(self, voice: VoicePlatform) -> None:
        self._voice = voice

    async def voice_numbers(self, ask: Ask) -> list[VoiceNumber]:
        numbers: list[VoiceNumber] = await ask(self._voice.numbers)
        return numbers

    def used(self, number: str) -> None:
        return None

    async def owned(self, ask: Ask, carrier: Carrier) -> list[OwnedNumber]:
        async def read_all() -> list[OwnedNumber]:
            return [number async for number in carrier.owned()]

        numbers: list[OwnedNumber] = await ask(read_all)
        return numbers

    async def offers(self, ask: Ask, carrier: Carrier, want: Criteria, country: str) -> list[Offer]:
        offers: list[Offer] = await ask(lambda: carrier.search(want, country, OFFERS))
        return offers
