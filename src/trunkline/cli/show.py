"""What people see is tables and lines; what programs see is JSON with the API's own fields."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from textwrap import fill
from typing import TYPE_CHECKING, Any

import typer

from trunkline.cli.asking import USAGE
from trunkline.cli.output import PLAIN, complain, say, say_json
from trunkline.cli.words import in_commands
from trunkline.texts import one_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from trunkline.client.models import Assignment, AssignmentSummary, HistoryLine, Number, RestaurantSummary, Step

GAP = 2  # between two columns
WHOLE = ("id", "number", "restaurant", "batch")  # columns whose texts are copied, and stay in one piece
LONG_WORD = 30
NOTHING = "-"
COLOURS = {
    "assigned": "green",
    "done": "green",
    "in_service": "green",
    "running": "cyan",
    "queued": "cyan",
    "cooling_down": "yellow",
    "owed": "yellow",
    "unassigned": "yellow",
    "cancelled": "yellow",
    "interrupted": "yellow",
    "failed": "red",
}


def as_json(value: Any) -> None:
    """One document, for programs."""
    import msgspec

    say_json(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def as_json_line(value: Any) -> None:
    """One of several documents, a line each."""
    import msgspec

    say_json(msgspec.json.encode(value).decode())
    sys.stdout.flush()


def as_document(found: Sequence[Any], of: str, json: bool, csv: bool) -> bool:
    """The list for a program that asked for it: as JSON, or as CSV with the fields of the client's model `of`. Whether
    one did."""
    if json and csv:
        complain("--json and --csv are two forms of one list", "give one of them")
        raise typer.Exit(USAGE)
    if json:
        as_json(found)
    elif csv:
        from trunkline.cli.csv_form import say_csv
        from trunkline.client import models

        say_csv(found, getattr(models, of))
    return json or csv


def console() -> Console:
    """Standard output. Where it is no terminal, or is to be plain, lines are as long as they are and have no colour."""
    from rich.console import Console

    out = Console(highlight=False)
    return Console(highlight=False, width=1000, force_terminal=False) if PLAIN.get() or not out.is_terminal else out


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], empty: str) -> None:
    """The rows under their titles, or, where they would be folded beyond reading, each row as lines of its own; or one
    line where there are none."""
    if PLAIN.get():
        for row in rows:
            plain(*row)
        return
    texts = [[cell(value) for value in row] for row in rows]
    if not texts:
        say(empty)
        return
    out = console()
    with out.capture() as printed:
        if narrowest(columns, texts) <= out.width:
            out.print(_side_by_side(columns, texts))
        else:
            for place, row in enumerate(texts):
                out.print(*([""] if place else []), _one_below_the_other(columns, row), sep="\n")
    for line in printed.get().splitlines():
        typer.echo(line.rstrip())  # what is in the cells is cleaned, the colours are ours


def plain(*values: Any) -> None:
    """One line, whatever is in it: what is not known is an empty cell."""
    typer.echo("\t".join("" if value in (None, [], ()) else cell(value).replace("\t", " ") for value in values))


def narrowest(columns: Sequence[str], texts: Sequence[Sequence[str]]) -> int:
    """How many characters a line of the table needs, if long words but those of WHOLE may be folded."""
    needed = (len(columns) - 1) * GAP
    for place, column in enumerate(columns):
        words = [word for row in texts for word in ([row[place]] if column in WHOLE else row[place].split())]
        needed += max([len(column), *(len(word) if column in WHOLE else min(len(word), LONG_WORD) for word in words)])
    return needed


def _side_by_side(columns: Sequence[str], texts: Sequence[Sequence[str]]) -> Table:
    from rich.table import Table

    drawn = Table(box=None, pad_edge=False, header_style="bold", padding=(0, GAP, 0, 0))
    for column in columns:
        drawn.add_column(column.upper(), no_wrap=column in WHOLE, overflow="fold")
    for row in texts:
        drawn.add_row(*map(_coloured, row))
    return drawn


def _one_below_the_other(columns: Sequence[str], row: Sequence[str]) -> Table:
    from rich.table import Table

    drawn = Table(box=None, pad_edge=False, show_header=False, padding=(0, GAP, 0, 0))
    drawn.add_column(style="bold", no_wrap=True)
    drawn.add_column(overflow="fold")
    for column, text in zip(columns, row, strict=True):
        if text != NOTHING:
            drawn.add_row(column.upper(), _coloured(text))
    return drawn


def story(told: Iterable[HistoryLine]) -> None:
    """What happened, a line each, under who did it and why, which is said where it changes."""
    if PLAIN.get():
        for one in told:
            plain(one.at, one.by, one.reason, one.text)
        return
    width, before = console().width, None
    for one in told:
        who = f"By {one.by}" + (f", because: {one.reason}" if one.reason else "")
        if who != before:
            typer.echo(("\n" if before else "") + fill(cell(who), width, break_on_hyphens=False))
            before = who
        at = f"  {cell(one.at)}  "
        deep = " " * len(at)
        typer.echo(fill(cell(one.text), width, initial_indent=at, subsequent_indent=deep, break_on_hyphens=False))


def _coloured(text: str) -> Text:
    from rich.text import Text

    return Text(text, COLOURS.get(text, ""))


def facts(pairs: Sequence[tuple[str, Any]]) -> None:
    """What is known of one thing, a line each; what is not known is left out."""
    if PLAIN.get():
        for name, value in pairs:
            plain(name, value)
        return
    from rich.text import Text

    out, width = console(), max(len(name) for name, _ in pairs) + 2
    for name, value in pairs:
        if value not in (None, "", []):
            text = cell(value)
            out.print(Text.assemble((name.ljust(width), "bold"), (text, COLOURS.get(text, ""))), soft_wrap=True)


def cell(value: Any) -> str:
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%SZ")
    if isinstance(value, list | tuple):
        return ", ".join(map(cell, value)) or NOTHING
    return in_commands(one_line(str(value)))


def price(amount: Decimal | None, currency: str | None) -> str | None:
    return None if amount is None else f"{amount} {currency or ''}".strip()


def times(count: int, one: str, many: str | None = None) -> str:
    """ "1 number", "2 numbers"."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def outcome(assignment: AssignmentSummary | None) -> str | None:
    """Why there is no number, or how it came."""
    if assignment is None:
        return None
    return assignment.source or assignment.reason or assignment.status


def is_told_by_its_assignment(restaurant: RestaurantSummary) -> bool:
    """Whether the latest assignment says what the restaurant has now, or why it has no number of its own: since then
    one may have been moved to it, or away from it."""
    run = restaurant.assignment
    is_last = run is None or run.status == "running" or run.phone_number == restaurant.phone_number
    return is_last or restaurant.shared


def came_by(restaurant: RestaurantSummary) -> str | None:
    """Why a restaurant has no number, or how it came by the one that it has."""
    if is_told_by_its_assignment(restaurant):
        return outcome(restaurant.assignment)
    return "moved" if restaurant.phone_number else "lost since"


def notes_of(found: Number) -> list[tuple[str, Any]]:
    """What people have said of a number."""
    return [
        ("number", found.number),
        ("protected", "yes" if found.protected else None),
        ("labels", found.labels),
        ("given back after", found.release_after),
    ]


def steps(found: Sequence[Step]) -> None:
    rows = [(s.name, s.carrier, s.status, s.attempt, milliseconds(s.duration_ms), s.detail) for s in found]
    table(["step", "carrier", "status", "attempt", "took", "detail"], rows, "no steps yet")


def milliseconds(took: int | None) -> str | None:
    return None if took is None else f"{took} ms"


def assignment(found: Assignment) -> None:
    facts(
        [
            ("assignment", found.id),
            ("restaurant", found.restaurant_id),
            ("status", found.status),
            ("source", found.source),
            ("number", found.phone_number),
            ("reason", found.reason),
            ("message", found.message),
            ("hint", found.hint),
            ("asked for", ", ".join(f"{k} {v}" for k, v in found.criteria.items())),
            ("batch", found.batch_id),
            ("began", found.created_at),
            ("ended", found.ended_at),
        ]
    )
    steps(found.steps)
