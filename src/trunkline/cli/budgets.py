"""`trunkline budgets`: what may be held and bought."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from trunkline.cli import show
from trunkline.cli.asking import FAILED, agreed, asking
from trunkline.cli.options import Csv, Json, Yes
from trunkline.cli.output import say

if TYPE_CHECKING:
    from decimal import Decimal

    from trunkline.client.models import Budget

app = typer.Typer(no_args_is_help=True)
Named = Annotated[str, typer.Argument(metavar="BUDGET", help="all, a key's id, or a restaurant.")]


@app.command("list")
def list_all(json: Json = False, csv: Csv = False) -> None:
    """List the budgets, and how much of each is taken.

    \b
    Example:
      trunkline budgets list
    """
    with asking() as client:
        found = list(client.budgets())
    if not show.as_document(found, "Budget", json, csv):
        rows = [(b.name or b.budget, *taken(b), percent(b)) for b in found]
        heads = ["budget", "numbers", "a month", "bought this month", "spent this month", "taken"]
        show.table(heads, rows, "no budget: nothing is limited")


@app.command("set")
def set_limits(
    budget: Named,
    max_numbers: Annotated[int | None, typer.Option(help="Numbers that may be held at once.", min=0)] = None,
    max_monthly_price: Annotated[str | None, typer.Option(help="What these may cost a month.")] = None,
    max_purchases: Annotated[int | None, typer.Option(help="Numbers that may be bought in a month.", min=0)] = None,
    max_spending: Annotated[str | None, typer.Option(help="What may be spent on purchases in a month.")] = None,
    currency: Annotated[str | None, typer.Option(help="Of the amounts; USD if left out.")] = None,
    json: Json = False,
) -> None:
    """Set the limits of a budget; what is left out is not limited. They count from the next purchase on.

    \b
    Examples:
      trunkline budgets set all --max-monthly-price 250
      trunkline budgets set "Chez Panisse" --max-purchases 2
    """
    with asking() as client:
        now = client.set_budget(
            budget,
            max_numbers=max_numbers,
            max_monthly_price=max_monthly_price,
            max_purchases=max_purchases,
            max_spending=max_spending,
            currency=currency,
        )
    if json:
        show.as_json(now)
    else:
        say(f"the budget of {now.name or now.budget} is {percent(now)} taken")


@app.command()
def remove(budget: Named, yes: Yes = False, json: Json = False) -> None:
    """Remove a budget: it limits nothing any more.

    \b
    Example:
      trunkline budgets remove all
    """
    with asking() as client:
        if not agreed(f"Remove the budget of {budget}?", yes):
            raise typer.Exit(FAILED)
        was = client.remove_budget(budget)
    if json:
        show.as_json(was)
    else:
        say(f"{was.name or was.budget} has no budget any more")


def taken(budget: Budget) -> list[str | None]:
    """How much of each limit, and of how much."""
    used, money = budget.used, budget.currency

    def amount(of: Decimal | None, most: Decimal | None) -> str | None:
        return None if most is None else f"{'?' if of is None else of} of {most} {money}"

    return [
        None if budget.max_numbers is None else f"{used.numbers} of {budget.max_numbers}",
        amount(used.monthly_price, budget.max_monthly_price),
        None if budget.max_purchases is None else f"{used.purchases} of {budget.max_purchases}",
        amount(used.spending, budget.max_spending),
    ]


def percent(budget: Budget) -> str:
    return "cannot be counted" if budget.percent is None else f"{budget.percent:g} %"
