"""What a limit allows, and what it says where it does not."""

from __future__ import annotations

from decimal import Decimal

import pytest

from trunkline.domain.budgets import Budget, BudgetOf, SpendingLimits, Used
from trunkline.domain.choosing import Offer
from trunkline.domain.numbers import E164
from trunkline.errors import BudgetExceeded

RATES = {"EUR": Decimal("1.25")}


def refusal(limits: SpendingLimits, of: BudgetOf = BudgetOf.ALL, **offer: object) -> BudgetExceeded | None:
    """Of a purchase beside a number of 1.00 EUR a month and another one of 1.00 USD, for which 2.00 USD were due."""
    used = Used()
    used.hold(1, Decimal("1.00"), "EUR")
    used.hold(1, Decimal("1.00"), "USD")
    used.buy(2, Decimal("2.00"), "USD")
    price = {"monthly_price": Decimal("1.00"), "currency": "USD", **offer}
    try:
        Budget(of, "all", limits, used).refuse(Offer(E164("+14155550100"), "US", **price), RATES)  # type: ignore[arg-type]
    except BudgetExceeded as error:
        return error
    return None


@pytest.mark.parametrize(
    ("limits", "offer", "words"),
    [
        ({"max_numbers": 3}, {}, None),
        ({"max_numbers": 2}, {}, "allows 2 numbers held at once: 0 left"),
        ({"max_monthly_price": "3.25"}, {}, None),
        ({"max_monthly_price": "3.24"}, {}, "allows 3.24 USD a month for the numbers held at once: 0.99 USD left"),
        ({"max_monthly_price": "2.60", "currency": "EUR"}, {}, None),
        ({"max_monthly_price": "9", "currency": "GBP"}, {}, "1.00 USD a month cannot be counted in GBP"),
        ({"max_monthly_price": "9"}, {"monthly_price": None}, "a price that the carrier does not state cannot be"),
        ({"max_numbers": 9}, {"monthly_price": None}, None),
        ({"max_spending": "8"}, {"upfront_price": Decimal(5)}, None),
        ({"max_spending": "7"}, {"upfront_price": Decimal(5)}, "5 USD left, and this one takes 6 USD"),
    ],
)
def test_a_purchase_is_within_every_limit_or_refused(
    limits: dict[str, object], offer: dict[str, object], words: str | None
) -> None:
    given = {name: Decimal(v) if isinstance(v, str) and v[0].isdigit() else v for name, v in limits.items()}
    error = refusal(SpendingLimits(**{"currency": "USD"} | given), **offer)  # type: ignore[arg-type]
    assert (error is None) == (words is None)
    assert error is None or (words or "") in error.detail


def test_who_can_raise_it_is_told_and_whether_it_refuses_everything() -> None:
    all_taken = refusal(SpendingLimits(max_numbers=2))
    assert all_taken is not None
    assert all_taken.exhausted
    assert "trunkline budgets set all" in (all_taken.hint or "")
    batch = refusal(SpendingLimits(max_purchases=2), BudgetOf.BATCH)
    assert batch is not None
    assert not batch.exhausted
    assert "start another batch" in (batch.hint or "")
