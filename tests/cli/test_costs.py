"""`trunkline costs`: no sum says what it does not know."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from trunkline.cli import show
from trunkline.cli.costs import describe, without_false_sum
from trunkline.client.models import CostLine, Costs, CostTotal

FREE = CostLine(carrier="vapi", state="idle", currency="USD", numbers=1, monthly=Decimal(0))
UNKNOWN = CostLine(carrier="byo", state="in_service", currency=None, numbers=1, monthly=Decimal(0))


def test_what_was_given_back_is_no_part_of_what_is_paid(capsys: pytest.CaptureFixture[str]) -> None:
    total = CostTotal(
        currency="USD",
        numbers=5,
        monthly=Decimal("5.75"),
        idle_monthly=Decimal(0),
        new_numbers=6,
        new_monthly=Decimal("6.90"),
        upfront=Decimal(0),
    )
    describe(Costs(at=datetime.now(UTC), totals=[total], lines=[], unpriced=0))
    _, held, bought = capsys.readouterr().out.splitlines()
    assert held.startswith("5.75 USD a month for 5 numbers")
    assert "6 numbers bought since the month began, given back ones too, for 6.90 USD a month" in bought


def test_a_price_that_is_not_known_is_an_empty_cell(capsys: pytest.CaptureFixture[str]) -> None:
    show.as_document([without_false_sum(line) for line in (FREE, UNKNOWN)], "CostLine", json=False, csv=True)
    _, free, unknown = capsys.readouterr().out.splitlines()
    assert free == "vapi,idle,USD,1,0"
    assert unknown == "byo,in_service,,1,"
