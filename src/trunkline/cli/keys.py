"""`trunkline keys`: who may do what."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from trunkline.cli import show
from trunkline.cli.asking import agreed, asking
from trunkline.cli.options import TIMES, Csv, Force, Json, Reason, Yes, in_utc, pairs
from trunkline.cli.output import say

if TYPE_CHECKING:
    from trunkline.client.models import MadeKey
    from trunkline.client.operations.budgets import Limits

app = typer.Typer(no_args_is_help=True)
COUNTS = {"max_numbers", "max_purchases"}
KeyId = Annotated[str, typer.Argument(metavar="KEY", help="The key's id.")]


@app.command()
def create(
    scope: Annotated[list[str], typer.Option("--scope", help="What it may do; may be given several times.")],
    restaurant: Annotated[str | None, typer.Option(help="The only restaurant that it sees; else all.")] = None,
    expires: Annotated[datetime | None, typer.Option(formats=TIMES, help="Until when it works, in UTC.")] = None,
    comment: Annotated[str | None, typer.Option(help="Whose it is, for whoever reads it later.")] = None,
    budget: Annotated[
        list[str] | None,
        typer.Option("--budget", metavar="LIMIT=VALUE", help="A limit of its budget; may be given several times."),
    ] = None,
    json: Json = False,
) -> None:
    """Make a key. It is shown this once.

    \b
    Examples:
      trunkline keys create --scope restaurants:write --scope numbers:buy --comment "the shop's sign-up"
      trunkline keys create --scope calls:read --restaurant "Chez Panisse" --expires 2027-01-01
      trunkline keys create --scope numbers:buy --budget max_purchases=20 --budget max_spending=50
    """
    until = in_utc(expires)
    with asking() as client:
        made = client.create_key(
            scope,
            restaurant=restaurant,
            expires_at=until.isoformat() if until else None,
            comment=comment,
            budget=limits_in(budget) if budget else None,
        )
    tell(made, json)


@app.command("list")
def list_all(
    restaurant: Annotated[str | None, typer.Option(help="Only those of this restaurant.")] = None,
    revoked: Annotated[bool, typer.Option("--revoked", help="Those that were revoked, instead.")] = False,
    json: Json = False,
    csv: Csv = False,
) -> None:
    """List keys, oldest first.

    \b
    Examples:
      trunkline keys list
      trunkline keys list --restaurant "Chez Panisse" --json
    """
    with asking() as client:
        wanted = client.restaurant(restaurant).id if restaurant else None
        found = list(client.keys(restaurant_id=wanted, revoked=revoked))
    if show.as_document(found, "Key", json, csv):
        return
    rows = [
        (k.id, k.prefix, " ".join(k.scopes), k.restaurant_id, k.expires_at, k.last_used_at, k.comment) for k in found
    ]
    show.table(["id", "begins", "scopes", "restaurant", "expires", "last used", "comment"], rows, "no key")


@app.command()
def rotate(
    key: KeyId,
    force: Force = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Give a key another secret, which is shown this once. That until now works for 24 h more.

    \b
    Example:
      trunkline keys rotate key_0dm2p8v1xk4t9r3q
    """
    with asking() as client:
        if force and not agreed("Renew the key? The one until now stops working at once.", yes):
            return
        made = client.rotate_api_key(key, force=force)
    tell(made, json)


@app.command()
def revoke(key: KeyId, reason: Reason = None, yes: Yes = False, json: Json = False) -> None:
    """Let a key open nothing any more, at once and for good.

    \b
    Example:
      trunkline keys revoke key_0dm2p8v1xk4t9r3q
    """
    with asking() as client:
        if not agreed("Revoke the key? It stops working at once.", yes):
            return
        gone = client.revoke_key(key, reason=reason)
    if json:
        show.as_json(gone)
    else:
        say(f"revoked {gone.id}, {gone.comment or gone.prefix}")


def limits_in(given: list[str]) -> Limits:
    """As the API takes them: amounts as text, counts as numbers."""
    limits: dict[str, Any] = dict(pairs(given, "--budget", "LIMIT=VALUE"))
    counts = {name: int(value) for name, value in limits.items() if name in COUNTS and value.isdecimal()}
    return cast("Limits", limits | counts)


def tell(made: MadeKey, json: bool) -> None:
    if json:
        show.as_json(made)
        return
    show.facts(
        [
            ("key", made.key),
            ("id", made.id),
            ("scopes", ", ".join(made.scopes)),
            ("restaurant", made.restaurant_id),
            ("expires", made.expires_at),
            ("before it works until", made.previous_until),
            ("comment", made.comment),
        ]
    )
