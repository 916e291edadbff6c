"""Which number may be taken: criteria, offers, and the rules for what is idle and what is foreign."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from trunkline.countries import country_code, how_to_write
from trunkline.domain.marks import parse_mark
from trunkline.domain.money import PriceLimits, money
from trunkline.domain.numbers import E164, NumberType, countries_of, country_of_area_code, type_of
from trunkline.errors import InvalidInput

AREA_CODE_COUNTRIES = {"US", "CA"}


@dataclass(frozen=True)
class Criteria:
    """What a restaurant asked of its number; None means it does not matter. `carrier` pins one carrier."""

    country: str | None = None
    area_code: str | None = None
    contains: str | None = None
    number_type: NumberType | None = None
    carrier: str | None = None

    @staticmethod
    def checked(
        country: str | None = None,
        area_code: str | None = None,
        contains: str | None = None,
        number_type: str | None = None,
        carrier: str | None = None,
    ) -> Criteria:
        """The criteria, or InvalidInput that names the field at fault."""
        if country is not None:
            code = country_code(country)
            if code is None:
                raise InvalidInput(f"{country!r} is not a country", field="country", hint=how_to_write(country))
            country = code
        if area_code is not None:
            if not re.fullmatch(r"[2-9][0-9]{2}", area_code):
                raise InvalidInput(
                    f"{area_code!r} is not an area code", field="area_code", hint="three digits, the first from 2 to 9"
                )
            if country not in (None, *AREA_CODE_COUNTRIES):
                raise InvalidInput(
                    f"area codes are for the US and Canada, not {country}",
                    field="area_code",
                    hint="leave area_code out, or narrow by contains",
                )
            if country is None:
                check_searched(area_code)
        if contains is not None and not re.fullmatch(r"[0-9]{2,10}", contains):
            raise InvalidInput(f"{contains!r} cannot be searched", field="contains", hint="2 to 10 digits")
        return Criteria(country, area_code, contains, _type_named(number_type), carrier)

    def matches(self, number: str, country: str | None = None, number_type: NumberType | None = None) -> bool:
        """Whether a number that exists already is what was asked for. `country` and `number_type` are its carrier's
        words, which count more than the digits; None where it has none."""
        if self.country and self.country not in ((country,) if country else countries_of(number)):
            return False
        if self.area_code and not number.startswith(f"+1{self.area_code}"):
            return False
        if self.contains and self.contains not in number:
            return False
        if self.number_type is None:
            return True
        return (number_type or type_of(number)) in (None, self.number_type)

    def country_for(self, default: str) -> str:
        """The country to search in: what was asked, else that of the area code, else the default."""
        found = country_of_area_code(self.area_code) if self.area_code else None
        return self.country or found or default

    def plain(self) -> dict[str, str]:
        """Only what was asked, as JSON."""
        return {k: str(v) for k, v in vars(self).items() if v is not None}


def _type_named(text: str | None) -> NumberType | None:
    if text and text not in list(NumberType):
        known = ", ".join(NumberType)
        raise InvalidInput(f"{text!r} is not a kind of number", field="number_type", hint=f"one of {known}")
    return NumberType(text) if text else None


def exactly(number: E164, carrier: str | None = None) -> list[Criteria]:
    """What to search for so that this number is found, one after the other."""
    digits = number[-10:].lstrip("+")
    return [Criteria(country, None, digits, type_of(number), carrier) for country in countries_of(number) or (None,)]


def check_searched(area_code: str) -> None:
    """InvalidInput for an area code of a country in which carriers do not search by area codes."""
    country = country_of_area_code(area_code)
    if country not in (None, *AREA_CODE_COUNTRIES):
        raise InvalidInput(
            f"{area_code} is an area code of {country}, where numbers are not searched by area code",
            field="area_code",
            hint=f"leave area_code out and set country to {country}",
        )


@dataclass(frozen=True)
class Offer:
    """A number that a carrier has for sale. `number` is None only where the carrier chooses it (Vapi's own).

    `monthly_price` is in `currency`, None where the carrier does not say; so is `upfront_price`, which is due at once
    and on top of the first month (None: nothing is). `needs` names papers that the carrier wants for it: "address",
    "bundle". `token` is the carrier's own reference, opaque to everyone else.
    """

    number: E164 | None
    country: str
    number_type: NumberType = NumberType.LOCAL
    monthly_price: Decimal | None = None
    currency: str | None = None
    needs: tuple[str, ...] = ()
    token: str | None = None
    upfront_price: Decimal | None = None

    def label(self) -> str:
        return self.number or f"a number chosen by the carrier in {self.country}"

    def due(self) -> Decimal | None:
        """What is paid when it is bought: its first month, and what is due at once; None where the carrier does not say
        the price."""
        return None if self.monthly_price is None else self.monthly_price + (self.upfront_price or Decimal())

    def price(self) -> str:
        """In words, with what is due at once."""
        return money(self.monthly_price, self.currency, self.upfront_price)


@dataclass(frozen=True)
class OwnedNumber:
    """A number that a carrier account holds. `ref` is the carrier's id of it, `account` the account that holds it.

    `mark_text` is the free text in which an owner mark may stand. `used_by` says in words what already answers the
    number (a URL, a trunk, an application), None where nothing does; `by_vapi`: Vapi does, and nothing else;
    `application` is the carrier's id of the connection or application that answers, which may be Vapi's. `urls` are the
    settings that an import into Vapi overwrites, kept so that they can be restored. `warnings` are things that
    would keep calls from arriving. `country` is the one that the carrier names or sold it in, whatever the digits say.
    `monthly_price` is in `currency`. What the carrier does not tell is None.
    """

    number: E164
    ref: str
    mark_text: str = ""
    used_by: str | None = None
    urls: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    voice: bool = True
    account: str = ""
    country: str | None = None
    number_type: NumberType | None = None
    monthly_price: Decimal | None = None
    currency: str | None = None
    by_vapi: bool = False
    application: str | None = None


def with_answerer(owned: OwnedNumber, applications: frozenset[str] | None) -> OwnedNumber:
    """The number, with `by_vapi` as our organisation's own applications at carriers tell it (None: they are not known).
    A carrier names an application by its id, and one that is called Vapi may be another organisation's. That Vapi
    answers is no setting from before an import, so it is not among `urls` then."""
    if applications is None or owned.application is None:
        return owned
    before = {name: value for name, value in owned.urls.items() if value not in applications}
    return replace(owned, by_vapi=owned.application in applications, urls=before)


def is_ours_to_use(owned: OwnedNumber, installation: str) -> bool:
    """Ours by the mark and answered by nothing but Vapi, or unmarked and unused. Another installation's mark makes it
    foreign, and so does what somebody has pointed a number with our mark at."""
    mark = parse_mark(owned.mark_text)
    if mark is not None:
        return mark.installation == installation and (owned.used_by is None or owned.by_vapi)
    return owned.used_by is None


def objection(offer: Offer, limits: PriceLimits) -> str | None:
    """Why an offer is not bought at its price, None where it may be."""
    return limits.objection(offer.monthly_price, offer.currency, offer.upfront_price)


def in_order(offers: list[Offer]) -> list[Offer]:
    """Those that need no papers first, then the cheapest; an unknown price counts as the dearest."""
    return sorted(offers, key=rank)


def rank(offer: Offer) -> tuple[bool, bool, Decimal]:
    """Equal for offers that are equally good."""
    return bool(offer.needs), offer.monthly_price is None, offer.monthly_price or Decimal()


def plain_offer(offer: Offer) -> dict[str, Any]:
    return {
        "number": offer.number,
        "country": offer.country,
        "number_type": offer.number_type.value,
        "monthly_price": None if offer.monthly_price is None else str(offer.monthly_price),
        "upfront_price": None if offer.upfront_price is None else str(offer.upfront_price),
        "currency": offer.currency,
        "needs": list(offer.needs),
    }
