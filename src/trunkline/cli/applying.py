"""`trunkline reconcile apply`: a plan is shown, agreed to, carried out, and watched to its end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from trunkline.cli import reconcile, show
from trunkline.cli.asking import DONE, FAILED, PARTLY, USAGE, agreed, asking
from trunkline.cli.batch_run import Detach, progress_bar, vars_of
from trunkline.cli.following import LOOK_SECONDS, Patience, Timeout
from trunkline.cli.options import Json, Yes
from trunkline.cli.output import complain, say

if TYPE_CHECKING:
    from trunkline.client import Trunkline
    from trunkline.client.models import Apply, ApplyItem, ReconcilePlan

app = reconcile.app  # these come after what it has
ApplyId = Annotated[str, typer.Argument(metavar="APPLY", help="The run's id.")]
Checksum = Annotated[
    str | None, typer.Option(help="Of the plan that was read; without PLAN, the newest plan that has it.")
]
Confirm = Annotated[
    str | None, typer.Option(metavar="INSTALLATION", help="The name of the installation whose numbers are given back.")
]


@app.command()
def apply(
    plan: Annotated[str | None, typer.Argument(metavar="[PLAN]", help="The plan's id.")] = None,
    checksum: Checksum = None,
    buy: Annotated[bool, typer.Option("--buy", help="Numbers may be bought.")] = False,
    release: Annotated[bool, typer.Option("--release", help="Numbers may be given back; needs --confirm.")] = False,
    confirm: Confirm = None,
    force: reconcile.Force = False,
    reason: Annotated[str | None, typer.Option(help="Why, for whoever reads it later.")] = None,
    yes: Yes = False,
    detach: Detach = False,
    timeout: Timeout = None,
    json: Json = False,
) -> None:
    """Carry a plan out as it was shown. It is made anew first: where it would be another one now, the difference is
    printed and nothing is done.

    It goes on in the server if this command is stopped. The exit code is 0 where every change is done, 3 where some did
    not apply any more or failed, or the plan is another one now, 1 where none was done, 2 for what cannot be asked.

    \b
    Examples:
      trunkline reconcile apply pln_0dm43c8fhw2q7r5n
      trunkline reconcile apply --checksum 5f2b1c7e9d3a4860... --yes
      trunkline reconcile apply pln_0dm43c8fhw2q7r5n --release --confirm k3m9x2 --reason "after the move"
    """
    from trunkline.client import ApiError

    with asking() as client:
        found = client.plan(plan) if plan else with_checksum(client, checksum)
        if not json:
            reconcile.describe(found, [d for d in client.drifts(found.id) if d.change is not None])
        if not agreed(f"Carry out {show.times(found.changes, 'change')}?", yes):
            raise typer.Exit(FAILED)
        shown = checksum or found.checksum
        try:
            run = client.apply_plan(
                found.id, shown, buy=buy, release=release, confirm=confirm, force=force, reason=reason
            )
        except ApiError as error:
            if error.code != "plan_changed":
                raise
            complain(error.detail, error.hint)
            say(*error.differences, err=True)
            raise typer.Exit(PARTLY) from None
        begun(client, run, detach, json, timeout)


def with_checksum(client: Trunkline, checksum: str | None) -> ReconcilePlan:
    if checksum is None:
        complain("which plan?", "name its id, or give --checksum")
        raise typer.Exit(USAGE)
    found = next((plan for plan in client.plans() if plan.checksum == checksum), None)
    if found is None:
        complain("no plan has this checksum", "make one, and read it: trunkline reconcile plan")
        raise typer.Exit(FAILED)
    return found


@app.command()
def watch(apply_id: ApplyId, timeout: Timeout = None, json: Json = False) -> None:
    """Watch a plan that is carried out until that ends. Ctrl-C stops the watching only.

    \b
    Example:
      trunkline reconcile watch apl_0dm43d1kzt6v9x2p
    """
    with asking() as client:
        follow(client, client.apply(apply_id), json, timeout)


@app.command()
def cancel(apply_id: ApplyId, json: Json = False) -> None:
    """Begin no further change of a plan. What was done stays done.

    \b
    Example:
      trunkline reconcile cancel apl_0dm43d1kzt6v9x2p
    """
    with asking() as client:
        stopped = client.cancel_apply(apply_id)
    if json:
        show.as_json(stopped)
    else:
        say(f"{stopped.id} is cancelled: {counted(stopped)}; go on with: trunkline reconcile resume {stopped.id}")


@app.command()
def resume(apply_id: ApplyId, detach: Detach = False, timeout: Timeout = None, json: Json = False) -> None:
    """Go on with what was left of a plan, and try again what failed.

    \b
    Example:
      trunkline reconcile resume apl_0dm43d1kzt6v9x2p
    """
    with asking() as client:
        begun(client, client.resume_apply(apply_id), detach, json, timeout)


def begun(client: Trunkline, run: Apply, detach: bool, json: bool, timeout: float | None) -> None:
    """It runs in the server now."""
    if not detach:
        follow(client, run, json, timeout)
    elif json:
        show.as_json(run)
    else:
        say(f"{run.id} runs in the server; watch it with: trunkline reconcile watch {run.id}")


def follow(client: Trunkline, run: Apply, json: bool, timeout: float | None) -> None:
    """Wait for the end, tell what became of each change, and end with the exit code that says so."""
    patience = Patience(seconds=timeout)
    with ExitStack() as stack:
        progress = None if json else stack.enter_context(progress_bar())
        bar = progress.add_task("", total=run.total, pace="") if progress else None
        try:
            while run.status == "running" and patience.left > 0:
                time.sleep(min(LOOK_SECONDS, patience.left))
                run = client.apply(run.id)
                if progress and bar is not None:
                    progress.update(bar, completed=run.total - run.counts.queued - run.counts.running)
        except KeyboardInterrupt:
            say("", f"{run.id} goes on in the server; trunkline reconcile cancel {run.id} stops it", err=True)
            raise typer.Exit(130) from None
    items = list(client.apply_items(run.id))
    if json:
        import msgspec

        show.as_json({**msgspec.to_builtins(run), "items": items})
    else:
        sum_up(run, items)
    going = run.status == "running"
    raise typer.Exit(patience.leaves(run.id, f"reconcile watch {run.id}") if going else exit_code(run))


def sum_up(run: Apply, items: Sequence[ApplyItem]) -> None:
    rows = [(i.status, i.kind, i.number or i.provider, i.message) for i in items]
    show.table(["status", "kind", "number", "what"], rows, "nothing was to be changed")
    say(f"{run.id} is {run.status}: {counted(run) or 'no changes'}")
    if run.message:
        say(f"{run.message}{f' ({run.hint})' if run.hint else ''}")
    if run.status in ("failed", "cancelled"):
        say(f"go on with: trunkline reconcile resume {run.id}")


def counted(run: Apply) -> str:
    return ", ".join(f"{count} {status}" for status, count in vars_of(run.counts).items())


def exit_code(run: Apply) -> int:
    if run.status == "done" and run.counts.done == run.total:
        return DONE
    return PARTLY if run.counts.done or run.counts.skipped else FAILED
