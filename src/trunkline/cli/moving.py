"""`trunkline numbers move`, `swap`, `unassign` and `change`: what a number does from day to day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from trunkline.cli import following, show
from trunkline.cli.asking import DONE, FAILED, USAGE, agreed, asking
from trunkline.cli.following import Patience, Timeout, Wait, until_ended
from trunkline.cli.options import Json, One, Reason, RestaurantName, Yes
from trunkline.cli.output import complain, say

if TYPE_CHECKING:
    from trunkline.client import Trunkline
    from trunkline.client.models import Move
    from trunkline.client.operations.numbers import NumberChange

NEVER = "never"


def move(
    number: One,
    restaurant: RestaurantName,
    replace: Annotated[
        bool, typer.Option("--replace", help="End the number that it has: that one cools down.")
    ] = False,
    new_number: Annotated[
        bool, typer.Option("--new-number-for-old", help="Get another number for the restaurant that loses it.")
    ] = False,
    wait: Wait = True,
    timeout: Timeout = None,
    reason: Reason = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Give a number to another restaurant, from one moment to the next: no call goes astray.

    A number that serves nobody is put in service for the restaurant, also while it cools down.

    \b
    Examples:
      trunkline numbers move +14155550123 "Chez Panisse"
      trunkline numbers move +14155550123 pos-1234 --replace --reason "the house was sold" --yes
    """
    with asking() as client:
        held, to = client.number(number), client.restaurant(restaurant)
        users = ", ".join(user.name for user in held.restaurants)
        serves = f", which serves {users}," if users else ""
        ended = f"; {to.phone_number} ends" if replace and to.phone_number not in (None, held.number) else ""
        if not agreed(f"Move {held.number}{serves} to {to.name}{ended}?", yes):
            raise typer.Exit(DONE)
        patience = Patience(wait, timeout)
        begun = client.move_number(
            held.number,
            to.id,
            replace=replace,
            new_number_for_old=new_number,
            reason=reason,
            wait=patience.endless,
        )
        tell(client, begun, patience, json)


def swap(
    restaurant: RestaurantName,
    other: RestaurantName,
    wait: Wait = True,
    timeout: Timeout = None,
    reason: Reason = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Swap the numbers of two restaurants, from one moment to the next.

    \b
    Example:
      trunkline numbers swap "Chez Panisse" rst_0dm2p8v1xk4t9r3q --yes
    """
    with asking() as client:
        one, two = client.restaurant(restaurant), client.restaurant(other)
        question = f"Swap {one.phone_number or 'no number'} of {one.name} with {two.phone_number or 'no number'} of"
        if not agreed(f"{question} {two.name}?", yes):
            raise typer.Exit(DONE)
        patience = Patience(wait, timeout)
        tell(client, client.swap_phone(one.id, two.id, reason=reason, wait=patience.endless), patience, json)


def tell(client: Trunkline, begun: Move, patience: Patience, json: bool) -> None:
    """How the move has ended, and what it has begun besides."""
    begun = until_ended(client.move, begun, patience)
    if json:
        show.as_json(begun)
    elif begun.status == "running":
        say(f"{begun.number} moves; see: trunkline numbers show {begun.number}")
    elif begun.status == "done":
        say(begun.message or f"{begun.number} has moved")
    else:
        complain(begun.message or f"{begun.number} could not be moved", begun.hint)
    if begun.status == "running":
        raise typer.Exit(patience.leaves(begun.id, f"numbers show {begun.number}"))
    if begun.new_number_for_old and begun.assignment_id and not json:
        renewed = following.end_of(client, begun.assignment_id, patience)
        say(renewed.message or f"assignment {renewed.id}: {renewed.status}")
    raise typer.Exit(DONE if begun.status == "done" else FAILED)


def unassign(
    number: One,
    restaurant: Annotated[
        str | None, typer.Option(help="Which one loses it, where several share the number: id, external_id or name.")
    ] = None,
    reason: Reason = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Take a number off its restaurant. It stays ours, cools down, and is idle after that.

    \b
    Example:
      trunkline numbers unassign +14155550123 --yes
    """
    with asking() as client:
        held = client.number(number)
        users = restaurant or ", ".join(user.name for user in held.restaurants) or "nobody"
        if not agreed(f"Take {held.number} off {users}?", yes):
            raise typer.Exit(DONE)
        taken = client.unassign_number(held.number, restaurant=restaurant, reason=reason)
    if json:
        show.as_json(taken)
    else:
        say(f"{taken.number} is {taken.state.replace('_', ' ')}")


def change(
    number: One,
    protected: Annotated[
        bool | None, typer.Option("--protect/--unprotect", help="Released by --force alone, and by no batch.")
    ] = None,
    label: Annotated[list[str] | None, typer.Option(help="All its labels, each with this option.")] = None,
    no_labels: Annotated[bool, typer.Option("--no-labels", help="Take all labels off.")] = False,
    release_after: Annotated[
        str | None, typer.Option(help='Give it back once it is idle after this, like 2026-04-01T00:00:00Z, or "never".')
    ] = None,
    json: Json = False,
) -> None:
    """Change what is said of a number: protection, labels, and when it is given back.

    \b
    Examples:
      trunkline numbers change +14155550123 --protect --label vanity
      trunkline numbers change +14155550123 --release-after 2026-04-01T00:00:00Z
    """
    said: NumberChange = {}
    if protected is not None:
        said["protected"] = protected
    if label or no_labels:
        said["labels"] = list(label or [])
    if release_after is not None:
        said["release_after"] = None if release_after == NEVER else release_after
    if not said:
        complain("nothing is to be changed", "give --protect, --label, --release-after or one of the others")
        raise typer.Exit(USAGE)
    with asking() as client:
        changed = client.change_number(number, **said)
    if json:
        show.as_json(changed)
    else:
        show.facts(show.notes_of(changed))
