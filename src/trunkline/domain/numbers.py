"""E.164 numbers, their types, and the table of states that a number may move through."""

from __future__ import annotations

from enum import StrEnum
from typing import NewType

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType, ValidationResult

from trunkline.errors import Conflict, InvalidInput

E164 = NewType("E164", str)


class NumberState(StrEnum):
    """Where a number stands. `foreign` is a number that we know of and must not use."""

    PURCHASING = "purchasing"
    IDLE = "idle"
    IN_SERVICE = "in_service"
    COOLING_DOWN = "cooling_down"
    RELEASING = "releasing"
    RELEASED = "released"
    FOREIGN = "foreign"


class NumberType(StrEnum):
    LOCAL = "local"
    MOBILE = "mobile"
    TOLL_FREE = "toll_free"
    NATIONAL = "national"


S = NumberState
MOVES: dict[NumberState, set[NumberState]] = {
    S.PURCHASING: {S.IDLE, S.FOREIGN, S.RELEASED},
    S.IDLE: {S.IN_SERVICE, S.COOLING_DOWN, S.RELEASING, S.FOREIGN, S.PURCHASING, S.RELEASED},
    S.IN_SERVICE: {S.COOLING_DOWN, S.RELEASING},
    S.COOLING_DOWN: {S.IDLE, S.RELEASING, S.RELEASED},
    S.RELEASING: {S.RELEASED, S.COOLING_DOWN, S.FOREIGN},
    S.RELEASED: {S.PURCHASING, S.IDLE, S.COOLING_DOWN},
    S.FOREIGN: {S.PURCHASING, S.IDLE, S.COOLING_DOWN, S.RELEASING},
}


# What a carrier is paid for, as far as we know.
BILLED = (S.IN_SERVICE, S.IDLE, S.COOLING_DOWN, S.RELEASING)


def check_move(number: str, now: NumberState, to: NumberState) -> None:
    """Raise Conflict unless the table allows the move."""
    if to not in MOVES[now]:
        raise Conflict(f"{number} is {now.value} and cannot become {to.value}")


def parse_number(text: str, default_country: str | None = None, field: str = "number") -> E164:
    """The E.164 form of a number in any usual notation; InvalidInput names `field` if it cannot be one."""
    try:
        parsed = phonenumbers.parse(text, default_country)
    except phonenumbers.NumberParseException:
        parsed = None
    if parsed is None or not _has_its_length(parsed):
        raise InvalidInput(
            f"{text!r} is not a phone number", field=field, hint="write it with country code, like +14155550123"
        )
    return E164(phonenumbers.format_number(parsed, PhoneNumberFormat.E164))


def is_number_in_use(text: str) -> bool:
    """Whether a caller could dial it from anywhere: no extension of somebody's exchange, no short code, and not a part
    of a number."""
    try:
        return _has_its_length(phonenumbers.parse(text))
    except phonenumbers.NumberParseException:
        return False


def _has_its_length(parsed: phonenumbers.PhoneNumber) -> bool:
    """Not only as it is dialled within its own area, where fewer digits do."""
    return bool(phonenumbers.is_possible_number_with_reason(parsed) == ValidationResult.IS_POSSIBLE)


def country_of(number: str) -> str | None:
    """The ISO country that the digits of an E.164 number are of, None where it cannot be told."""
    parsed = _parsed(number)
    return phonenumbers.region_code_for_number(parsed) if parsed else None


# Places whose numbers are part of another country's plan and are sold as that country's.
SOLD_AS = {"GG": "GB", "IM": "GB", "JE": "GB", "AX": "FI", "SJ": "NO", "CC": "AU", "CX": "AU", "VA": "IT", "EH": "MA"}


def countries_of(number: str) -> tuple[str, ...]:
    """The ISO countries as whose a carrier may have sold the number, by its digits alone, the likeliest first: those
    without charge are the same in the US and Canada, and a British mobile may have the digits of Jersey. () where none
    can be told."""
    parsed = _parsed(number)
    own = country_of(number)
    if parsed is None or own is None:
        return ()
    if parsed.country_code == 1 and phonenumbers.number_type(parsed) == PhoneNumberType.TOLL_FREE:
        return ("US", "CA")
    return (SOLD_AS[own], own) if own in SOLD_AS else (own,)


def likeliest_country(number: str) -> str | None:
    """The first of these."""
    return next(iter(countries_of(number)), None)


def country_of_area_code(area_code: str) -> str | None:
    """The ISO country of a North American area code, None for one that is not in use."""
    return country_of(f"+1{area_code}2345678")


def type_of(number: str) -> NumberType | None:
    """The type that the number's digits show; None where they do not (a US number may be local or mobile)."""
    kinds = {
        PhoneNumberType.FIXED_LINE: NumberType.LOCAL,
        PhoneNumberType.MOBILE: NumberType.MOBILE,
        PhoneNumberType.TOLL_FREE: NumberType.TOLL_FREE,
        PhoneNumberType.UAN: NumberType.NATIONAL,
    }
    parsed = _parsed(number)
    return kinds.get(phonenumbers.number_type(parsed)) if parsed else None


def _parsed(number: str) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return None


def national_form(number: str) -> str:
    return phonenumbers.format_number(phonenumbers.parse(number), PhoneNumberFormat.NATIONAL)


def international_form(number: str) -> str:
    """As people read it; what is no number (a SIP address, a caller who hides) stays as it is."""
    parsed = _parsed(number)
    return phonenumbers.format_number(parsed, PhoneNumberFormat.INTERNATIONAL) if parsed else number
