"""What the scripts create_twilio_phone_numbers and delete_twilio_phone do, over the API."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from trunkline.cli import batch_run
from trunkline.cli.asking import DONE, FAILED, USAGE, asking
from trunkline.cli.batch_run import DryRun, IncludeShared, Limit
from trunkline.cli.options import AreaCode, Country, Json, Yes
from trunkline.cli.output import complain, say
from trunkline.cli.releasing import Force, release_all
from trunkline.errors import TrunklineError

if TYPE_CHECKING:
    from trunkline.client import Trunkline
    from trunkline.client.models import NumberDetail

DELETABLE = ("idle", "cooling_down", "in_service")


def create(
    dry_run: DryRun = False,
    limit: Limit = None,
    country: Country = None,
    area_code: AreaCode = None,
    include_shared: IncludeShared = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Create Twilio numbers for all restaurants without one, connect them to the shared assistant and map them.

    Says first what it would buy and for how much, and asks. It goes on in the server if this command is stopped.
    Exit codes: 0 all have a number, 3 some, 1 none, 2 wrong usage.

    \b
    Examples:
      python scripts/create_twilio_phone_numbers.py --dry-run
      python scripts/create_twilio_phone_numbers.py --limit 10 --area-code 415 --yes
      docker-compose exec api python -m scripts.create_twilio_phone_numbers
    """
    batch_run.perform(
        {
            "carrier": "twilio",
            "country": country,
            "area_code": area_code,
            "include_shared": include_shared,
            "limit": limit,
        },
        dry_run=dry_run,
        yes=yes,
        json=json,
    )


def delete(
    numbers: Annotated[list[str] | None, typer.Argument(metavar="NUMBER", help="In E.164.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every Twilio number in Vapi.")] = False,
    unassigned: Annotated[bool, typer.Option("--unassigned", help="Those that serve no restaurant.")] = False,
    release: Annotated[
        bool, typer.Option("--release", help="Give them back to Twilio, too, which ends their price.")
    ] = False,
    force: Force = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Delete Twilio numbers from Vapi and end their mappings; they stay in the Twilio account with their old URLs.

    Says first what it will do, and asks. Exit codes: 0 done, 3 only some or not yet, 1 none, 2 wrong usage.

    \b
    Examples:
      python scripts/delete_twilio_phone.py +14155550123
      python scripts/delete_twilio_phone.py --unassigned --release --yes
      docker-compose exec api python -m scripts.delete_twilio_phone --all
    """
    if sum((bool(numbers), all_, unassigned)) != 1:
        complain("say which: numbers, --all or --unassigned", "--help shows examples")
        raise typer.Exit(USAGE)
    with asking() as client:
        chosen = named(client, numbers) if numbers else known(client, unassigned, release)
        if not chosen:
            say("nothing to do: there is no such number", err=json)
            raise typer.Exit(DONE)
        release_all(client, chosen, release, force, yes, json)


def named(client: Trunkline, numbers: list[str]) -> list[NumberDetail]:
    """Each is known and Twilio's, or nothing is done."""
    found = [client.number(number) for number in dict.fromkeys(numbers)]
    for other in found:
        if other.carrier != "twilio":
            complain(f"{other.number} is held at {other.carrier}", f"trunkline numbers release {other.number}")
            raise typer.Exit(FAILED)
    return found


def known(client: Trunkline, unassigned: bool, give_back: bool) -> list[NumberDetail]:
    """The Twilio numbers that are in Vapi, or wherever they are if they are to be given back."""
    listed = [n.number for n in client.numbers(carrier="twilio") if n.state in DELETABLE and n.claimed_by is None]
    found = [client.number(number) for number in listed]
    return [n for n in found if (n.voice_id or give_back) and not (unassigned and n.restaurants)]


def run(command: Callable[..., None]) -> None:
    """One command as a program of its own."""
    script = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    script.command(context_settings={"help_option_names": ["-h", "--help"]})(command)
    try:
        script()
    except TrunklineError as error:
        complain(error.detail, error.hint)
        sys.exit(USAGE)
