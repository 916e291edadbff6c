"""A batch from the plan to the summary, for a person at a terminal or for a program."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trunkline.cli import show
from trunkline.cli.asking import DONE, FAILED, PARTLY, agreed, asking
from trunkline.cli.following import Patience, while_patient
from trunkline.cli.output import say
from trunkline.texts import one_line

if TYPE_CHECKING:
    from rich.progress import Progress

    from trunkline.client import Trunkline
    from trunkline.client.models import Batch, BatchItem, Plan, Purchases
    from trunkline.client.operations.common import Spending

IncludeShared = Annotated[bool, typer.Option("--include-shared", help="Also restaurants that share a number.")]
Limit = Annotated[int | None, typer.Option(help="How many restaurants at most.", min=1)]
IgnoreWishes = Annotated[bool, typer.Option("--ignore-wishes", help="Leave out what each restaurant had asked for.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
Detach = Annotated[bool, typer.Option("--detach", "--no-wait", help="Start it and do not watch.")]


def perform(
    selection: dict[str, Any],
    *,
    dry_run: bool,
    yes: bool,
    detach: bool = False,
    timeout: float | None = None,
    json: bool,
) -> None:
    """Plan, show, ask, start, watch, sum up."""
    with asking() as client:
        plan = planned(client, selection)
        if plan is None:
            if json:
                show.as_json([])
            else:
                say("nothing to do: every restaurant has a number")
            return
        if json and dry_run:
            show.as_json(plan)
        elif not json:
            tell(plan)
        if dry_run or not agreed(f"Start, and buy up to {show.times(plan.bought, 'number')}?", yes):
            return
        wanted = {**selection, "limit": plan.restaurants, **bounds(plan)}
        begun(client, client.start_batch(**wanted), detach, json, timeout)


def bounds(plan: Plan) -> Spending:
    """No more than was shown, whatever has changed meanwhile."""
    shown: Spending = {"max_purchases": plan.bought}
    if plan.monthly_price is not None and plan.currency is not None:
        shown["max_monthly_price"], shown["currency"] = str(plan.monthly_price), plan.currency
    return shown


def planned(client: Trunkline, selection: dict[str, Any]) -> Plan | None:
    """What would be done; None where there is nothing to do, which is an error only for one who named restaurants."""
    from trunkline.client import ApiError

    try:
        return client.plan_batch(**selection)
    except ApiError as error:
        if error.field == "search" and selection.get("search") is None:
            return None
        raise


def tell(plan: Plan) -> None:
    lines = [
        f"{show.times(plan.restaurants, 'restaurant')} to get a number:",
        *(f"  {told.restaurants} of them ask for {wishes(told.criteria)}" for told in plan.asked if told.criteria),
        f"  {plan.reused} from idle numbers, which cost nothing new",
        *map(purchases, plan.purchases),
        f"  {plan.shared} would share a trial account's number",
        f"  {plan.short - plan.beyond_budget} would find no number",
        f"  {plan.beyond_budget} would get none: no budget allows it",
        *(f"  {note}" for note in plan.notes),
    ]
    say(*(line for line in lines if not line.startswith("  0 ")))


def wishes(criteria: dict[str, str]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in criteria.items())


def purchases(told: Purchases) -> str:
    price = show.price(told.monthly_price, told.currency) or "a price not stated"
    at_once = f", and {show.price(told.upfront_price, told.currency)} at once" if told.upfront_price else ""
    return f"  {told.numbers} bought at {told.carrier} for {price} a month{at_once}"


def begun(client: Trunkline, batch: Batch, detach: bool, json: bool, timeout: float | None = None) -> None:
    """It runs in the server now."""
    if not detach:
        follow(client, batch, json, timeout)
    elif json:
        show.as_json(batch)
    else:
        say(f"{batch.id} runs in the server; watch it with: trunkline batch watch {batch.id}")


def follow(client: Trunkline, batch: Batch, json: bool, timeout: float | None = None) -> None:
    """Tell of each restaurant as it ends, and of the batch at its end; the program's exit code says how it ended."""
    from trunkline.client.models import BatchItem

    patience = Patience(seconds=timeout)
    with ExitStack() as stack:
        progress = None if json else stack.enter_context(progress_bar())
        bar = progress.add_task("", total=batch.total, pace="") if progress else None
        items: dict[str, BatchItem] = {}
        try:
            for told in while_patient(client.watch_batch(batch.id), patience):
                if isinstance(told, BatchItem):
                    if items.get(told.restaurant_id) == told:
                        continue  # the server may repeat itself
                    items[told.restaurant_id] = told
                    if json:
                        show.as_json_line({"item": told})
                    elif progress:
                        progress.console.print(line(told), soft_wrap=True)
                else:
                    batch = told
                if progress and bar is not None:
                    progress.update(bar, completed=len(items), total=batch.total, pace=pace(batch))
        except KeyboardInterrupt:
            say("", f"{batch.id} goes on in the server; trunkline batch cancel {batch.id} stops it", err=True)
            raise typer.Exit(130) from None
    if json:
        show.as_json_line({"batch": batch})
    else:
        sum_up(batch)
    going = batch.status == "running"
    raise typer.Exit(patience.leaves(batch.id, f"batch watch {batch.id}") if going else exit_code(batch))


def progress_bar() -> Progress:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    out, pace = show.console(), TextColumn("{task.fields[pace]}")
    return Progress(BarColumn(), MofNCompleteColumn(), pace, console=out, transient=True, disable=not out.is_terminal)


def pace(batch: Batch) -> str:
    if batch.rate_per_second is None or batch.eta_seconds is None:
        return ""
    minutes, seconds = divmod(round(batch.eta_seconds), 60)
    return f"{batch.rate_per_second:.1f} a second, {minutes}:{seconds:02} left"


def line(item: BatchItem) -> str:
    """One restaurant: its name, its number and how it came, or why it has none."""
    colour = show.COLOURS.get(item.status, "white")
    told = item.phone_number or item.status
    bought = show.price(item.monthly_price, item.currency) if item.source == "purchased" else None
    parts = [item.source, f"{bought} a month" if bought else None] if item.phone_number else [item.reason, item.message]
    from rich.markup import escape

    text = one_line(f"{item.restaurant_name}  {', '.join(p for p in parts if p)}")
    return f"[{colour}]{told:<14}[/] {escape(text)}"


def sum_up(batch: Batch) -> None:
    came = vars_of(batch.sources)
    say(f"{batch.id} is {batch.status}: {counted(batch)}")
    if batch.message:
        say(f"{batch.message}{f' ({batch.hint})' if batch.hint else ''}")
    if came:
        say("numbers: " + ", ".join(f"{count} {source}" for source, count in came.items()))
    if bought := cost(batch):
        say(f"bought for {bought} a month")
    lacking = batch.counts.queued + batch.counts.unassigned + batch.counts.failed + batch.counts.cancelled
    if lacking:
        say(f"{show.times(lacking, 'restaurant')} without a number; go on with: trunkline batch resume {batch.id}")


def counted(batch: Batch) -> str:
    return ", ".join(f"{count} {status}" for status, count in vars_of(batch.counts).items())


def cost(batch: Batch) -> str:
    return " and ".join(str(show.price(c.monthly_price, c.currency)) for c in batch.costs)


def vars_of(counts: object) -> dict[str, int]:
    """Those that are not zero."""
    import msgspec

    return {name: count for name, count in msgspec.structs.asdict(counts).items() if count}  # type: ignore[arg-type]


def exit_code(batch: Batch) -> int:
    if batch.counts.assigned == batch.total:
        return DONE
    return PARTLY if batch.counts.assigned else FAILED
