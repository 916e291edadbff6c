"""What a form asks of a number."""

from __future__ import annotations

from collections.abc import Mapping

from trunkline.console.page import Page, one_of
from trunkline.console.sums import sums_of
from trunkline.db import costs
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


async def month_after(page: Page, *bought: Money) -> list[Money]:
    """What all numbers will cost a month with these besides."""
    sums = {total.currency: total.monthly for total in costs.totals(*await sums_of(page).month(page))}
    for price in bought:
        sums[price.currency] = sums.get(price.currency, 0) + price.amount
    return [Money(amount, currency) for currency, amount in sorted(sums.items())]
