"""`trunkline assignments`: how each restaurant's number came, or why it did not."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from trunkline.cli import following, show
from trunkline.cli.asking import asking
from trunkline.cli.following import Patience, Timeout, Wait
from trunkline.cli.options import Csv, Json
from trunkline.cli.output import say

app = typer.Typer(no_args_is_help=True)
AssignmentId = Annotated[str, typer.Argument(metavar="ASSIGNMENT", help="The assignment's id.")]
StatusName = Literal["running", "assigned", "unassigned", "failed"]


@app.command("list")
def list_all(
    restaurant: Annotated[str | None, typer.Option(help="Only of this restaurant.")] = None,
    status: Annotated[StatusName | None, typer.Option(help="Only in this status.")] = None,
    limit: Annotated[int, typer.Option(help="How many at most.", min=1)] = 50,
    json: Json = False,
    csv: Csv = False,
) -> None:
    """List assignments, newest first.

    \b
    Examples:
      trunkline assignments list --status failed
      trunkline assignments list --restaurant "Chez Panisse" --json
    """
    from itertools import islice

    with asking() as client:
        wanted = client.restaurant(restaurant).id if restaurant else None
        runs = list(islice(client.assignments(restaurant_id=wanted, status=status), limit))
    if show.as_document(runs, "AssignmentSummary", json, csv):
        return
    rows = [(a.id, a.restaurant_id, a.status, a.phone_number, show.outcome(a), a.created_at, a.message) for a in runs]
    show.table(["id", "restaurant", "status", "number", "came by", "began", "message"], rows, "no assignment")


@app.command("show")
def show_one(assignment: AssignmentId, json: Json = False) -> None:
    """Show an assignment, step by step.

    \b
    Example:
      trunkline assignments show asg_0dm2p8v1xq7n5c2j
    """
    with asking() as client:
        run = client.assignment(assignment)
    if json:
        show.as_json(run)
    else:
        show.assignment(run)


@app.command()
def watch(assignment: AssignmentId, timeout: Timeout = None, json: Json = False) -> None:
    """Watch an assignment until it ends, a line for each step. The exit code is 1 if it ends without a number.

    \b
    Example:
      trunkline assignments watch asg_0dm2p8v1xq7n5c2j
    """
    patience = Patience(seconds=timeout)
    with asking() as client:
        run = following.end_of(client, assignment, patience, told=not json)
    if json:
        show.as_json(run)
    else:
        say(f"{run.status}: {run.message or ''}" + (f" ({run.hint})" if run.hint else ""))
    raise typer.Exit(following.exit_code(run, patience))


@app.command()
def retry(
    assignment: AssignmentId,
    wait: Wait = True,
    timeout: Timeout = None,
    json: Json = False,
) -> None:
    """Ask again for what an assignment asked for, by a new one.

    \b
    Example:
      trunkline assignments retry asg_0dm2p8v1xq7n5c2j
    """
    patience = Patience(wait, timeout)
    with asking() as client:
        run = client.retry_assignment(assignment, wait=patience.endless)
        if wait and run.status == "running":
            run = following.end_of(client, run.id, patience)
    if json:
        show.as_json(run)
    else:
        show.assignment(run)
    raise typer.Exit(following.exit_code(run, patience) if wait else 0)
