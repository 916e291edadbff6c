"""What the first items of a batch would ask for, one thing after the other, is asked for side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import Any

from trunkline.errors import ProviderError
from trunkline.providers.pace import Urgency, urgent
from trunkline.workflows import accounts
from trunkline.workflows.candidates import Candidates
from trunkline.workflows.inventory import BatchInventory
from trunkline.workflows.services import Services


class _AskedAgain(Exception):
    """A look has failed: whoever needs the answer asks for himself, and waits, in a step that shows it."""


async def _once(call: Callable[[], Awaitable[Any]]) -> Any:
    try:
        return await call()
    except ProviderError as error:
        raise _AskedAgain from error


def look_ahead(services: Services, lists: BatchInventory, candidates: Candidates) -> None:
    """Begin to ask, once for a batch, for what an item that wants this will want to know before it buys, while it asks
    for what it wants to know first. Nothing is decided by it, and what fails is asked again by the item that needs it.
    """
    if not lists.looks_ahead:
        lists.goes_on_beside(asyncio.create_task(_look(services, lists, candidates), context=Context()))


async def _look(services: Services, lists: BatchInventory, candidates: Candidates) -> None:
    looks: list[Awaitable[Any]] = [services.target()]
    for carrier in candidates.carriers()[0][:1]:
        lists.search_ahead(carrier, candidates.wish.criteria, candidates.country)
        looks += [
            services.credential(carrier),
            candidates.listed(_once, carrier),
            accounts.balance_of(services, carrier),
        ]
    with urgent(Urgency.BATCH):
        await asyncio.gather(*looks, return_exceptions=True)
