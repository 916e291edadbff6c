"""`trunkline events` and `trunkline history`: what happened, by whom, and why."""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from trunkline.cli import show
from trunkline.cli.asking import asking
from trunkline.cli.options import TIMES, Json, in_utc
from trunkline.cli.output import say

if TYPE_CHECKING:
    from trunkline.client.models import Event

app = typer.Typer(no_args_is_help=True)
Types = Annotated[
    list[str] | None, typer.Option("--type", help="Only these, like number.released; may be given several times.")
]
Subject = Annotated[
    str | None, typer.Option(help="Only those about this number, or about the restaurant, run, key ... of this id.")
]
Since = Annotated[datetime | None, typer.Option(formats=TIMES, help="Only those since then, in UTC.")]


@app.command("list")
def list_all(
    types: Types = None,
    subject: Subject = None,
    actor: Annotated[
        str | None, typer.Option(help="Only those by this kind of actor, or by the one of this id.")
    ] = None,
    since: Since = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    json: Json = False,
) -> None:
    """List what happened, newest first.

    \b
    Examples:
      trunkline events list --type purchase.bought --since 2026-03-01
      trunkline events list --actor batch --json
    """
    with asking() as client:
        listed = client.events(types=types or (), subject=subject, actor=actor, since=in_utc(since))
        found = list(islice(listed, limit))
    if json:
        show.as_json(found)
        return
    rows = [(e.at, e.type, e.text, e.actor.name or e.actor.id or e.actor.kind, e.reason, e.id) for e in found]
    show.table(["at", "type", "what", "by", "reason", "id"], rows, "nothing happened")


@app.command()
def tail(
    types: Types = None,
    subject: Subject = None,
    since: Since = None,
    after: Annotated[str | None, typer.Option(help="Begin behind the event of this id.")] = None,
    json: Json = False,
) -> None:
    """Follow what happens, until Ctrl-C. Goes on after a restart of the server, and misses nothing.

    \b
    Examples:
      trunkline events tail
      trunkline events tail --type debt.opened --type batch.paused --json
    """
    with asking() as client:
        for event in client.follow_events(types=types or (), subject=subject, since=in_utc(since), last_id=after):
            if json:
                show.as_json_line(event)
            else:
                say(line(event))


def history(
    subject: Annotated[
        str, typer.Argument(metavar="THING", help="A number, or the id of a restaurant, an assignment, a batch ...")
    ],
    json: Json = False,
) -> None:
    """Tell the story of a number, a restaurant, an assignment or whatever has an id.

    \b
    Examples:
      trunkline history +14155550123
      trunkline history "Chez Panisse"
    """
    with asking() as client:
        told = list(client.history(subject))
    if json:
        show.as_json(told)
        return
    show.story(told)


def line(event: Event) -> str:
    by = event.actor.name or event.actor.id or event.actor.kind
    why = f", because: {event.reason}" if event.reason else ""
    return f"{event.at:%Y-%m-%d %H:%M:%S}  {event.type:<24}{event.text}  (by {by}{why})"
