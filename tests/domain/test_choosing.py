"""Which numbers may be taken, and what a price is called."""

from __future__ import annotations

from decimal import Decimal

import pytest

from trunkline.domain.choosing import Criteria, Offer, OwnedNumber, is_ours_to_use
from trunkline.domain.marks import OwnerMark
from trunkline.domain.numbers import E164, NumberType
from trunkline.errors import InvalidInput

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


@pytest.mark.parametrize(
    ("number", "said", "countries"),
    [
        ("+442079460102", None, {"GB"}),
        ("+447797712345", None, {"GB", "JE"}),
        ("+447624806111", None, {"GB", "IM"}),
        ("+447797712345", "GB", {"GB"}),
        ("+18005550199", None, {"US", "CA"}),
        ("+18005550199", "CA", {"CA"}),
        ("+14165550123", None, {"CA"}),
        ("+18765550123", None, {"JM"}),
        ("+18765550123", "US", {"US"}),
        ("+12345678", None, set()),
        ("not a number", None, set()),
    ],
)
def test_a_number_is_of_the_country_that_its_carrier_says(number: str, said: str | None, countries: set[str]) -> None:
    asked = {"GB", "JE", "IM", "US", "CA", "JM"}
    assert {country for country in asked if Criteria(country).matches(number, said)} == countries


def test_a_number_is_of_the_type_that_its_carrier_says() -> None:
    mobile = Criteria("GB", number_type=NumberType.MOBILE)
    assert mobile.matches("+447400123001")
    assert not mobile.matches("+442079460102")
    assert mobile.matches("+442079460102", "GB", NumberType.MOBILE)
    assert not mobile.matches("+447400123001", "GB", NumberType.NATIONAL)


@pytest.mark.parametrize(("area_code", "country"), [("416", "CA"), ("212", "US"), ("888", "US"), ("999", "GB")])
def test_an_area_code_alone_finds_its_country(area_code: str, country: str) -> None:
    wanted = Criteria.checked(area_code=area_code)
    assert (wanted.country_for("GB"), wanted.plain()) == (country, {"area_code": area_code})
    assert Criteria.checked(country="us", area_code=area_code).country_for("GB") == "US"
    assert Criteria.checked().country_for("GB") == "GB"


def test_an_area_code_of_a_country_without_a_search_by_it_says_what_to_ask() -> None:
    with pytest.raises(InvalidInput, match="876 is an area code of JM") as caught:
        Criteria.checked(area_code="876")
    assert (caught.value.field, "country to JM" in str(caught.value.hint)) == ("area_code", True)
