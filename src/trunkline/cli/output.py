"""How a command speaks: what it says is lines of text, in which nothing of others steers the terminal."""

from __future__ import annotations

import json
from contextvars import ContextVar

import typer

from trunkline.cli.words import in_commands
from trunkline.texts import one_line

PLAIN: ContextVar[bool] = ContextVar("lines for programs that take them apart", default=False)


def say(*lines: str, err: bool = False) -> None:
    """Each is one line, whatever is in it; on standard output, or on standard error."""
    typer.echo("\n".join(in_commands(one_line(line)) for line in lines), err=err)


def say_json(text: str) -> None:
    """A document of JSON, in which what a terminal would act on is written out: it stays the same document."""
    typer.echo("".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text))


def complain(problem: str, hint: str | None = None) -> None:
    """One line that says what is wrong and what to do."""
    say(f"Error: {problem}" + (f" ({hint})" if hint else ""), err=True)
