"""`trunkline calls` and `trunkline callers`: who was called, who answered, and why."""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from trunkline.cli import show
from trunkline.cli.asking import FAILED, agreed, asking
from trunkline.cli.options import TIMES, Csv, Json, Reason, Yes, in_utc
from trunkline.cli.output import say

if TYPE_CHECKING:
    from trunkline.client import Trunkline

app = typer.Typer(no_args_is_help=True)
callers = typer.Typer(no_args_is_help=True)
Of = Annotated[str, typer.Argument(metavar="RESTAURANT", help="Its id, its external_id, or its exact name.")]
Numbers = Annotated[list[str], typer.Argument(metavar="CALLER...", help="In E.164, like +14155550142.")]


@app.command("list")
def list_all(
    restaurant: Annotated[str | None, typer.Option(help="Only of this restaurant.")] = None,
    called: Annotated[str | None, typer.Option(metavar="NUMBER", help="Only those to this number.")] = None,
    caller: Annotated[str | None, typer.Option(metavar="NUMBER", help="Only those from this number.")] = None,
    since: Annotated[datetime | None, typer.Option(formats=TIMES, help="Only since then, in UTC.")] = None,
    unrouted: Annotated[bool, typer.Option("--unrouted", help="Only those that reached no restaurant.")] = False,
    limit: Annotated[int, typer.Option(help="How many at most.", min=1)] = 50,
    json: Json = False,
    csv: Csv = False,
) -> None:
    """List calls, newest first.

    \b
    Examples:
      trunkline calls list --unrouted
      trunkline calls list --restaurant "Chez Panisse" --since 2026-11-01 --csv
    """
    with asking() as client:
        wanted = client.restaurant(restaurant).id if restaurant else None
        found = list(
            islice(
                client.calls(
                    restaurant_id=wanted,
                    called=called,
                    caller=caller,
                    since=in_utc(since),
                    unrouted=True if unrouted else None,
                ),
                limit,
            )
        )
    if show.as_document(found, "Call", json, csv):
        return
    rows = [(c.first_seen_at, c.called, c.caller, c.restaurant_id, c.status, c.ended_reason, c.id) for c in found]
    show.table(["when", "called", "caller", "restaurant", "status", "why it ended", "call"], rows, "no call")


@app.command()
def explain(call: Annotated[str, typer.Argument(metavar="CALL", help="The call's id.")], json: Json = False) -> None:
    """Say why a call went where it went: who had the number at that time, and what decided between them.

    \b
    Example:
      trunkline calls explain 0195d1c4-8c1f-7aa2-9f6e-3f0a8f1c2b7d
    """
    with asking() as client:
        found = client.explain_call(call)
    if json:
        show.as_json(found)
        return
    say(found.because)
    rows = [(h.name, h.restaurant_id, h.since, h.ended_at, h.registered_caller) for h in found.holders]
    show.table(["had the number", "id", "since", "until", "caller registered"], rows, "nobody had the number")


@app.command()
def erase(
    caller: Annotated[str, typer.Option(metavar="NUMBER", help="Whose number, in E.164.")],
    reason: Reason = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Take a caller's number out of all calls and registrations. That somebody called, and when, stays.

    \b
    Example:
      trunkline calls erase --caller +14155550142
    """
    with asking() as client:
        if not agreed(f"Erase {caller} from all calls? It cannot be undone", yes):
            raise typer.Exit(FAILED)
        done = client.erase_caller(caller, reason=reason)
    if json:
        show.as_json(done)
    else:
        told = f"{show.times(done.calls, 'call')} and {show.times(done.registrations, 'registration')}"
        say(f"erased from {told}")


@callers.command("list")
def list_callers(restaurant: Of, json: Json = False) -> None:
    """List the callers of a restaurant.

    \b
    Example:
      trunkline callers list "Chez Panisse"
    """
    with asking() as client:
        tell(client.callers(restaurant).callers, json)


@callers.command("add")
def add(restaurant: Of, numbers: Numbers, json: Json = False) -> None:
    """Register callers: their calls to the number that the restaurant shares are its own.

    \b
    Example:
      trunkline callers add "Chez Panisse" +14155550142
    """
    change(restaurant, set(numbers), set(), json)


@callers.command("remove")
def remove(restaurant: Of, numbers: Numbers, json: Json = False) -> None:
    """Take callers off again.

    \b
    Example:
      trunkline callers remove "Chez Panisse" +14155550142
    """
    change(restaurant, set(), set(numbers), json)


def change(restaurant: str, more: set[str], less: set[str], json: bool) -> None:
    with asking() as client:
        tell(client.put_callers(restaurant, sorted(now(client, restaurant) - less | more)).callers, json)


def now(client: Trunkline, restaurant: str) -> set[str]:
    return set(client.callers(restaurant).callers)


def tell(found: list[str], json: bool) -> None:
    if json:
        show.as_json(found)
    else:
        show.table(["caller"], [(number,) for number in found], "no caller is registered")
