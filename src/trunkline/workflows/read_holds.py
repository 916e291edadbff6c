"""What is held now, for whoever is about to buy."""

from __future__ import annotations

from trunkline.db import holds
from trunkline.domain.choosing import Offer
from trunkline.domain.numbers import E164
from trunkline.workflows.purchase_outcome import read_offer
from trunkline.workflows.services import Services


async def held_offer(services: Services, number: E164, carrier: str | None) -> tuple[str, Offer] | None:
    """Who holds the number for us (or this carrier), and its offer as it was: a search may show it no more."""
    async with services.database.read() as session:
        row = await holds.live(session, number)
    if row is None or row.carrier not in services.carriers or carrier not in (None, row.carrier):
        return None
    return row.carrier, read_offer(row.offer)
