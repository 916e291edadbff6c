"""`trunkline reconcile adopt`, `trunkline numbers adopt`: what our accounts hold is taken over."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trunkline.cli import batch_run, show
from trunkline.cli.asking import DONE, FAILED, USAGE, agreed, asking
from trunkline.cli.batch_run import Detach, DryRun
from trunkline.cli.following import LOOK_SECONDS, Patience, Timeout
from trunkline.cli.options import Carrier, Json, Yes
from trunkline.cli.output import complain, say
from trunkline.cli.restaurants_import import SHOWN, refuse_to_overwrite, write_keys

if TYPE_CHECKING:
    from trunkline.client import Trunkline
    from trunkline.client.models import Adoption, AdoptItem
    from trunkline.client.operations.adopting import Adopting

OWED = "adopt_owed"


def adopt(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="CSV with phone_number, JSON, or a number a line.")
    ] = None,
    all_unused: Annotated[
        bool, typer.Option("--all-unused", help="Every number of the accounts that nobody uses.")
    ] = False,
    carrier: Carrier = None,
    from_installation: Annotated[
        str | None, typer.Option(help="Another installation, which is gone: its numbers may be taken.")
    ] = None,
    keys: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where new restaurants' keys go; FILE.keys.csv if left out.")
    ] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    detach: Detach = False,
    timeout: Timeout = None,
    json: Json = False,
) -> None:
    """Take over numbers that the carriers' accounts hold: bought in a dashboard, by an older script, by another
    installation. All rows of a file, or none; nothing is bought.

    Columns: phone_number, and name, external_id, metadata.NAME of the restaurant that it is for, which is found by its
    external_id, or where the row has none by its name, else created; a number without one is idle, and the next that it
    suits gets it. What something else answers is refused. May be repeated. The exit code is 2 if a row is refused, and
    3 if only some are in service.

    \b
    Examples:
      trunkline reconcile adopt --all-unused
      trunkline reconcile adopt phone_mappings.csv --dry-run
      trunkline reconcile adopt phone_mappings.csv --keys keys.csv --yes
    """
    from trunkline.cli.row_files import read_numbers

    if (file is None) is not all_unused:
        complain("either a FILE or --all-unused says which numbers", "give one of them")
        raise typer.Exit(USAGE)
    target = keys or Path(f"{file or 'adopted'}.keys.csv")
    numbered = read_numbers(file) if file is not None else []
    lines = {place: line for place, (line, _) in enumerate(numbered, 1)}
    wanted: Adopting = {"carrier": carrier, "from_installation": from_installation}
    if file is not None:
        wanted["rows"] = [row for _, row in numbered]
    with asking() as client:
        plan = client.adopt_numbers(**wanted, dry_run=True)
        tell(plan, file, lines, json and dry_run)
        doing = set(plan.counts) - {"ours", "same"}
        if dry_run or not doing:
            raise typer.Exit(DONE)
        if "new" in doing:
            refuse_to_overwrite(target)
        if not agreed(f"Adopt {show.times(sum(plan.counts[fate] for fate in doing), 'number')}?", yes):
            raise typer.Exit(FAILED)
        finish(client, client.adopt_numbers(**wanted), target, json, Patience(not detach, timeout))


AMONG_NUMBERS = (adopt.__doc__ or "").replace("reconcile adopt", "numbers adopt")  # the same under another name


def finish(client: Trunkline, done: Adoption, target: Path, json: bool, patience: Patience) -> None:
    """The keys are kept, and the end of what the server does is waited for."""
    if done.created:
        write_keys(target, done.created)
    if json:
        show.as_json(done)
    elif done.created:
        say(f"their keys are in {target}, which only you can read: they are not told again")
    idle = done.counts.get("idle", 0)
    while (owed := bool(idle) and is_owed(client)) and patience.left > 0:
        time.sleep(min(LOOK_SECONDS, patience.left))
    if idle and not json:
        say(f"{show.times(idle, 'number')} {'are being adopted' if owed else 'adopted, idle'}")
    if done.batch_id is not None:
        left = None if patience.endless else round(patience.left, 1)
        batch_run.begun(client, client.batch(done.batch_id), not patience.wait, json, left)
    if owed:
        raise typer.Exit(patience.leaves("the adoption", "debts"))


def is_owed(client: Trunkline) -> bool:
    return next(iter(client.debts(kind=OWED)), None) is not None


def tell(plan: Adoption, file: Path | None, lines: Mapping[int, int], json: bool) -> None:
    """What would become of each; a refused row ends the program."""
    if refused := [item for item in plan.items if item.fate == "refused"]:
        for item in refused[:SHOWN]:
            complain(f"{file}, line {lines[item.row]}, column {item.field}: {item.detail}", item.hint)
        complain(f"{show.times(len(refused), 'row')} refused, so that nothing is done", "mend the file")
        raise typer.Exit(USAGE)
    if json:
        show.as_json(plan)
    elif not plan.items:
        say("every number of the accounts is in use, or ours already")
    else:
        rows = [(i.number, i.carrier, i.fate, i.external_id, i.name, price(i)) for i in plan.items[:SHOWN]]
        show.table(["number", "carrier", "fate", "external_id", "name", "a month"], rows, "")
        if len(plan.items) > SHOWN:
            say(f"... and {len(plan.items) - SHOWN} more; --dry-run --json tells all")
        say(", ".join(f"{count} {fate}" for fate, count in sorted(plan.counts.items())))


def price(item: AdoptItem) -> str | None:
    return show.price(item.monthly_price, item.currency)
