"""Asking the server: which one, with which secret, and what its refusals mean for the exit code."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from trunkline.cli.output import complain
from trunkline.texts import one_line

if TYPE_CHECKING:
    from trunkline.client import Trunkline

DONE, FAILED, USAGE, PARTLY = 0, 1, 2, 3
WRONG_SECRET = "set TRUNKLINE_SECRET, or VAPI_SECRET_KEY, to the server's VAPI_SECRET_KEY"  # noqa: S105


@contextmanager
def asking() -> Iterator[Trunkline]:
    """A client of the server at TRUNKLINE_URL. What it raises ends the program: one line, and the exit code."""
    from trunkline.client import ApiError, Trunkline, TrunklineClientError
    from trunkline.settings import load_settings

    settings = load_settings()
    secret = settings.trunkline_secret or settings.vapi_secret_key
    try:
        with Trunkline(settings.trunkline_url, secret.get_secret_value() if secret else None) as client:
            yield client
    except ApiError as error:
        complain(error.detail, WRONG_SECRET if error.field == "X-Vapi-Secret" else error.hint)
        raise typer.Exit(USAGE if error.code == "invalid_input" else FAILED) from None
    except TrunklineClientError as error:
        complain(error.detail, error.hint)
        raise typer.Exit(FAILED) from None


def agreed(question: str, yes: bool) -> bool:
    """Whether to go on. A program that nobody watches must be given --yes."""
    if yes:
        return True
    if not sys.stdin.isatty():
        complain("nobody is there to be asked", "give --yes")
        raise typer.Exit(USAGE)
    return typer.confirm(one_line(question), err=True)
