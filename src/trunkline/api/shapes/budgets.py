"""What a budget limits, and what counts against it."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field

from trunkline.api.shapes import Answer, Body, Page, plain_price
from trunkline.domain.budgets import Budget as Found
from trunkline.domain.budgets import BudgetOf, Limit, SpendingLimits
from trunkline.domain.money import Rates

Count = Annotated[int | None, Field(ge=0, le=1_000_000)]
Amount = Annotated[Decimal | None, Field(ge=0, max_digits=12, decimal_places=4, strict=False, examples=["250.00"])]


class LimitsBody(Body):
    """What may be held and bought; what is left out is not limited. A money limit refuses a number whose price the
    carrier does not state, and one in another currency that BUDGET_RATES does not name."""

    max_numbers: Count = Field(default=None, description="how many numbers may be held at once")
    max_monthly_price: Amount = Field(default=None, description="what the numbers held at once may cost a month")
    max_purchases: Count = Field(default=None, description="how many numbers may be bought in a calendar month (UTC)")
    max_spending: Amount = Field(
        default=None, description="what may be spent on purchases in a month: first months, and what is due at once"
    )
    currency: str | None = Field(default=None, description="of the amounts; USD if it is not given", examples=["EUR"])

    def limits(self) -> SpendingLimits:
        """InvalidInput names the field at fault."""
        return SpendingLimits.checked(**self.model_dump())


class Limits(Answer):
    """null: not limited."""

    max_numbers: int | None
    max_monthly_price: Decimal | None
    max_purchases: int | None
    max_spending: Decimal | None
    currency: str | None = Field(description="of the amounts")


class Used(Answer):
    """What counts, with what is being bought; null where that is not limited, or cannot be counted in the currency."""

    numbers: int | None = Field(description="held at once")
    monthly_price: Decimal | None = Field(description="of these")
    purchases: int | None = Field(description="bought since the month began")
    spending: Decimal | None = Field(description="on these")


class Budget(Limits):
    """The limits of all, of one restaurant or of one key, and what counts against them: what a restaurant has, or a key
    has bought."""

    budget: str = Field(description="`all`, or the id of a restaurant or a key", examples=["all"])
    kind: BudgetOf
    name: str | None = Field(description="of the restaurant, or the key's comment")
    used: Used
    percent: float | None = Field(description="of the limit of which most is taken; null where it cannot be counted")
    unpriced: int = Field(description="numbers whose price nobody has told; they are in no amount")


class BudgetPage(Page[Budget]):
    pass


def show_limits(limits: SpendingLimits) -> dict[str, Any]:
    priced = {
        "max_monthly_price": plain_price(limits.max_monthly_price),
        "max_spending": plain_price(limits.max_spending),
    }
    return {**vars(limits), **priced}


def show_budget(found: Found, name: str | None, rates: Rates) -> Budget:
    shares = {share.limit: share for share in found.shares(rates)}
    percents = [share.percent for share in shares.values()]
    counts = {limit: share.used for limit, share in shares.items()}
    return Budget(
        budget=found.subject,
        kind=found.of,
        name=name,
        **show_limits(found.limits),
        used=Used(
            numbers=_whole(counts.get(Limit.NUMBERS)),
            monthly_price=_amount(counts.get(Limit.MONTHLY_PRICE)),
            purchases=_whole(counts.get(Limit.PURCHASES)),
            spending=_amount(counts.get(Limit.SPENDING)),
        ),
        percent=None if None in percents else round(float(max(one for one in percents if one is not None)), 1),
        unpriced=found.used.unpriced,
    )


def _whole(count: Decimal | None) -> int | None:
    return None if count is None else int(count)


def _amount(amount: Decimal | None) -> Decimal | None:
    return None if amount is None else plain_price(amount.quantize(Decimal("0.0001")))
