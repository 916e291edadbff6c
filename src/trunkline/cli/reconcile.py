"""`trunkline reconcile`: whether carriers, Vapi and our tables say the same, and what would mend it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from trunkline.cli import adopting, show
from trunkline.cli.asking import DONE, FAILED, PARTLY, USAGE, asking
from trunkline.cli.options import Csv, Json
from trunkline.cli.output import complain, say
from trunkline.texts import one_line

if TYPE_CHECKING:
    from trunkline.client import Trunkline
    from trunkline.client.models import PlannedDrift, ReconcilePlan

app = typer.Typer(no_args_is_help=True)
app.command("adopt")(adopting.adopt)
PlanId = Annotated[str, typer.Argument(metavar="PLAN", help="The plan's id.")]
Buy = Annotated[bool, typer.Option("--buy", help="Other numbers for restaurants whose number is gone.")]
Release = Annotated[bool, typer.Option("--release", help="Give back what is paid for and not in our tables.")]
Force = Annotated[bool, typer.Option("--force", help="Also more of that than max(5, 10 %) of our numbers.")]
Kind = Annotated[list[str] | None, typer.Option("--kind", help="Only drifts of this kind; may be given several times.")]
Markdown = Annotated[bool, typer.Option("--markdown", help="Print Markdown, for a pull request.")]
ExitCode = Annotated[
    bool, typer.Option("--exit-code/--no-exit-code", help="3 where something differs; else 0, for a timer.")
]
MARKS = {"in_step": DONE, "differs": PARTLY, "failed": FAILED}


@app.command()
def plan(
    buy: Buy = False,
    release: Release = False,
    force: Force = False,
    kind: Kind = None,
    markdown: Markdown = False,
    exit_code: ExitCode = True,
    json: Json = False,
) -> None:
    """Compare carriers, Vapi and our tables, and show what differs and what would mend it. Changes nothing.

    The exit code is 0 where all is in step, 3 where something differs, 1 where a list could not be believed.

    \b
    Examples:
      trunkline reconcile plan
      trunkline reconcile plan --release --markdown > plan.md
    """
    with asking() as client:
        made = client.make_plan(buy=buy, release=release, force=force)
        tell(client, made, kind, markdown, json)
    raise typer.Exit(code_of(made, exit_code))


@app.command("show")
def show_one(
    plan_id: PlanId, kind: Kind = None, markdown: Markdown = False, exit_code: ExitCode = True, json: Json = False
) -> None:
    """Show a plan as it was made.

    \b
    Example:
      trunkline reconcile show pln_0dm43c8fhw2q7r5n --kind misrouted
    """
    with asking() as client:
        found = client.plan(plan_id)
        tell(client, found, kind, markdown, json)
    raise typer.Exit(code_of(found, exit_code))


@app.command("list")
def list_all(json: Json = False, csv: Csv = False) -> None:
    """List plans, newest first, those of the watch among them.

    \b
    Example:
      trunkline reconcile list
    """
    with asking() as client:
        found = list(client.plans())
    if show.as_document(found, "ReconcilePlan", json, csv):
        return
    rows = [(p.id, p.created_at, p.status, p.changes, counted(p), "watch" if p.watched else "asked for") for p in found]
    show.table(["id", "made", "status", "changes", "drifts", "by"], rows, "no plan: trunkline reconcile plan makes one")


def code_of(found: ReconcilePlan, exit_code: bool) -> int:
    code = MARKS[found.status]
    return DONE if code == PARTLY and not exit_code else code


def tell(client: Trunkline, found: ReconcilePlan, kinds: Sequence[str] | None, markdown: bool, json: bool) -> None:
    """The plan and its drifts in one of the forms."""
    if markdown and json:
        complain("--markdown and --json are two forms of one plan", "give one of them")
        raise typer.Exit(USAGE)
    drifts = list(client.drifts(found.id, kind=kinds or ()))
    if json:
        import msgspec

        show.as_json({**msgspec.to_builtins(found), "drifts": drifts})
    elif markdown:
        say(*as_markdown(found, drifts))
    else:
        describe(found, drifts)


def describe(found: ReconcilePlan, drifts: Sequence[PlannedDrift]) -> None:
    rows = [
        (d.kind, d.number or d.provider, said(d), d.mend or d.left_alone or "nothing: look at it", difference(d))
        for d in drifts
    ]
    show.table(["kind", "number", "what is said", "mend", "a month"], rows, "nothing differs")
    for line in summary(found):
        say(line)


def as_markdown(found: ReconcilePlan, drifts: Sequence[PlannedDrift]) -> list[str]:
    lines = ["| kind | number | what is said | mend | a month |", "|---|---|---|---|---|"] if drifts else []
    for d in drifts:
        cells = (d.kind, d.number or d.provider, said(d), d.mend or d.left_alone, difference(d))
        lines.append("| " + " | ".join(one_line(str(cell or "")).replace("|", "\\|") for cell in cells) + " |")
    return [*lines, *([""] if drifts else []), *(f"- {line}" for line in summary(found))]


def said(drift: PlannedDrift) -> str:
    """What each side says, of those that say something."""
    sides = ((drift.provider, drift.carrier_says), ("Vapi", drift.voice_says), ("we", drift.books_say))
    return "; ".join(f"{who}: {what}" for who, what in sides if what)


def difference(drift: PlannedDrift) -> str | None:
    return None if drift.monthly is None else f"{drift.monthly:+} {drift.currency}"


def counted(found: ReconcilePlan) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in sorted(found.counts.items())) or "none"


def summary(found: ReconcilePlan) -> list[str]:
    lines = [f"{found.id}: {found.status.replace('_', ' ')}; {counted(found)}"]
    for listed in found.lists:
        if not listed.whole:
            lines.append(f"{listed.provider}: not believed, and nothing of it is changed: {listed.doubt}")
            lines += [f"  {listed.hint}"] if listed.hint else []
    money = ", ".join(f"{amount:+} {currency}" for currency, amount in sorted(found.monthly.items()))
    changes = show.times(found.changes, "change")
    lines.append(f"{changes}{f', {money} a month' if money else ''}; checksum {found.checksum}")
    return lines
