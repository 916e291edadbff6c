"""`trunkline sandbox call` and `trunkline call-test`: calls without a phone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from trunkline.cli import show
from trunkline.cli.asking import DONE, FAILED, asking
from trunkline.cli.options import Json
from trunkline.cli.output import say
from trunkline.cli.played import PlayedCall
from trunkline.cli.sandbox_control import Sandbox, control
from trunkline.errors import InvalidInput, TrunklineError

if TYPE_CHECKING:
    from trunkline.client import Trunkline
    from trunkline.client.models import Restaurant

CALLER = "+14155550142"
From = Annotated[str, typer.Option("--from", metavar="CALLER", help="The caller's number.")]
Duplicates = Annotated[int, typer.Option(help="Send each message this many times more.", min=0, max=100)]
Lose = Annotated[
    list[str] | None,
    typer.Option(metavar="TYPE", help="Never send these messages, like status-update or status-update:ended."),
]


def call(
    to: Annotated[str, typer.Argument(metavar="NUMBER", help="The number to call, like +14155550123.")],
    caller: From = CALLER,
    duplicates: Duplicates = 0,
    lose: Lose = None,
    sandbox: Sandbox = None,
    json: Json = False,
) -> None:
    """Call a number as Vapi would, without a phone. Prints what the caller hears and which restaurant answers.

    The exit code is 1 where no restaurant answers.

    \b
    Examples:
      trunkline sandbox call +14155550123
      trunkline sandbox call +14155550123 --from +14155550199 --duplicates 2 --lose end-of-call-report
    """
    played = play(to, caller, duplicates, lose, sandbox)
    if json:
        show.as_json(played)
    else:
        describe(played)
    raise typer.Exit(DONE if played.restaurant_id else FAILED)


def call_test(
    restaurant: Annotated[str, typer.Argument(metavar="RESTAURANT", help="The restaurant's id, or its exact name.")],
    caller: From = CALLER,
    duplicates: Duplicates = 0,
    lose: Lose = None,
    sandbox: Sandbox = None,
    json: Json = False,
) -> None:
    """Call a restaurant's number in the sandbox, and say whether that restaurant answers.

    The exit code is 0 only if it does.

    \b
    Examples:
      trunkline call-test rst_0dm2p8v1xk4t9r3q
      trunkline call-test "Chez Panisse" --json
    """
    with asking() as client:
        wanted = found(client, restaurant)
    if wanted.phone_number is None:
        raise TrunklineError(f"{wanted.name} has no number", hint=f"trunkline assign {wanted.id}")
    played = play(wanted.phone_number, caller, duplicates, lose, sandbox)
    right = played.restaurant_id == wanted.id
    if json:
        import msgspec

        show.as_json({"expected": wanted.id, "right": right, "played": msgspec.to_builtins(played)})
    else:
        describe(played)
        say(f"{'right' if right else 'wrong'}: {wanted.name} ({wanted.id}) was called")
    raise typer.Exit(DONE if right else FAILED)


def found(client: Trunkline, wanted: str) -> Restaurant:
    """By id, else by name; InvalidInput where several have the name, or none."""
    if wanted.startswith("rst_"):
        return client.restaurant(wanted)
    ids = [row.id for row in client.restaurants(search=wanted) if row.name == wanted]
    if len(ids) != 1:
        what = f"{len(ids)} restaurants are" if ids else "no restaurant is"
        raise InvalidInput(f"{what} named {wanted!r}", hint="give the id: trunkline restaurants list")
    return client.restaurant(ids[0])


def play(to: str, caller: str, duplicates: int, lose: list[str] | None, sandbox: str | None) -> PlayedCall:
    """TrunklineError where there is no sandbox, or it does not have the number."""
    body: dict[str, Any] = {"to": to, "from": caller, "duplicates": duplicates, "lose": lose or []}
    return PlayedCall.of(control(sandbox, "POST", "calls", json=body))


def describe(played: PlayedCall) -> None:
    say(f"{played.caller} calls {played.to}")
    who = f"{played.restaurant_name} ({played.restaurant_id})" if played.restaurant_id else "no restaurant"
    show.facts(
        [("outcome", played.outcome), ("caller hears", played.heard), ("ended", played.why), ("answered by", who)]
    )
    rows = [
        (f"{m.type}:{m.status}" if m.status else m.type, m.sent, m.http_status, f"{m.milliseconds:g} ms", m.error)
        for m in played.messages
    ]
    show.table(
        ["message", "sent", "answer", "took", "error"], rows, "no message was sent: no server URL is set in Vapi"
    )
