"""What a form asks of a number."""

from __future__ import annotations

from collections.abc import Mapping

from trunkline.console.page import Page, one_of
from trunkline.db import costs
from trunkline.db.costs import Total
from trunkline.db.models import utcnow
from trunkline.domain.choosing import Criteria
from trunkline.domain.money import Money
from trunkline.domain.numbers import NumberType
from trunkline.errors import InvalidInput
from trunkline.settings import CARRIER_NAMES


def criteria_of(given: Mapping[str, str]) -> Criteria:
    """InvalidInput names the field that cannot be."""
    number_type, carrier = given.get("number_type"), given.get("carrier")
    if number_type is not None:
        one_of(NumberType, number_type, "number_type")
    if carrier is not None and carrier not in CARRIER_NAMES:
        hint = f"known are: {', '.join(CARRIER_NAMES)}"
        raise InvalidInput(f"{carrier!r} is no carrier", field="carrier", hint=hint)
    return Criteria.checked(given.get("country"), given.get("area_code"), given.get("contains"), number_type, carrier)


async def month_now(page: Page) -> list[Total]:
    """What all numbers cost a month, for each currency, and what of it was bought this month."""
    month = utcnow().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    async with page.services.database.read() as session:
        return costs.totals(await costs.by_state(session), await costs.bought_since(session, month))


async def month_after(page: Page, *bought: Money) -> list[Money]:
    """What they will cost a month with these besides."""
    sums = {total.currency: total.monthly for total in await month_now(page)}
    for price in bought:
        sums[price.currency] = sums.get(price.currency, 0) + price.amount
    return [Money(amount, currency) for currency, amount in sorted(sums.items())]
