"""`trunkline repoint`: numbers in service follow a change of the assistant, VAPI_ROUTING, our address or the secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from trunkline.cli import show
from trunkline.cli.asking import DONE, FAILED, PARTLY, agreed, asking
from trunkline.cli.following import Patience, Timeout, Wait, until_ended
from trunkline.cli.options import Json, Yes
from trunkline.cli.output import say

if TYPE_CHECKING:
    from trunkline.client.models import Drift


def repoint(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    wait: Wait = True,
    timeout: Timeout = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Point the numbers in service at what is to answer them: after another assistant, VAPI_ROUTING or
    PUBLIC_BACKEND_URL. A number that was deleted in Vapi is imported again.

    Numbers that serve somebody else in Vapi are left alone. The exit code is 3 if any is left that something else
    answers.

    \b
    Examples:
      trunkline repoint --dry-run
      trunkline repoint --yes
    """
    with asking() as client:
        drift = client.plan_repoint()
        if not json:
            describe(drift)
        due = drift.wrong + drift.missing
        if dry_run or not due:
            if json:
                show.as_json(drift)
            raise typer.Exit(PARTLY if due or drift.left_alone else DONE)
        if not agreed(f"Change {show.times(due, 'number')}?", yes):
            raise typer.Exit(FAILED)
        patience = Patience(wait, timeout)
        run = until_ended(client.repoint, client.start_repoint(), patience)
    if json:
        show.as_json(run)
    else:
        say(f"{run.status}: {run.moved} moved, {run.left_alone} left alone, {run.failed} failed")
        if run.message:
            say(run.message)
    if run.status == "running":
        raise typer.Exit(patience.leaves(run.id, "repoint --dry-run"))
    raise typer.Exit(FAILED if run.status == "failed" else PARTLY if run.failed or run.left_alone else DONE)


def describe(drift: Drift) -> None:
    who = "the shared assistant" if drift.routing == "assistant" else "this server"
    say(f"{show.times(drift.in_service, 'number')} in service; {drift.right} answered by {who}")
    again = f"; to be imported again: {drift.missing}" if drift.missing else ""
    say(f"to be pointed right: {drift.wrong}{again}; left alone: {show.cell(drift.left_alone_numbers)}")
