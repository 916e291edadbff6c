"""Lists as CSV: the API's own fields, for spreadsheets that execute nothing of what is in them."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    import msgspec

STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
HARMLESS = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")  # E.164 and amounts


def say_csv(items: Iterable[msgspec.Struct], of: type[msgspec.Struct]) -> None:
    """A line of titles, and one for each item. What is no plain value is JSON."""
    import msgspec

    written = io.StringIO()
    lines = csv.writer(written, lineterminator="\n")
    names = [field.name for field in msgspec.structs.fields(of)]
    lines.writerow(names)
    for item in items:
        plain = msgspec.to_builtins(item)
        lines.writerow([cell(plain[name]) for name in names])
    typer.echo(written.getvalue(), nl=False)


def cell(value: Any) -> str:
    """A text that a spreadsheet would take for a formula is quoted as text, in the way that spreadsheets know."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = "".join(c if c.isprintable() else " " for c in text)
    return f"'{text}" if text.startswith(STARTS_FORMULA) and not HARMLESS.fullmatch(text) else text
