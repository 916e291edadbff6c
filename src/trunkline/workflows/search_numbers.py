"""What the carriers have for sale, and at which price."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from trunkline.carriers.base import Carrier
from trunkline.domain.choosing import Criteria, Offer, in_order
from trunkline.errors import CarrierNotConfigured, ProviderError, Rejected
from trunkline.workflows.services import Services


@dataclass(frozen=True)
class Found:
    """`offers` by carrier, in the order in which carriers are tried, each carrier's cheapest first; `refusals` say why
    a carrier offers nothing."""

    offers: dict[str, list[Offer]]
    refusals: dict[str, ProviderError]


async def search_numbers(services: Services, want: Criteria, limit: int) -> Found:
    """Up to `limit` offers of each carrier, asked side by side. A carrier that cannot serve these criteria offers
    nothing; where none could be asked at all, the error of one is raised. CarrierNotConfigured if there is none."""
    asked = [carrier for name, carrier in services.carriers.items() if want.carrier in (None, name)]
    if not asked:
        raise CarrierNotConfigured(
            f"{want.carrier} is not configured" if want.carrier else "no carrier is configured",
            hint="set the keys of a carrier and CARRIERS",
        )
    country = want.country_for(services.settings.default_country)

    async def ask(carrier: Carrier) -> list[Offer] | ProviderError:
        try:
            return in_order(await carrier.search(want, country, limit))
        except ProviderError as error:
            return error

    answers = dict(zip([c.name for c in asked], await asyncio.gather(*map(ask, asked)), strict=True))
    refusals = {name: answer for name, answer in answers.items() if isinstance(answer, ProviderError)}
    failures = [error for error in refusals.values() if not isinstance(error, Rejected)]
    if failures and len(refusals) == len(asked):
        raise failures[0]
    return Found({name: a for name, a in answers.items() if isinstance(a, list)}, refusals)
