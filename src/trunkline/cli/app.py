"""Every command, by its name. A command's file imports only light things; what it works with, when it runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from copy import copy
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from trunkline import __version__
from trunkline.cli import (
    accounts,
    adopting,
    applying,
    assignments,
    backups,
    batches,
    budgets,
    calls,
    calls_seen,
    costs,
    db,
    debts,
    demo,
    doctor,
    endpoints,
    erasing,
    events,
    holding,
    keys,
    mcp,
    moving,
    numbers,
    reconcile,
    repoint,
    restaurants,
    restaurants_import,
    sandbox,
    sandbox_world,
    serve,
    setup_vapi,
)
from trunkline.cli.asking import FAILED, USAGE
from trunkline.cli.output import PLAIN, complain, say
from trunkline.errors import InvalidInput, SettingsError, TrunklineError


class Everywhere(TyperGroup):
    """`--plain` is of the program, and may stand where `--json` may: behind the command as well."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ours = args[: args.index("--")] if "--" in args else args
        if "--plain" in ours:
            args = ["--plain", *(word for word in ours if word != "--plain"), *args[len(ours) :]]
        return super().parse_args(ctx, args)


app = typer.Typer(
    name="trunkline",
    cls=Everywhere,
    help="Gives every restaurant on a shared voice assistant its own phone number.",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage or settings, 3 partly done, 4 goes on after --timeout.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help starts in a third of the time
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("serve")(serve.serve)
app.add_typer(sandbox.app, name="sandbox")
app.add_typer(db.app, name="db")
app.command("backup")(backups.backup)
app.command("restore")(backups.restore)
db.app.command("copy")(backups.copy)
app.command("demo")(demo.demo)
app.add_typer(restaurants.app, name="restaurants")
restaurants.app.command("erase")(erasing.erase)
restaurants.app.command("import")(restaurants_import.import_file)
app.command("assign")(restaurants.assign)
app.add_typer(numbers.app, name="numbers")
numbers.app.command("adopt", help=adopting.AMONG_NUMBERS)(adopting.adopt)
numbers.app.command("hold")(holding.hold)
numbers.app.command("move")(moving.move)
numbers.app.command("swap")(moving.swap)
numbers.app.command("unassign")(moving.unassign)
numbers.app.command("change")(moving.change)
app.add_typer(assignments.app, name="assignments")
app.add_typer(batches.app, name="batch")
app.add_typer(budgets.app, name="budgets")
app.command("debts")(debts.debts)
app.command("costs")(costs.costs)
app.add_typer(accounts.app, name="accounts")
app.add_typer(keys.app, name="keys")
app.command("mcp")(mcp.mcp)
app.add_typer(events.app, name="events")
app.add_typer(endpoints.app, name="endpoints")
app.command("history")(events.history)
app.add_typer(reconcile.app, name="reconcile")
reconcile.app.command("apply")(applying.apply)
reconcile.app.command("watch")(applying.watch)
reconcile.app.command("cancel")(applying.cancel)
reconcile.app.command("resume")(applying.resume)
app.command("repoint")(repoint.repoint)
app.command("doctor")(doctor.doctor)
app.command("setup-vapi")(setup_vapi.setup_vapi)
app.add_typer(calls_seen.app, name="calls")
app.add_typer(calls_seen.callers, name="callers")
app.command("call-test")(calls.call_test)
sandbox.app.command("call")(calls.call)
sandbox.app.command("fail")(sandbox_world.fail)
sandbox.app.command("faults")(sandbox_world.faults)
sandbox.app.command("mend")(sandbox_world.mend)
sandbox.app.command("account")(sandbox_world.account)
sandbox.app.add_typer(sandbox_world.numbers, name="numbers")
sandbox.app.command("drift")(sandbox_world.drift)
sandbox.app.command("log")(sandbox_world.log)
sandbox.app.command("reset")(sandbox_world.reset)


def _show_version(wanted: bool) -> None:
    if wanted:
        say(f"trunkline {__version__}")
        raise typer.Exit


@app.callback()
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


def asked_for(words: Sequence[str]) -> typer.Typer:
    """The program with the one command that the words name, with all where they name none: to make every command takes
    longer than most of them run."""
    name = next((word for word in words if not word.startswith("-")), None)
    groups = [group for group in app.registered_groups if group.name == name]
    commands = [command for command in app.registered_commands if command.name == name]
    if not groups and not commands:
        return app
    part = copy(app)
    part.registered_groups, part.registered_commands = groups, commands
    return part


def run() -> None:
    """The whole program. An error of ours is one line that says what to do, never a traceback."""
    try:
        asked_for(sys.argv[1:])(prog_name="trunkline")
    except TrunklineError as error:
        for problem in error.detail.splitlines() if isinstance(error, SettingsError) else [error.detail]:
            complain(problem, error.hint)
        sys.exit(USAGE if isinstance(error, SettingsError | InvalidInput) else FAILED)
