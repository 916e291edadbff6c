"""What the numbers that we hold cost, where nobody has said so yet: asked of their carriers once a day."""

from __future__ import annotations

import structlog

from trunkline.carriers.base import Carrier
from trunkline.db import costs
from trunkline.domain.choosing import Criteria
from trunkline.domain.money import Money
from trunkline.domain.numbers import NumberType
from trunkline.errors import ProviderError
from trunkline.workflows.services import Services

log = structlog.get_logger()


async def ask_missing_prices(services: Services) -> None:
    """Once for each kind of number at each carrier; a carrier that does not answer is asked the next day."""
    async with services.database.write() as session:
        await costs.place_unpriced(session)
        unpriced = await costs.unpriced(session)
    for kind in unpriced:
        carrier = services.carriers.get(kind.carrier)
        if carrier is None:
            continue
        try:
            price = await _price(carrier, kind.country, NumberType(kind.number_type))
        except ProviderError as error:
            log.info("a price is not known", carrier=kind.carrier, country=kind.country, reason=error.detail)
            continue
        if price is not None:
            async with services.database.write() as session:
                await costs.keep_price(session, kind, price)


async def _price(carrier: Carrier, country: str, number_type: NumberType) -> Money | None:
    """By the carrier's list, or what it asks for a number of this kind that it sells now."""
    if (price := await carrier.price(country, number_type)) is not None:
        return price
    for offer in await carrier.search(Criteria(number_type=number_type), country, 1):
        if offer.monthly_price is not None and offer.currency is not None:
            return Money(offer.monthly_price, offer.currency)
    return None
