"""Every command, by its name. A command's file imports only light things; what it works with, when it runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from trunkline import __version__
from trunkline.cli.asking import FAILED, USAGE
from trunkline.cli.output import PLAIN, complain, say
from trunkline.errors import InvalidInput, SettingsError, TrunklineError

# Where it is, and what the program's help says of it: of a command its own first sentence, which a test compares.
COMMANDS = {
    "serve": ("serve.serve", "Serve the API until Ctrl-C or SIGTERM."),
    "backup": (
        "backups.backup",
        "Write the SQLite database that DATABASE_URL names, as it is at one moment, also while the server runs.",
    ),
    "restore": ("backups.restore", "Put a backup in the place of the SQLite database that DATABASE_URL names."),
    "demo": (
        "demo.demo",
        "Play every path of the chart on a sandbox, and show what each restaurant got; then call each.",
    ),
    "assign": (
        "restaurants.assign",
        "Get a restaurant its number: one that has none, or that shares one and should get its own.",
    ),
    "debts": ("debts.debts", "List what is still owed to carriers and Vapi, oldest first."),
    "costs": ("costs.costs", "Show what the numbers cost a month, by carrier, state and currency."),
    "mcp": ("mcp.mcp", "Be an MCP server on standard input and output, for the assistant that starts this command."),
    "history": (
        "events.history",
        "Tell the story of a number, a restaurant, an assignment or whatever has an id.",
    ),
    "repoint": (
        "repoint.repoint",
        "Point the numbers in service at what is to answer them: after another assistant, VAPI_ROUTING or "
        "PUBLIC_BACKEND_URL.",
    ),
    "doctor": (
        "doctor.doctor",
        "Check keys, accounts, assistant, webhook, address, database, clock and what answers the numbers.",
    ),
    "setup-vapi": (
        "setup_vapi.setup_vapi",
        "Make the shared assistant in Vapi, or change it, so that its calls reach this server.",
    ),
    "call-test": (
        "calls.call_test",
        "Call a restaurant's number in the sandbox, and say whether that restaurant answers.",
    ),
}
GROUPS = {
    "sandbox": ("sandbox.app", "Local Twilio, Vapi, Telnyx and Vonage, which forget everything when they stop."),
    "db": ("db.app", "The database that DATABASE_URL names."),
    "restaurants": ("restaurants.app", "The tenants, each with its number."),
    "numbers": ("numbers.app", "The numbers that we hold or know, and those for sale."),
    "assignments": ("assignments.app", "The durable runs in which restaurants get their numbers."),
    "batch": ("batches.app", "Numbers for many restaurants at once."),
    "budgets": ("budgets.app", "What may be held and bought: for all, for a restaurant, by a key."),
    "accounts": ("accounts.app", "The accounts at carriers and Vapi that are worked with."),
    "keys": ("keys.app", "Keys: who may do what."),
    "events": ("events.app", "What happened, by whom, and why."),
    "endpoints": ("endpoints.app", "Endpoints: where events are sent."),
    "reconcile": ("applying.app", "Whether carriers, Vapi and our tables say the same."),
    "calls": ("calls_seen.app", "Calls, as Vapi reported them."),
    "callers": ("calls_seen.callers", "Callers whose calls to a shared number are one restaurant's."),
}
HELP = ["-h", "--help"]


class Everywhere(TyperGroup):
    """`--plain` is of the program, and may stand where `--json` may: behind the command as well."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ours = args[: args.index("--")] if "--" in args else args
        if "--plain" in ours:
            args = ["--plain", *(word for word in ours if word != "--plain"), *args[len(ours) :]]
        return super().parse_args(ctx, args)


def program(words: Sequence[str] = ()) -> typer.Typer:
    """With the one command that the words name, or with all where they name none: to make every command takes longer
    than most of them run. Where they ask for the program's own help, a command's name is all there is of it."""
    app = typer.Typer(
        name="trunkline",
        cls=Everywhere,
        help="Gives every restaurant on a shared voice assistant its own phone number.",
        epilog="Exit codes: 0 done, 1 failed, 2 wrong usage or settings, 3 partly done, 4 goes on after --timeout.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # plain help starts in a third of the time
        context_settings={"help_option_names": HELP},
    )
    app.callback()(_options)
    first = next((word for word in words if word in HELP or not word.startswith("-")), None)
    named, every = first in HELP, COMMANDS.keys() | GROUPS.keys()
    wanted = {first} & every or every
    for name, (place, said) in COMMANDS.items():
        if name in wanted:
            app.command(name, help=said if named else None)(_nothing if named else _at(place))
    for name, (place, said) in GROUPS.items():
        if name in wanted:
            app.add_typer(typer.Typer() if named else _at(place), name=name, help=said)
    return app


def _at(place: str) -> Any:
    file, name = place.split(".")
    return getattr(import_module(f"trunkline.cli.{file}"), name)


def _nothing() -> None:
    """Of a command whose name is all there is of it."""


def _show_version(wanted: bool) -> None:
    if wanted:
        say(f"trunkline {__version__}")
        raise typer.Exit


def _options(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    plain: Annotated[
        bool, typer.Option("--plain", help="Tables as lines with tabs between the cells: no titles, colours or folds.")
    ] = False,
) -> None:
    before = PLAIN.set(plain)
    context.call_on_close(lambda: PLAIN.reset(before))


def run() -> None:
    """The whole program. An error of ours is one line that says what to do, never a traceback."""
    try:
        program(sys.argv[1:])(prog_name="trunkline")
    except TrunklineError as error:
        for problem in error.detail.splitlines() if isinstance(error, SettingsError) else [error.detail]:
            complain(problem, error.hint)
        sys.exit(USAGE if isinstance(error, SettingsError | InvalidInput) else FAILED)
