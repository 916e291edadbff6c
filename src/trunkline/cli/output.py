"""How a command speaks: errors are one line on standard error."""

from __future__ import annotations

import typer


def complain(problem: str, hint: str | None = None) -> None:
    """One line that says what is wrong and what to do."""
    typer.echo(f"Error: {problem}" + (f" ({hint})" if hint else ""), err=True)
