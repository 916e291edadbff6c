"""Giving numbers up: what would be done, the question, the waiting, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from trunkline.cli import show
from trunkline.cli.asking import DONE, FAILED, PARTLY, agreed
from trunkline.cli.following import ENDLESS, Patience, until_ended
from trunkline.cli.output import complain, say

if TYPE_CHECKING:
    from trunkline.client import Trunkline
    from trunkline.client.models import NumberDetail, Release

Numbers = Annotated[list[str], typer.Argument(metavar="NUMBER", help="In E.164, like +14155550123.")]
Force = Annotated[bool, typer.Option("--force", help="Also a number that serves a restaurant.")]


def release_all(
    client: Trunkline,
    numbers: Sequence[NumberDetail],
    give_back: bool,
    force: bool,
    yes: bool,
    json: bool,
    reason: str | None = None,
    patience: Patience = ENDLESS,
) -> None:
    """Release them after asking; the program's exit code says how it went. Those that serve a restaurant are left out
    unless `force`, and those that are protected unless it is one alone."""
    kept = [n for n in numbers if (n.restaurants and not force) or (n.protected and not (force and len(numbers) == 1))]
    chosen = [n for n in numbers if n not in kept]
    if not json and numbers:
        tell(numbers, kept, give_back)
    for number in kept:
        if number.protected:
            complain(f"{number.number} is protected", "--force releases it, named alone")
        else:
            complain(f"{number.number} serves {served(number)}", "--force releases it all the same")
    if not chosen:
        raise typer.Exit(FAILED if kept else DONE)
    if not agreed(f"Release {show.times(len(chosen), 'number')}?", yes):
        raise typer.Exit(DONE)
    begun = started(client, chosen, give_back, force, reason)
    ended = [end_of(client, release, patience, told=not json) for release in begun]
    if json:
        show.as_json(ended)
    if going := [release.number for release in ended if release.status == "running"]:
        raise typer.Exit(patience.leaves(", ".join(going), f"numbers show {going[0]}"))
    done = sum(release.status == "done" for release in ended)
    if done == len(numbers):
        raise typer.Exit(DONE)
    raise typer.Exit(PARTLY if ended else FAILED)


def tell(numbers: Sequence[NumberDetail], kept: Sequence[NumberDetail], give_back: bool) -> None:
    def plan(number: NumberDetail) -> str:
        if number in kept:
            return "left alone"
        vapi = "deleted from Vapi, " if number.voice_id else ""
        at = number.carrier or "the carrier"
        return vapi + (f"given back to {at}" if give_back else f"kept at {at} with its old settings")

    rows = [(n.number, n.state, served(n) or None, show.price(n.monthly_price, n.currency), plan(n)) for n in numbers]
    show.table(["number", "state", "serves", "a month", "will be"], rows, "")


def served(number: NumberDetail) -> str:
    return ", ".join(user.name for user in number.restaurants)


def started(
    client: Trunkline, numbers: Sequence[NumberDetail], give_back: bool, force: bool, reason: str | None
) -> list[Release]:
    """The releases that began; each refusal is a line."""
    from trunkline.client import ApiError

    begun = []
    for number in numbers:
        try:
            begun.append(client.release_number(number.number, give_back=give_back, force=force, reason=reason))
        except ApiError as error:
            complain(error.detail, error.hint)
    return begun


def end_of(client: Trunkline, release: Release, patience: Patience, told: bool) -> Release:
    """The release once it is done, or owed."""
    release = until_ended(client.release, release, patience)
    if told and release.status == "done":
        say(release.message or f"{release.number} is released")
    elif told and release.status == "running":
        say(f"{release.number} is being released")
    elif told:
        say(f"{release.number} is still owed its release: {release.message}; it is tried again by itself")
    return release
