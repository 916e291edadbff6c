"""How the number of one caller may be written by networks and by people."""

from __future__ import annotations

import re

import phonenumbers

NOT_DIALLED = re.compile(r"[\s().-]|^tel:", re.IGNORECASE)
# Mobile numbers of ten digits that some networks send with a digit before them: Mexico's 1 is history since 2019,
# Argentina's 9 is a part of the international form alone.
WITH_A_DIGIT_MORE = {"+521": "+52", "+549": "+54"}
OF_BEFORE_2019 = re.compile(r"\+521(\d{10})")


def forms(number: str) -> tuple[str, ...]:
    """Every E.164 form in which a call from this number may come."""
    head, digits = number[:-10], number[-10:]
    for longer, shorter in WITH_A_DIGIT_MORE.items():
        if head in (longer, shorter):
            return shorter + digits, longer + digits
    return (number,)


def current_form(text: str) -> str:
    """The same number, a Mexican one without the 1 that it had before 2019."""
    plain = NOT_DIALLED.sub("", text)
    return OF_BEFORE_2019.sub(r"+52\1", plain) if OF_BEFORE_2019.fullmatch(plain) else text


def full_number(text: str | None, near: str | None = None) -> str | None:
    """E.164 of what stands in a call, None where its country is not sure.

    Without a + it may be a number with its country code, or one of those that are dialled within a country: that of
    the number `near`, or, where there is none, North America, whose ten digits look most like full numbers. It is taken
    for the first only if it cannot be the second."""
    if text is None:
        return None
    plain = NOT_DIALLED.sub("", text)
    if plain.startswith("+"):
        return plain
    if not (plain.isascii() and plain.isdecimal()):
        return None
    full = _valid(current_form("+" + plain.removeprefix("00")), None)
    return full if _valid(plain, _country(near)) in (None, full) else None


def _valid(text: str, country: str | None) -> str | None:
    """E.164 of what is dialled in a country, None where that leads nowhere."""
    try:
        parsed = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(parsed):
        return None
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def _country(near: str | None) -> str:
    try:
        code = phonenumbers.parse(near or "").country_code
    except phonenumbers.NumberParseException:
        return "US"
    return phonenumbers.region_code_for_country_code(code or 1)
