"""Which numbers may be taken, and what a price is called."""

from __future__ import annotations

from decimal import Decimal

import pytest

from trunkline.domain.choosing import Offer, OwnedNumber, is_ours_to_use
from trunkline.domain.marks import OwnerMark
from trunkline.domain.numbers import E164

NUMBER = E164("+14155550100")
OURS, THEIRS = str(OwnerMark("inst0001", "asg_1")), str(OwnerMark("inst0002", "asg_1"))


@pytest.mark.parametrize(
    ("mark", "used_by", "by_vapi", "ours"),
    [
        (OURS, None, False, True),
        (OURS, "Vapi (calls)", True, True),
        (OURS, "pbx.example.com (calls)", False, False),
        (THEIRS, None, False, False),
        ("", None, False, True),
        ("", "Vapi (calls)", True, False),
        ("", "pbx.example.com (calls)", False, False),
        ("the shop's own line", None, False, True),
    ],
)
def test_a_number_is_ours_by_its_mark_unless_somebody_has_pointed_it_elsewhere(
    mark: str, used_by: str | None, by_vapi: bool, ours: bool
) -> None:
    assert is_ours_to_use(OwnedNumber(NUMBER, "PN1", mark, used_by, by_vapi=by_vapi), "inst0001") is ours


@pytest.mark.parametrize(
    ("monthly", "at_once", "words"),
    [
        (Decimal("1.00"), Decimal("500.00"), "1.00 USD a month and 500.00 USD at once"),
        (Decimal("1.00"), None, "1.00 USD a month"),
        (None, None, "a price that the carrier does not state"),
        (None, Decimal("5.00"), "a price that the carrier does not state and 5.00 USD at once"),
    ],
)
def test_a_price_is_told_with_what_is_due_at_once(monthly: Decimal | None, at_once: Decimal | None, words: str) -> None:
    assert Offer(NUMBER, "US", monthly_price=monthly, currency="USD", upfront_price=at_once).price() == words
