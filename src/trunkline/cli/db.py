"""`trunkline db`: the database's schema."""

from __future__ import annotations

import typer

from trunkline.cli import backups
from trunkline.cli.output import say

app = typer.Typer(no_args_is_help=True)


@app.command()
def upgrade() -> None:
    """Bring the database to the schema of this version. Nothing happens where it is there already.

    The server does it by itself for an SQLite file; a PostgreSQL is upgraded by this command, before the server starts.
    """
    from trunkline.db import migrate
    from trunkline.settings import load_settings

    url = load_settings().database_url
    before = migrate.current(url)
    migrate.upgrade(url)
    after = migrate.current(url)
    say(f"schema {after}, as before" if after == before else f"upgraded from {before or 'nothing'} to {after}")


@app.command()
def current() -> None:
    """Show the schema of the database, and whether it needs an upgrade."""
    from trunkline.db import migrate
    from trunkline.settings import load_settings

    url = load_settings().database_url
    revision = migrate.current(url)
    behind = migrate.pending(url)
    say(f"{revision or 'no tables'}{' (run: trunkline db upgrade)' if behind else ''}")


app.command("copy")(backups.copy)
