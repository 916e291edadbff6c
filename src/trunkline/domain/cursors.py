"""Cursors of lists: each tells the last row of a page by what the list is in the order of."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from trunkline.errors import InvalidInput

Row = TypeVar("Row")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def not_ours() -> InvalidInput:
    return InvalidInput("this cursor is not one of ours", field="cursor", hint="use next_cursor of the page before")


def cut(found: Sequence[Row], limit: int, place: Callable[[Row], str]) -> tuple[Sequence[Row], str | None]:
    """A page, and the cursor of the next one. `found` has one row more than the page where there is a next one."""
    shown = found[:limit]
    return shown, _written(place(shown[-1])) if len(found) > limit else None


def after_id(cursor: str | None) -> str | None:
    """Of a list in the order of ids, or of numbers."""
    return None if cursor is None else _read(cursor, r"[a-z]+_\w{1,60}|\+[1-9]\d{1,14}")[0]


def after_subject(cursor: str | None) -> str | None:
    """Of a list in the order of what each is about: all, or the id of one."""
    return None if cursor is None else _read(cursor, r"all|[a-z]+_\w{1,60}")[0]


def after_place(cursor: str | None) -> int:
    """Of a list in the order of places that are counted from 0."""
    return -1 if cursor is None else int(_read(cursor, r"\d{1,9}")[0])


def after_moment(cursor: str | None) -> tuple[datetime, str] | None:
    """Of a list in the order of times, and of ids where the time is the same."""
    if cursor is None:
        return None
    found = _read(cursor, r"(\d{1,16}) ([^\0]+)")
    return EPOCH + int(found[1]) * MICROSECOND, found[2]


def after_value(cursor: str | None, sort: str) -> tuple[str, str] | None:
    """(value, number) of a list in the order of a value of that name, and of numbers where it is the same."""
    if cursor is None:
        return None
    found = _read(cursor, rf"{sort} (\d{{1,20}}(?:\.\d{{1,10}})?) (\+[1-9]\d{{1,14}})")
    return found[1], found[2]


def after_name(cursor: str | None) -> tuple[str | None, str | None]:
    """(folded name, id) of a list of restaurants in the order of their names."""
    if cursor is None:
        return None, None
    found = _read(cursor, r"name ([a-z]+_\w{1,60}) ([^\0]*)")
    return found[2], found[1]


def moment(at: datetime, row_id: str) -> str:
    """The place of a row in such a list."""
    return f"{(at - EPOCH) // MICROSECOND} {row_id}"


def _written(place: str) -> str:
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def _read(cursor: str, form: str) -> re.Match[str]:
    """InvalidInput for a cursor that we did not give, or gave for another list."""
    try:
        text = base64.b64decode(cursor.encode() + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError):
        raise not_ours() from None
    found = re.fullmatch(form, text, re.ASCII | re.DOTALL)
    if found is None:
        raise not_ours()
    return found
