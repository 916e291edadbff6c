"""Restaurants or numbers from a file: CSV with a line of titles, or JSON, as the rows that the API takes."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trunkline.errors import InvalidInput

COLUMNS = ("name", "external_id", "country", "area_code", "contains", "number_type", "carrier", "phone_number")
NUMBER = "phone_number"
ADOPTED = (NUMBER, "name", "external_id")
METADATA = "metadata."
MOST_BYTES = 10 * 1024 * 1024
BYTE_ORDER_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}


def read_numbers(file: Path) -> list[tuple[int, dict[str, Any]]]:
    """Numbers that are taken over, and whose they are; without titles a number a line."""
    text = _text(file)
    if text.lstrip().startswith(("[", "{")) or NUMBER in text.partition("\n")[0]:
        return read_rows(file, ADOPTED, NUMBER)
    rows = [(line, {NUMBER: one.strip()}) for line, one in enumerate(text.splitlines(), 1) if one.strip()]
    if not rows:
        raise InvalidInput(f"{file} names no number", hint=f"a number a line, or a column {NUMBER}")
    return rows


def read_rows(file: Path, columns: tuple[str, ...] = COLUMNS, needed: str = "name") -> list[tuple[int, dict[str, Any]]]:
    """Each row with the line that it begins on. InvalidInput says what is wrong with the file, and where."""
    text, form = _text(file), _Form(file, columns, needed)
    rows = form.from_json(text) if text.lstrip().startswith(("[", "{")) else form.from_csv(text)
    if not rows:
        raise InvalidInput(f"{file} has no rows", hint=form.hint)
    return rows


def _text(file: Path) -> str:
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror}", hint="give a file of CSV or JSON") from None
    if len(raw) > MOST_BYTES:
        raise InvalidInput(f"{file} has {len(raw) // 1024} KB", hint="split it: 10 MB at once, and 10,000 rows")
    return _decoded(file, raw)


def _decoded(file: Path, raw: bytes) -> str:
    encoding = next((name for mark, name in BYTE_ORDER_MARKS.items() if raw.startswith(mark)), "utf-8")
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        hint = "save it as UTF-8 (in a spreadsheet: CSV UTF-8)"
        raise InvalidInput(f"{file}, line {line}: this is not UTF-8", hint=hint) from None


@dataclass(frozen=True)
class _Form:
    """What a file may have: these columns, of which one is needed."""

    file: Path
    columns: tuple[str, ...]
    needed: str

    @property
    def hint(self) -> str:
        return f"columns are {', '.join(self.columns)}, {METADATA}NAME"

    def from_csv(self, text: str) -> list[tuple[int, dict[str, Any]]]:
        lines = csv.reader(io.StringIO(text), delimiter=_delimiter(text), strict=True)
        rows: list[tuple[int, dict[str, Any]]] = []
        try:
            titles = [title.strip() for title in next(lines, [])]
            self._check_titles(titles)
            begins = lines.line_num + 1
            for cells in lines:
                if any(cell.strip() for cell in cells):
                    rows.append((begins, self._row(begins, titles, cells)))
                begins = lines.line_num + 1
        except csv.Error as error:
            raise InvalidInput(
                f"{self.file}, line {lines.line_num}: {error}", hint="close each quote that is opened"
            ) from None
        return rows

    def _check_titles(self, titles: list[str]) -> None:
        for place, title in enumerate(titles, 1):
            if title not in self.columns and not (title.startswith(METADATA) and len(title) > len(METADATA)):
                raise InvalidInput(f"{self.file}, line 1, column {place}: {title!r} is no column", hint=self.hint)
            if titles.index(title) != place - 1:
                raise InvalidInput(
                    f"{self.file}, line 1, column {place}: {title!r} is there twice", hint="take one out"
                )
        if self.needed not in titles:
            raise InvalidInput(f"{self.file}, line 1: there is no column {self.needed}", hint=self.hint)

    def _row(self, line: int, titles: list[str], cells: list[str]) -> dict[str, Any]:
        if len(cells) > len(titles):
            detail = f"{self.file}, line {line}: {len(cells)} cells under {len(titles)} titles"
            raise InvalidInput(detail, hint="quote what has the separator in it")
        row: dict[str, Any] = {}
        for title, cell in zip(titles, cells, strict=False):
            if not (value := cell.strip()):
                continue
            if title.startswith(METADATA):
                row.setdefault("metadata", {})[title.removeprefix(METADATA)] = value
            else:
                row[title] = value
        return {self.needed: "", **row}

    def from_json(self, text: str) -> list[tuple[int, dict[str, Any]]]:
        try:
            found = json.loads(text)
        except ValueError as error:
            raise InvalidInput(f"{self.file}: {error}", hint="give a JSON array of objects") from None
        rows = found.get("rows") if isinstance(found, dict) else found
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise InvalidInput(
                f"{self.file} is no list of objects", hint='like [{"name": "Roma", "external_id": "R-1"}]'
            )
        for place, row in enumerate(rows, 1):
            if unknown := set(row) - {*self.columns, "metadata"}:
                detail = f"{self.file}, row {place}: {sorted(unknown)[0]!r} is no field"
                raise InvalidInput(detail, hint=f"fields are {', '.join(self.columns)}, metadata")
        return list(enumerate(rows, 1))


def _delimiter(text: str) -> str:
    """What separates the titles; spreadsheets of some countries write semicolons or tabs."""
    first = text.partition("\n")[0]
    return max(",;\t", key=first.count)
