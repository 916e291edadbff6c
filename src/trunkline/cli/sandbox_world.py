"""`trunkline sandbox fail`, `mend`, `account`, `numbers`, `log` and `reset`: the sandbox's world, changed by hand."""

from __future__ import annotations

import time
from typing import Annotated, Any, Literal

import typer

from trunkline.cli import show
from trunkline.cli.options import CarrierName, Json
from trunkline.cli.output import say
from trunkline.cli.sandbox_control import Sandbox, control
from trunkline.domain.numbers import parse_number
from trunkline.errors import InvalidInput

VendorName = Literal["twilio", "vapi", "telnyx", "vonage"]
Vendor = Annotated[VendorName, typer.Argument(metavar="PROVIDER", help="twilio, vapi, telnyx or vonage.")]
numbers = typer.Typer(help="What the sandbox sells, and who holds it.", no_args_is_help=True)


def fail(
    provider: Vendor,
    operation: Annotated[
        str,
        typer.Argument(
            metavar="OPERATION", help="As buy, search, list, release, import, connect; or an operation of the log."
        ),
    ],
    status: Annotated[int | None, typer.Option(help="Answer this status.", min=200, max=599)] = None,
    drop: Annotated[bool, typer.Option("--drop", help="Close the connection without an answer.")] = False,
    slow: Annotated[float | None, typer.Option(metavar="SECONDS", help="Answer so much later.", min=0)] = None,
    kind: Annotated[str | None, typer.Option(help="Another kind of docs/sandbox.md, as late or other_number.")] = None,
    after: Annotated[bool, typer.Option("--after", help="The work is done first: only the answer is lost.")] = False,
    times: Annotated[int | None, typer.Option(help="How often; until it is mended if left out.", min=1)] = None,
    skip: Annotated[int, typer.Option(help="How many requests pass first.", min=0)] = 0,
    sandbox: Sandbox = None,
    json: Json = False,
) -> None:
    """Let an operation of a provider fail: with 503 unless told.

    \b
    Examples:
      trunkline sandbox fail twilio buy --drop --after --times 1
      trunkline sandbox fail vapi import --status 429 --times 3
      trunkline sandbox fail telnyx search --slow 5
    """
    rule: dict[str, Any] = {"provider": provider, "operation": operation, "skip": skip, "times": times}
    rule |= {"when": "after" if after else "before"} | _how(status, drop, slow, kind)
    (armed,) = control(sandbox, "POST", "faults", json=rule)
    if json:
        show.as_json(armed)
    else:
        say(f"fault {armed['id']}: {_described(armed)}; end it with: trunkline sandbox mend {armed['id']}")


def _how(status: int | None, drop: bool, slow: float | None, kind: str | None) -> dict[str, Any]:
    ways: list[dict[str, Any]] = []
    ways += [{"kind": "status", "status": status}] if status is not None else []
    ways += [{"kind": "drop"}] if drop else []
    ways += [{"kind": "latency", "seconds": slow}] if slow is not None else []
    ways += [{"kind": kind}] if kind else []
    if len(ways) > 1:
        raise InvalidInput("--status, --drop, --slow and --kind are four ways to fail", hint="give one of them")
    return ways[0] if ways else {"kind": "status"}


def _described(rule: dict[str, Any]) -> str:
    said = {"status": f"answers {rule['status']}", "latency": f"takes {rule['seconds']:g} s", "drop": "hangs up"}
    how = said.get(rule["kind"], rule["kind"])
    how += " after the work" if rule["when"] == "after" else ""
    often = "always" if rule["times"] is None else show.times(rule["times"], "time")
    begins = f", after {show.times(rule['skip'], 'request')}" if rule["skip"] else ""
    return f"{rule['provider']} {rule['operation']} {how}, {often}{begins}"


def faults(sandbox: Sandbox = None, json: Json = False) -> None:
    """List what fails, and how often it has."""
    armed = control(sandbox, "GET", "faults")
    if json:
        show.as_json(armed)
    else:
        show.table(["fault", "what", "so far"], [(f["id"], _described(f), f["hits"]) for f in armed], "nothing fails")


def mend(
    fault: Annotated[int | None, typer.Argument(help="The fault's id; all of them if left out.")] = None,
    sandbox: Sandbox = None,
) -> None:
    """Let nothing fail any more, or one thing less. What was held goes on."""
    control(sandbox, "DELETE", "faults" if fault is None else f"faults/{fault}")
    say("nothing fails any more" if fault is None else f"fault {fault} has ended")


def account(
    provider: Vendor,
    account_id: Annotated[str | None, typer.Argument(metavar="ID", help="The usual account if left out.")] = None,
    trial: Annotated[bool | None, typer.Option("--trial/--full", help="A trial account, or an upgraded one.")] = None,
    balance: Annotated[str | None, typer.Option(metavar="AMOUNT", help="What is left to spend.")] = None,
    sandbox: Sandbox = None,
    json: Json = False,
) -> None:
    """Show an account, or change it.

    \b
    Examples:
      trunkline sandbox account twilio --trial
      trunkline sandbox account twilio --full --balance 20
    """
    name = account_id or _usual_account(provider)
    changes = {key: value for key, value in (("trial", trial), ("balance", balance)) if value is not None}
    if changes:
        control(sandbox, "PUT", f"accounts/{provider}/{name}", json=changes)
    known = control(sandbox, "GET", "state")["accounts"]
    there = next((a for a in known if (a["carrier"], a["id"]) == (provider, name)), None)
    if there is None:
        raise InvalidInput(f"the sandbox has no account {name} at {provider}", hint="leave the ID out")
    if json:
        show.as_json(there)
    else:
        kind = "trial" if there["trial"] else "full"
        show.facts([("account", name), ("kind", kind), ("balance", f"{there['balance']} {there['currency']}")])


def _usual_account(provider: str) -> str:
    from trunkline.sandbox import telnyx, twilio, vapi, vonage

    usual = {
        "twilio": twilio.DEFAULT_ACCOUNT,
        "telnyx": telnyx.DEFAULT_ACCOUNT,
        "vapi": vapi.DEFAULT_ACCOUNT,
        "vonage": vonage.DEFAULT_ACCOUNT,
    }
    return usual[provider]


@numbers.command("add")
def add_numbers(
    wanted: Annotated[list[str], typer.Argument(metavar="NUMBER...", help="In E.164, like +14155550123.")],
    carrier: Annotated[CarrierName, typer.Option(help="Who sells them.")] = "twilio",
    held: Annotated[bool, typer.Option("--held", help="In the usual account's hands, as if bought by hand.")] = False,
    price: Annotated[str, typer.Option(help="A month's.")] = "1.15",
    country: Annotated[str, typer.Option(help="Two-letter ISO code.")] = "US",
    imported: Annotated[bool, typer.Option("--imported", help="Held, and in Vapi with its first assistant.")] = False,
    count: Annotated[int, typer.Option(help="So many from each on, one after the other.", min=1)] = 1,
    sandbox: Sandbox = None,
) -> None:
    """Put numbers up for sale, or into the account as if somebody had bought them in the dashboard.

    \b
    Examples:
      trunkline sandbox numbers add +14155550190 +14155550191
      trunkline sandbox numbers add +14155550190 --held
      trunkline sandbox numbers add +14155510000 --count 1000 --imported
    """
    owner = {"account": _usual_account(carrier)} if (held or imported) and carrier != "byo" else {}
    each = {"carrier": carrier, "price": price, "country": country.upper(), **owner}
    firsts = [int(parse_number(number)) for number in wanted]
    rows = [each | {"number": f"+{first + more}"} for first in firsts for more in range(count)]
    params = {"imported": str(imported).lower()}
    added = control(sandbox, "POST", "numbers", json=rows, params=params)["added"]
    say(f"{show.times(added, 'number')} {'held' if owner else 'for sale'} at {carrier}")


@numbers.command("list")
def list_numbers(
    carrier: Annotated[CarrierName | None, typer.Option(help="Only of this carrier.")] = None,
    held: Annotated[bool | None, typer.Option("--held/--for-sale", help="Only those.")] = None,
    sandbox: Sandbox = None,
    json: Json = False,
) -> None:
    """List what the sandbox knows: for sale, or in whose account."""
    narrowed = {"carrier": carrier, "held": None if held is None else str(held).lower()}
    there = control(sandbox, "GET", "numbers", params={k: v for k, v in narrowed.items() if v is not None})
    if json:
        show.as_json(there)
        return
    rows = [(n["number"], n["carrier"], n["account"] or "for sale", f"{n['price']} {n['currency']}") for n in there]
    show.table(["number", "carrier", "account", "a month"], rows, "no number")


def drift(
    seed: Annotated[int, typer.Option(help="The same seed changes the same in the same world.")] = 0,
    changes: Annotated[int, typer.Option(help="How many.", min=1)] = 40,
    kind: Annotated[list[str] | None, typer.Option(help="Only this kind, as ghost or orphan; may be repeated.")] = None,
    sandbox: Sandbox = None,
    json: Json = False,
) -> None:
    """Let the world change as consoles, support and other programs change it, and list what was changed.

    \b
    Examples:
      trunkline sandbox drift --seed 7 --changes 40
      trunkline sandbox drift --kind ghost --kind missing_in_vapi --changes 3
    """
    changed = control(sandbox, "POST", "drift", json={"seed": seed, "changes": changes, "kinds": kind or None})
    if json:
        show.as_json(changed)
        return
    rows = [(one["kind"], one["number"] or "all", one["provider"], one["what"]) for one in changed]
    show.table(["kind", "number", "carrier", "what"], rows, "nothing that Vapi answers could change")
    if len(changed) < changes:
        say(f"{show.times(len(changed), 'change')}: nothing else was left that could change so")


def log(
    provider: Annotated[VendorName | None, typer.Option(help="Only what this provider received.")] = None,
    last: Annotated[int, typer.Option(help="How many of the newest.", min=1)] = 50,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")] = False,
    sandbox: Sandbox = None,
    json: Json = False,
) -> None:
    """Show what the providers received, and what they answered. The exit code is 1 where the sandbox ends meanwhile.

    \b
    Examples:
      trunkline sandbox log --provider twilio --last 10
      trunkline sandbox log --follow
    """
    seen = control(sandbox, "GET", "requests")
    _print([one for one in seen if provider in (None, one["provider"])][-last:], json)
    known = len(seen)
    try:
        while follow:
            time.sleep(0.5)
            new = control(sandbox, "GET", "requests", params={"after": str(known)})
            _print([one for one in new if provider in (None, one["provider"])], json)
            known += len(new)
    except KeyboardInterrupt:
        return


def _print(requests: list[dict[str, Any]], json: bool) -> None:
    for one in requests:
        if json:
            show.as_json_line(one)
        else:
            answer = one["status"] or "no answer"
            fault = f"  ({one['fault']})" if one["fault"] else ""
            say(f"{one['at'][11:19]} {one['provider']:<7}{one['operation']:<26} {one['method']:<6} {answer}{fault}")


def reset(
    seed: Annotated[int, typer.Option(help="Of the chance with which faults apply.")] = 0, sandbox: Sandbox = None
) -> None:
    """Begin the world anew: accounts, stock and switches as at the start, nothing fails."""
    control(sandbox, "POST", "reset", json={"seed": seed})
    say("the sandbox is as at its start")
