"""`trunkline accounts`: whose keys the settings hold, and whose numbers these are."""

from __future__ import annotations

from typing import Annotated

import typer

from trunkline.cli import show
from trunkline.cli.asking import FAILED, agreed, asking
from trunkline.cli.options import Csv, Json, Reason, Yes
from trunkline.cli.output import say

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_all(json: Json = False, csv: Csv = False) -> None:
    """List the providers' accounts: whose keys the settings hold, and whose were accepted.

    \b
    Example:
      trunkline accounts list
    """
    with asking() as client:
        known = client.accounts().items
    if show.as_document(known, "ProviderAccount", json, csv):
        return
    rows = [(a.provider, a.now, a.accepted, "changed: nothing is bought" if a.changed else "accepted") for a in known]
    show.table(["provider", "account of the keys", "accepted", "state"], rows, "no account")


@app.command()
def accept(
    provider: Annotated[str, typer.Argument(metavar="PROVIDER", help="A carrier, or voice for the Vapi organisation.")],
    reason: Reason = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Work with the account of the present keys. Numbers that the former account holds stay there.

    \b
    Example:
      trunkline accounts accept twilio
    """
    with asking() as client:
        if not agreed(f"Work with another account at {provider} from now on?", yes):
            raise typer.Exit(FAILED)
        accepted = client.accept_account(provider, reason=reason)
    if json:
        show.as_json(accepted)
    else:
        say(f"{accepted.provider}: account {accepted.now} is worked with")


@app.command("take-over")
def take_over(
    installation: Annotated[str, typer.Argument(metavar="INSTALLATION", help="The name in its marks.")],
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Be the installation whose marks the numbers carry, after its database was lost. Only with an empty database.

    The numbers are idle then: nobody knows any more whom they served.

    \b
    Example:
      trunkline accounts take-over abcd1234
    """
    with asking() as client:
        if not agreed(f"Take over the numbers of installation {installation}?", yes):
            raise typer.Exit(FAILED)
        taken = client.take_over_installation(installation)
    if json:
        show.as_json(taken)
    else:
        say(f"this is installation {taken.name} now")
