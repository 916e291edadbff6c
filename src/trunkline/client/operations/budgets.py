"""What may be held and bought."""

from __future__ import annotations

from typing import TypedDict, Unpack

from trunkline.client import models
from trunkline.client.operations.common import part
from trunkline.client.wire import Call, Pages


class Limits(TypedDict, total=False):
    """What is left out is not limited: numbers held at once and their price a month, purchases in a month and what is
    spent on them. Amounts are in `currency`, USD if it is not given."""

    max_numbers: int | None
    max_monthly_price: str | None
    max_purchases: int | None
    max_spending: str | None
    currency: str | None


def budgets() -> Pages[models.Budget]:
    """That for all first, each with what counts against it."""
    return Pages("/api/budgets", models.Budget, {})


def budget(budget: str) -> Call[models.Budget]:
    """`all`, a restaurant's, or a key's by its id."""
    return Call("GET", f"/api/budgets/{part(budget)}", models.Budget)


def set_budget(budget: str, **limits: Unpack[Limits]) -> Call[models.Budget]:
    """These limits and no others."""
    return Call("PUT", f"/api/budgets/{part(budget)}", models.Budget, body=dict(limits))


def remove_budget(budget: str) -> Call[models.Budget]:
    """It limits nothing any more; as it was."""
    return Call("DELETE", f"/api/budgets/{part(budget)}", models.Budget)
