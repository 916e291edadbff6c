"""What costs look like: sums for each currency, and the lines that they are made of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from trunkline.api.shapes import Answer, Page, plain_price
from trunkline.db.costs import Bought, RestaurantCost, Total, totals
from trunkline.db.figures import Figure
from trunkline.domain.money import plain

Currency = Annotated[str | None, Field(description="null for numbers whose price is not known", examples=["USD"])]
Sum = Annotated[Decimal, Field(description="a month", examples=["11.50"])]


class CostLine(Answer):
    """Numbers of one carrier in one state, priced in one currency."""

    carrier: str | None
    state: str = Field(description="in_service, idle, cooling_down or releasing; put_aside: idle, and left out for now")
    currency: Currency
    numbers: int
    monthly: Sum


class CostTotal(Answer):
    """What all numbers that are priced in this currency cost together."""

    currency: str
    numbers: int
    monthly: Sum
    idle_monthly: Decimal = Field(description="of it, for numbers that serve nobody", examples=["2.30"])
    new_numbers: int = Field(description="bought since the month began, whether they are still held or not")
    new_monthly: Decimal = Field(description="of these, so that it may be more than `monthly`", examples=["1.15"])
    upfront: Decimal = Field(description="paid at once for these", examples=["0"])


class Costs(Answer):
    """No two currencies are ever added."""

    at: datetime
    totals: list[CostTotal]
    lines: list[CostLine]
    unpriced: int = Field(description="numbers whose price nobody has told yet; they are in no sum")


class RestaurantCostLine(Answer):
    id: str
    name: str
    phone_number: str
    carrier: str | None
    monthly_price: Decimal | None = Field(description="null where it is not known", examples=["1.15"])
    currency: str | None
    shared_by: int = Field(description="how many restaurants have this number; its price is paid once")


class RestaurantCostPage(Page[RestaurantCostLine]):
    pass


def show_costs(at: datetime, lines: Sequence[Figure], bought: Sequence[Bought]) -> Costs:
    return Costs(
        at=at,
        totals=[_show_total(total) for total in totals(lines, bought)],
        lines=[
            CostLine(carrier=c.carrier, state=c.state, currency=c.currency, numbers=c.numbers, monthly=plain(c.monthly))
            for c in lines
        ],
        unpriced=sum(c.unpriced for c in lines),
    )


def _show_total(total: Total) -> CostTotal:
    return CostTotal(
        currency=total.currency,
        numbers=total.numbers,
        monthly=plain(total.monthly),
        idle_monthly=plain(total.idle_monthly),
        new_numbers=total.new_numbers,
        new_monthly=plain(total.new_monthly),
        upfront=plain(total.upfront),
    )


def show_restaurant_cost(cost: RestaurantCost) -> RestaurantCostLine:
    return RestaurantCostLine(
        id=cost.id,
        name=cost.name,
        phone_number=cost.number,
        carrier=cost.carrier,
        monthly_price=plain_price(cost.monthly),
        currency=cost.currency,
        shared_by=cost.shared_by,
    )
