"""`trunkline restaurants import`: a file of restaurants, judged, asked about, written, and given numbers."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trunkline.cli import batch_run, show
from trunkline.cli.asking import DONE, FAILED, USAGE, agreed, asking
from trunkline.cli.batch_run import Detach, DryRun
from trunkline.cli.following import Timeout
from trunkline.cli.options import Json, Yes
from trunkline.cli.output import complain, say

if TYPE_CHECKING:
    from trunkline.client.models import BulkCreated, BulkItem, BulkPlan, BulkResult
    from trunkline.client.operations.common import Spending

SHOWN = 50  # rows of a table; JSON has them all


def import_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV with titles, or JSON.")],
    keys: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where the new keys are written; FILE.keys.csv if left out.")
    ] = None,
    numbers: Annotated[bool, typer.Option("--numbers/--no-numbers", help="Get the new ones numbers.")] = True,
    dry_run: DryRun = False,
    yes: Yes = False,
    detach: Detach = False,
    timeout: Timeout = None,
    json: Json = False,
) -> None:
    """Create many restaurants from a file, or change those whose external_id is there: all rows, or none.

    Columns: name, external_id, country, area_code, contains, number_type, carrier, phone_number (one that an account
    of yours has already), metadata.NAME. Says what each row would do and what numbers would cost, asks, and gets the
    numbers by a batch. Sending a file again changes nothing twice. The exit code is 2 if a row is refused.

    \b
    Examples:
      trunkline restaurants import restaurants.csv --dry-run
      trunkline restaurants import restaurants.csv --keys keys.csv --yes
    """
    from trunkline.cli.row_files import read_rows

    target = keys or Path(f"{file}.keys.csv")
    numbered = read_rows(file)
    lines = {place: line for place, (line, _) in enumerate(numbered, 1)}
    rows = [row for _, row in numbered]
    with asking() as client:
        plan = client.plan_import(rows, assign_phone=numbers)
        if json and dry_run:
            show.as_json(plan)
        elif not json:
            tell(plan, lines)
        if plan.counts.refused:
            complain(f"{show.times(plan.counts.refused, 'row')} refused, so that nothing is done", "mend the file")
            raise typer.Exit(USAGE)
        if dry_run or not plan.counts.new + plan.counts.changed:
            raise typer.Exit(DONE)
        if plan.counts.new:
            refuse_to_overwrite(target)
        if not agreed(question(plan), yes):
            raise typer.Exit(FAILED)
        bounds: Spending = batch_run.bounds(plan.numbers) if plan.numbers is not None else {}
        done = client.import_restaurants(rows, assign_phone=numbers, **bounds)
        tell_done(done, target, json)
        if done.batch_id is not None:
            batch_run.begun(client, client.batch(done.batch_id), detach, json, timeout)


def tell_done(done: BulkResult, target: Path, json: bool) -> None:
    if done.created:
        write_keys(target, done.created)
    if json and done.batch_id is None:
        show.as_json(done)
    elif not json:
        say(f"{len(done.created)} created, {done.changed} changed, {done.same} as they were")
        if done.created:
            say(f"their keys are in {target}, which only you can read: they are not told again")


def question(plan: BulkPlan) -> str:
    bought = f", and buy up to {show.times(plan.numbers.bought, 'number')}" if plan.numbers else ""
    return f"Create {plan.counts.new} and change {plan.counts.changed}{bought}?"


def tell(plan: BulkPlan, lines: Mapping[int, int]) -> None:
    telling = [item for item in plan.items if item.fate == "refused"] or list(plan.items)
    rows = [(lines[i.row], i.fate, i.external_id, i.name, what(i)) for i in telling[:SHOWN]]
    show.table(["line", "fate", "external_id", "name", "what"], rows, "no rows")
    if len(telling) > SHOWN:
        say(f"... and {len(telling) - SHOWN} more; --dry-run --json tells all")
    counts = plan.counts
    say(f"{counts.new} new, {counts.changed} changed, {counts.same} as they are, {counts.refused} refused")
    if plan.numbers is not None and not counts.refused:
        batch_run.tell(plan.numbers)


def what(item: BulkItem) -> str | None:
    if item.detail:
        return f"{item.field}: {item.detail}" + (f" ({item.hint})" if item.hint else "")
    return ", ".join(item.changes) or None


def refuse_to_overwrite(target: Path) -> None:
    """Before keys are made: those of another time may be there and nowhere else."""
    if target.exists():
        complain(f"{target} is there already, and keys are told only once", "give another --keys FILE")
        raise typer.Exit(USAGE)


def write_keys(target: Path, created: Sequence[BulkCreated]) -> None:
    """A new file of this user's alone."""
    written = io.StringIO()
    lines = csv.writer(written, lineterminator="\n")
    lines.writerow(["id", "external_id", "name", "api_key"])
    lines.writerows((made.id, made.external_id or "", made.name, made.api_key) for made in created)
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(written.getvalue())
