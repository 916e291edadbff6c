"""`trunkline backup`, `restore` and `db copy`: the database at one moment, back again, or in a PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trunkline.cli import show
from trunkline.cli.asking import FAILED, agreed
from trunkline.cli.options import Yes
from trunkline.cli.output import say


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file; the engine's stands beside it.")],
) -> None:
    """Write the SQLite database that DATABASE_URL names, as it is at one moment, also while the server runs.

    \b
    Example:
      trunkline backup /backups/trunkline-2026-11-26.sqlite
    """
    from trunkline.db.copies import back_up
    from trunkline.settings import load_settings

    written = back_up(load_settings().database_url, file)
    say(f"written: {', '.join(map(str, written))}")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file that trunkline backup has written.")],
    yes: Yes = False,
) -> None:
    """Put a backup in the place of the SQLite database that DATABASE_URL names. The server must not run.

    What was there is kept under another name. Numbers that were bought since the backup are not in it: they carry this
    installation's mark at their carrier, and are found and used again when a number is wanted.

    \b
    Example:
      trunkline restore /backups/trunkline-2026-11-26.sqlite
    """
    from trunkline.db.copies import restore as put_back
    from trunkline.settings import load_settings

    url = load_settings().database_url
    if not agreed(f"Put {file} in the place of the database?", yes):
        raise typer.Exit(FAILED)
    kept = put_back(url, file)
    say(f"restored from {file}", *(f"kept: {path}" for path in kept))


def copy(
    to: Annotated[str, typer.Option("--to", metavar="URL", help="An empty PostgreSQL, after trunkline db upgrade.")],
) -> None:
    """Copy everything of the SQLite database that DATABASE_URL names into a PostgreSQL. The server must not run.

    \b
    Example:
      DATABASE_URL=postgresql://trunkline@db/trunkline trunkline db upgrade
      trunkline db copy --to postgresql://trunkline@db/trunkline
    """
    from trunkline.db.copies import copy_to_postgresql
    from trunkline.settings import load_settings

    copied = copy_to_postgresql(load_settings().database_url, load_settings(database_url=to).database_url)
    rows = [(table, rows) for table, rows in copied.items() if rows]
    show.table(["table", "rows"], rows, "there was nothing to copy")
    say("set DATABASE_URL to the PostgreSQL, and start the server")
