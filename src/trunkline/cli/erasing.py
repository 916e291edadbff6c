"""`trunkline restaurants erase`: what is known of a deleted restaurant, taken out of the books."""

from __future__ import annotations

from typing import Annotated

import typer

from trunkline.cli import show
from trunkline.cli.asking import FAILED, agreed, asking
from trunkline.cli.options import Json, Reason, Yes
from trunkline.cli.output import say


def erase(
    restaurant: Annotated[str, typer.Argument(metavar="RESTAURANT", help="The id of a deleted restaurant.")],
    reason: Reason = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Take the name, ids, metadata, callers and calls' callers of a deleted restaurant out of the books.

    \b
    Example:
      trunkline restaurants erase rst_0dm2p8v1xk4t9r3q
    """
    with asking() as client:
        if not agreed(f"Erase what is known of {restaurant}? It cannot be undone", yes):
            raise typer.Exit(FAILED)
        done = client.erase_restaurant(restaurant, reason=reason)
    if json:
        show.as_json(done)
    else:
        say(f"{done.id} is erased, and the callers of {show.times(done.calls, 'call')}")
