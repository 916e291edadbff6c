"""`trunkline batch`: numbers for many restaurants at once."""

from __future__ import annotations

from typing import Annotated

import typer

from trunkline.cli import batch_run, show
from trunkline.cli.asking import asking
from trunkline.cli.batch_run import Detach, DryRun, IgnoreWishes, IncludeShared, Limit
from trunkline.cli.following import Timeout
from trunkline.cli.options import (
    AreaCode,
    Carrier,
    Contains,
    Country,
    Csv,
    ForceTwilio,
    Json,
    Reason,
    Type,
    Yes,
    criteria,
)
from trunkline.cli.output import say

app = typer.Typer(no_args_is_help=True)
BatchId = Annotated[str, typer.Argument(metavar="BATCH", help="The batch's id.")]


@app.command()
def start(
    search: Annotated[str | None, typer.Option(help="Only restaurants with this in their name.")] = None,
    include_shared: IncludeShared = False,
    limit: Limit = None,
    force_twilio: ForceTwilio = False,
    country: Country = None,
    area_code: AreaCode = None,
    contains: Contains = None,
    number_type: Type = None,
    carrier: Carrier = None,
    ignore_wishes: IgnoreWishes = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    detach: Detach = False,
    timeout: Timeout = None,
    json: Json = False,
) -> None:
    """Get a number for every restaurant that has none: say what it would cost, ask, start, and watch.

    Each gets what it had asked for, and what is asked here for all. No more is bought than was shown.

    It goes on in the server if this command is stopped. The exit code is 0 if all have a number at the end, 3 if only
    some, 1 if none. With --json, each restaurant that ended and at the end the batch are a line each.

    \b
    Examples:
      trunkline batch start --dry-run
      trunkline batch start --search pizza --area-code 415 --limit 20
      trunkline batch start --carrier twilio --yes --json
    """
    batch_run.perform(
        {
            **criteria(country, area_code, contains, number_type, carrier),
            "force_twilio": force_twilio,
            "search": search,
            "include_shared": include_shared,
            "limit": limit,
            "ignore_wishes": ignore_wishes,
        },
        dry_run=dry_run,
        yes=yes,
        detach=detach,
        timeout=timeout,
        json=json,
    )


@app.command()
def watch(batch: BatchId, timeout: Timeout = None, json: Json = False) -> None:
    """Watch a batch until it ends: a line for each restaurant, and how far it is. Ctrl-C stops the watching only.

    \b
    Example:
      trunkline batch watch bat_0dm2r7h1kq3w9v4m
    """
    with asking() as client:
        batch_run.follow(client, client.batch(batch), json, timeout)


@app.command()
def cancel(batch: BatchId, reason: Reason = None, json: Json = False) -> None:
    """Stop a batch before the next purchase. What was bought already is put in service.

    \b
    Example:
      trunkline batch cancel bat_0dm2r7h1kq3w9v4m
    """
    with asking() as client:
        stopped = client.cancel_batch(batch, reason=reason)
    if json:
        show.as_json(stopped)
    else:
        say(f"{stopped.id} is cancelled: {batch_run.counted(stopped)}; go on with: trunkline batch resume {stopped.id}")


@app.command()
def resume(batch: BatchId, detach: Detach = False, timeout: Timeout = None, json: Json = False) -> None:
    """Go on with a batch: with what was cancelled, or once it is done, with those that got no number.

    \b
    Example:
      trunkline batch resume bat_0dm2r7h1kq3w9v4m
    """
    with asking() as client:
        batch_run.begun(client, client.resume_batch(batch), detach, json, timeout)


@app.command("list")
def list_all(json: Json = False, csv: Csv = False) -> None:
    """List batches, newest first.

    \b
    Example:
      trunkline batch list
    """
    with asking() as client:
        listed = list(client.batches())
    if show.as_document(listed, "Batch", json, csv):
        return
    rows = [
        (b.id, b.status, b.total, batch_run.counted(b), batch_run.cost(b), b.created_at, b.ended_at) for b in listed
    ]
    show.table(["batch", "status", "restaurants", "of them", "bought for", "began", "ended"], rows, "no batch")
