"""How a command speaks: errors are one line on standard error."""

from __future__ import annotations

import typer


def complain(problem: str, hint: str | None = None) -> None:
    """A line for each thing that is wrong, and what to do."""
    for line in problem.splitlines():
        typer.echo(f"Error: {line}" + (f" ({hint})" if hint else ""), err=True)
