"""`trunkline costs`: what the numbers cost, and for whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from trunkline.cli import show
from trunkline.cli.asking import asking
from trunkline.cli.options import Csv, Json
from trunkline.cli.output import say

if TYPE_CHECKING:
    from trunkline.client.models import CostLine, Costs


def costs(
    restaurants: Annotated[bool, typer.Option("--restaurants", help="What each restaurant's number costs.")] = False,
    json: Json = False,
    csv: Csv = False,
) -> None:
    """Show what the numbers cost a month, by carrier, state and currency.

    \b
    Examples:
      trunkline costs
      trunkline costs --restaurants --csv > costs.csv
    """
    with asking() as client:
        if restaurants:
            lines = list(client.restaurant_costs())
            if show.as_document(lines, "RestaurantCostLine", json, csv):
                return
            rows = [
                (c.name, c.phone_number, c.carrier, show.price(c.monthly_price, c.currency), c.shared_by) for c in lines
            ]
            show.table(["restaurant", "number", "carrier", "a month", "shared by"], rows, "no restaurant has a number")
            return
        costs = client.costs()
    if json and not csv:
        show.as_json(costs)
    elif not show.as_document([*map(without_false_sum, costs.lines)], "CostLine", json, csv):
        describe(costs)


def without_false_sum(line: CostLine) -> CostLine:
    """Where no price is known, what they cost is left empty: a sum of 0 would say that they are free."""
    import msgspec

    return line if line.currency else msgspec.structs.replace(line, monthly=None)


def describe(costs: Costs) -> None:
    rows = [
        (c.carrier, c.state, c.numbers, show.price(c.monthly, c.currency) if c.currency else "not known")
        for c in costs.lines
    ]
    show.table(["carrier", "state", "numbers", "a month"], rows, "no number is paid for")
    for total in costs.totals:
        idle = f", of it {show.price(total.idle_monthly, total.currency)} for numbers that serve nobody"
        say(f"{show.price(total.monthly, total.currency)} a month for {show.times(total.numbers, 'number')}{idle}")
        if total.new_numbers:
            new = f"{show.times(total.new_numbers, 'number')} bought since the month began, given back ones too"
            price = show.price(total.new_monthly, total.currency)
            say(f"  {new}, for {price} a month and {show.price(total.upfront, total.currency)} at once")
    if costs.unpriced:
        say(f"{show.times(costs.unpriced, 'number')} of unknown price in no sum")
