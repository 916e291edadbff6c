"""Restaurants by the row: what a file says of each, and what would become of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from trunkline.domain.choosing import Criteria
from trunkline.domain.notes import RestaurantNotes, checked_name
from trunkline.domain.numbers import E164, parse_number
from trunkline.domain.wishes import PICKED, Wish
from trunkline.errors import InvalidInput

MOST_ROWS = 10_000
CRITERIA = ("country", "area_code", "contains", "number_type", "carrier")


class RowFate(StrEnum):
    """What becomes of a row. `same` and `changed` have the external_id of a restaurant that is there."""

    NEW = "new"
    SAME = "same"
    CHANGED = "changed"
    REFUSED = "refused"


@dataclass(frozen=True)
class Row:
    """One restaurant as a file has it, checked. `place` counts from 1; `wish.number` is a number that is held already
    and is to be its."""

    place: int
    name: str
    notes: RestaurantNotes
    wish: Wish

    @property
    def known_by_name(self) -> bool:
        """It says whose a number is by the name alone: the restaurant that is called so, where there is one."""
        return self.wish.number is not None and self.notes.external_id is None


@dataclass(frozen=True)
class JudgedRow:
    """`row` is None where it was refused, for `detail` in `field`; `restaurant_id` is whose external_id it has, and
    `changes` are the fields in which that one differs."""

    place: int
    fate: RowFate
    row: Row | None = None
    restaurant_id: str | None = None
    changes: tuple[str, ...] = ()
    field: str | None = None
    detail: str | None = None
    hint: str | None = None


def refused(place: int, error: InvalidInput) -> JudgedRow:
    return JudgedRow(place, RowFate.REFUSED, field=error.field, detail=error.detail, hint=error.hint)


def check_row(place: int, given: Mapping[str, Any], default_country: str) -> Row:
    """The row, in form. InvalidInput names the field at fault."""
    criteria = Criteria.checked(*(given.get(name) for name in CRITERIA))
    wish = Wish(criteria)
    if picked := given.get(PICKED):
        wish = Wish(replace(criteria, country=None), held=True).picking(
            parse_number(picked, criteria.country or default_country, field=PICKED)
        )
    notes = RestaurantNotes.checked(given.get("external_id"), given.get("metadata"))
    return Row(place, checked_name(given.get("name") or ""), notes, wish)


def check_rows(given: Sequence[Mapping[str, Any]], default_country: str) -> tuple[list[Row], list[JudgedRow]]:
    """The rows that are in form, and those that are refused: also the second of two with one external_id, with one
    number, or with one name where nothing else says which restaurant a number is for."""
    rows: list[Row] = []
    wrong: list[JudgedRow] = []
    ids: dict[str, int] = {}
    picked: dict[E164, int] = {}
    named: dict[str, Row] = {}
    for place, one in enumerate(given, 1):
        try:
            row = check_row(place, one, default_country)
            _refuse_second(ids, row.notes.external_id, place, "external_id")
            _refuse_second(picked, row.wish.number, place, PICKED)
            _refuse_namesake(named.setdefault(row.name, row), row)
        except InvalidInput as error:
            wrong.append(refused(place, error))
        else:
            rows.append(row)
    return rows, wrong


def _refuse_second(seen: dict[Any, int], value: Any, place: int, field: str) -> None:
    if value is None:
        return
    if (first := seen.setdefault(value, place)) != place:
        raise InvalidInput(f"row {first} has {value} as well", field=field, hint="give each row its own")


def _refuse_namesake(first: Row, row: Row) -> None:
    if first is not row and (first.known_by_name or row.known_by_name):
        detail = f"row {first.place} is called {row.name} as well"
        raise InvalidInput(detail, field="external_id", hint="say by an external_id in both which is which")
