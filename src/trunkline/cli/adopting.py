"""`trunkline numbers adopt`: many numbers of our accounts at once, into Vapi and into our books."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trunkline.cli import show
from trunkline.cli.asking import DONE, FAILED, PARTLY, USAGE, agreed, asking
from trunkline.cli.options import Carrier, Json, Yes
from trunkline.cli.output import complain, say
from trunkline.errors import InvalidInput

if TYPE_CHECKING:
    from trunkline.client import Trunkline
    from trunkline.client.models import NumberDetail


def adopt(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="A number a line, or CSV with phone_number.")
    ] = None,
    all_unused: Annotated[
        bool, typer.Option("--all-unused", help="Every number of the accounts that nobody uses.")
    ] = False,
    carrier: Carrier = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Take over numbers that the carriers' accounts hold: into Vapi, for no restaurant; the next that they suit get
    them. A number that something else answers is left alone. May be repeated. The exit code is 3 if only some are.

    \b
    Examples:
      trunkline numbers adopt --all-unused
      trunkline numbers adopt numbers.csv --carrier twilio --yes
    """
    if (file is None) is not all_unused:
        complain("either a FILE or --all-unused says which numbers", "give one of them")
        raise typer.Exit(USAGE)
    with asking() as client:
        wanted = read_numbers(file) if file is not None else unused(client, carrier, json)
        if not wanted:
            if json:
                show.as_json([])
            else:
                say("every number of the accounts is in use, or ours already")
            raise typer.Exit(DONE)
        if not agreed(f"Adopt {show.times(len(wanted), 'number')}?", yes):
            raise typer.Exit(FAILED)
        adopted = adopt_each(client, wanted, carrier, told=not json)
    if json:
        show.as_json(adopted)
    else:
        say(f"{len(adopted)} of {len(wanted)} adopted")
    raise typer.Exit(DONE if len(adopted) == len(wanted) else PARTLY if adopted else FAILED)


def unused(client: Trunkline, carrier: str | None, json: bool) -> list[str]:
    unused = client.unused_numbers(carrier=carrier)
    for refusal in unused.refusals:
        complain(f"{refusal.carrier}: {refusal.detail}", refusal.hint)
    if not json and unused.items:
        rows = [(n.number, n.carrier, n.country, show.price(n.monthly_price, n.currency)) for n in unused.items]
        show.table(["number", "carrier", "country", "a month"], rows, "")
    return [number.number for number in unused.items]


def read_numbers(file: Path) -> list[str]:
    """A number a line, or the column phone_number of a CSV. InvalidInput where it cannot be read, or has none."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{file} cannot be read: {error}", hint="give a text file in UTF-8") from None
    rows = list(csv.reader(line for line in lines if line.strip()))
    titles = [cell.strip() for cell in rows[0]] if rows else []
    place = titles.index("phone_number") if "phone_number" in titles else 0
    numbers = [row[place].strip() for row in rows[1 if "phone_number" in titles else 0 :] if len(row) > place]
    if not (given := list(dict.fromkeys(number for number in numbers if number))):
        raise InvalidInput(f"{file} names no number", hint="a number a line, or a column phone_number")
    return given


def adopt_each(client: Trunkline, wanted: list[str], carrier: str | None, told: bool) -> list[NumberDetail]:
    """Those that were adopted; each refusal is a line."""
    from trunkline.client import ApiError

    adopted = []
    for place, number in enumerate(wanted, 1):
        try:
            adopted.append(client.import_number(number, carrier=carrier))
        except ApiError as error:
            complain(f"{number}: {error.detail}", error.hint)
        else:
            if told:
                say(f"{place}/{len(wanted)} {number} is {adopted[-1].state} at {adopted[-1].carrier}")
    return adopted
