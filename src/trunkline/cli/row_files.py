"""Restaurants from a file: CSV with a line of titles, or JSON, as the rows that the API takes."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from trunkline.errors import InvalidInput

COLUMNS = ("name", "external_id", "country", "area_code", "contains", "number_type", "carrier", "phone_number")
METADATA = "metadata."
MOST_BYTES = 10 * 1024 * 1024
BYTE_ORDER_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}


def read_rows(file: Path) -> list[tuple[int, dict[str, Any]]]:
    """Each row with the line that it begins on. InvalidInput says what is wrong with the file, and where."""
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror}", hint="give a file of CSV or JSON") from None
    if len(raw) > MOST_BYTES:
        raise InvalidInput(f"{file} has {len(raw) // 1024} KB", hint="split it: 10 MB at once, and 10,000 rows")
    text = _decoded(file, raw)
    rows = _from_json(file, text) if text.lstrip().startswith(("[", "{")) else _from_csv(file, text)
    if not rows:
        raise InvalidInput(f"{file} has no rows", hint=f"columns are {', '.join(COLUMNS)}, {METADATA}NAME")
    return rows


def _decoded(file: Path, raw: bytes) -> str:
    encoding = next((name for mark, name in BYTE_ORDER_MARKS.items() if raw.startswith(mark)), "utf-8")
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        hint = "save it as UTF-8 (in a spreadsheet: CSV UTF-8)"
        raise InvalidInput(f"{file}, line {line}: this is not UTF-8", hint=hint) from None


def _from_csv(file: Path, text: str) -> list[tuple[int, dict[str, Any]]]:
    lines = csv.reader(io.StringIO(text), delimiter=_delimiter(text), strict=True)
    rows: list[tuple[int, dict[str, Any]]] = []
    try:
        titles = [title.strip() for title in next(lines, [])]
        _check_titles(file, titles)
        begins = lines.line_num + 1
        for cells in lines:
            if any(cell.strip() for cell in cells):
                rows.append((begins, _row(file, begins, titles, cells)))
            begins = lines.line_num + 1
    except csv.Error as error:
        raise InvalidInput(f"{file}, line {lines.line_num}: {error}", hint="close each quote that is opened") from None
    return rows


def _delimiter(text: str) -> str:
    """What separates the titles; spreadsheets of some countries write semicolons or tabs."""
    first = text.partition("\n")[0]
    return max(",;\t", key=first.count)


def _check_titles(file: Path, titles: list[str]) -> None:
    hint = f"columns are {', '.join(COLUMNS)}, {METADATA}NAME"
    for place, title in enumerate(titles, 1):
        if title not in COLUMNS and not (title.startswith(METADATA) and len(title) > len(METADATA)):
            raise InvalidInput(f"{file}, line 1, column {place}: {title!r} is no column", hint=hint)
        if titles.index(title) != place - 1:
            raise InvalidInput(f"{file}, line 1, column {place}: {title!r} is there twice", hint="take one out")
    if "name" not in titles:
        raise InvalidInput(f"{file}, line 1: there is no column name", hint=hint)


def _row(file: Path, line: int, titles: list[str], cells: list[str]) -> dict[str, Any]:
    if len(cells) > len(titles):
        detail = f"{file}, line {line}: {len(cells)} cells under {len(titles)} titles"
        raise InvalidInput(detail, hint="quote what has the separator in it")
    row: dict[str, Any] = {}
    for title, cell in zip(titles, cells, strict=False):
        if not (value := cell.strip()):
            continue
        if title.startswith(METADATA):
            row.setdefault("metadata", {})[title.removeprefix(METADATA)] = value
        else:
            row[title] = value
    return {"name": "", **row}


def _from_json(file: Path, text: str) -> list[tuple[int, dict[str, Any]]]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise InvalidInput(f"{file}: {error}", hint="give a JSON array of objects") from None
    rows = found.get("rows") if isinstance(found, dict) else found
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InvalidInput(f"{file} is no list of objects", hint='like [{"name": "Roma", "external_id": "R-1"}]')
    for place, row in enumerate(rows, 1):
        if unknown := set(row) - {*COLUMNS, "metadata"}:
            detail = f"{file}, row {place}: {sorted(unknown)[0]!r} is no field"
            raise InvalidInput(detail, hint=f"fields are {', '.join(COLUMNS)}, metadata")
    return list(enumerate(rows, 1))
