"""`trunkline numbers`: those that we hold or know, those for sale, and giving one up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from trunkline.cli import adopting, holding, moving, show
from trunkline.cli.asking import agreed, asking
from trunkline.cli.following import Patience, Timeout, Wait, while_patient
from trunkline.cli.options import AreaCode, Carrier, Contains, Country, Csv, Json, One, Reason, Type, Yes, criteria
from trunkline.cli.output import say
from trunkline.cli.releasing import Force, Numbers, release_all

if TYPE_CHECKING:
    from trunkline.client.models import Number, NumberDetail

app = typer.Typer(no_args_is_help=True)
SortName = Literal["number", "idle_since", "price"]
StateName = Literal["purchasing", "idle", "in_service", "cooling_down", "releasing", "released", "foreign"]


@app.command("list")
def list_all(
    state: Annotated[StateName | None, typer.Option(help="Only in this state.")] = None,
    carrier: Carrier = None,
    country: Annotated[str | None, typer.Option(help="Only of this country.")] = None,
    restaurant: Annotated[str | None, typer.Option(help="Only those of this restaurant.")] = None,
    idle_days: Annotated[int | None, typer.Option(help="Only those that are idle for so many days.", min=0)] = None,
    sort: Annotated[SortName, typer.Option(help="By number, longest idle first, or dearest first.")] = "number",
    json: Json = False,
    csv: Csv = False,
) -> None:
    """List the numbers that we hold or know, whatever their state.

    \b
    Examples:
      trunkline numbers list --state idle --sort price
      trunkline numbers list --idle-days 30 --csv > numbers.csv
    """
    with asking() as client:
        held = list(
            client.numbers(
                sort=sort,
                state=state,
                carrier=carrier,
                country=country,
                restaurant_id=client.restaurant(restaurant).id if restaurant else None,
                idle_before=None if idle_days is None else datetime.now(UTC) - timedelta(days=idle_days),
            )
        )
    if show.as_document(held, "Number", json, csv):
        return
    rows = [
        (
            n.number,
            state_of(n),
            n.carrier,
            [u.name for u in n.restaurants],
            show.price(n.monthly_price, n.currency),
            n.idle_since,
            n.last_call_at,
            [*(["protected"] if n.protected else []), *n.labels],
        )
        for n in held
    ]
    headings = ["number", "state", "carrier", "serves", "a month", "idle since", "last call", "labels"]
    show.table(headings, rows, "no number")


@app.command()
def search(
    country: Country = None,
    area_code: AreaCode = None,
    contains: Contains = None,
    number_type: Type = None,
    carrier: Carrier = None,
    limit: Annotated[int, typer.Option(help="How many of each carrier at most.", min=1, max=50)] = 10,
    json: Json = False,
) -> None:
    """Search what is for sale, and at which price. Nothing is reserved. The exit code is 3 if a carrier refused.

    \b
    Examples:
      trunkline numbers search --area-code 415
      trunkline numbers search --country GB --type mobile --carrier telnyx
    """
    wanted = criteria(country, area_code, contains, number_type, carrier)
    with asking() as client:
        listing = client.search_numbers(limit=limit, **wanted)
    if json:
        show.as_json(listing)
    else:
        rows = [
            (
                o.number,
                o.carrier,
                o.country,
                o.number_type,
                show.price(o.monthly_price, o.currency),
                show.price(o.upfront_price, o.currency),
                o.needs,
            )
            for o in listing.items
        ]
        headings = ["number", "carrier", "country", "type", "a month", "at once", "needs"]
        show.table(headings, rows, "nothing is for sale")
        for refusal in listing.refusals:
            say(f"{refusal.carrier}: {refusal.detail}" + (f" ({refusal.hint})" if refusal.hint else ""), err=True)
    raise typer.Exit(3 if listing.refusals else 0)


@app.command()
def buy(number: One, carrier: Carrier = None, yes: Yes = False, timeout: Timeout = None, json: Json = False) -> None:
    """Buy one exact number for no restaurant: it is idle, and the next restaurant that it suits gets it.

    Says the price first, and asks. Repeating it buys nothing twice.

    \b
    Example:
      trunkline numbers buy +14155550123
    """
    from trunkline.client.operations.common import price_of

    with asking() as client:
        offer = client.price_of_number(number, carrier=carrier)
        price = f"{show.price(offer.monthly_price, offer.currency) or 'a price that is not stated'} a month"
        if offer.upfront_price:
            price += f" and {show.price(offer.upfront_price, offer.currency)} at once"
        needs = f"; it needs {' and '.join(offer.needs)}" if offer.needs else ""
        if not agreed(f"Buy {offer.number} at {offer.carrier} for {price}{needs}?", yes):
            raise typer.Exit
        patience = Patience(seconds=timeout)
        purchase = (client.buy_number(number, carrier=offer.carrier, agreed=price_of(offer)) for _ in range(1))
        bought = next(while_patient(purchase, patience), None)
        if bought is None:
            raise typer.Exit(patience.leaves(f"the purchase of {offer.number}", f"numbers show {offer.number}"))
    if json:
        show.as_json(bought)
    else:
        say(f"bought {bought.number} at {bought.carrier} for {price}; it is {bought.state}")


@app.command("import")
def take_over(number: One, carrier: Carrier = None, json: Json = False) -> None:
    """Take a number over that a carrier's account holds: into Vapi, for no restaurant. The next that it suits gets it.

    A number that something else answers is left alone. May be repeated.

    \b
    Example:
      trunkline numbers import +14155550123 --carrier twilio
    """
    with asking() as client:
        imported = client.import_number(number, carrier=carrier)
    if json:
        show.as_json(imported)
    else:
        say(f"{imported.number} of {imported.carrier} is in Vapi as {imported.voice_id}; it is {imported.state}")


@app.command("show")
def show_one(number: One, json: Json = False) -> None:
    """Show a number: its state, everyone whom it ever served, and its releases.

    \b
    Example:
      trunkline numbers show +14155550123
    """
    with asking() as client:
        detail = client.number(number)
    if json:
        show.as_json(detail)
    else:
        describe(detail)


@app.command()
def release(
    numbers: Numbers,
    give_back: Annotated[
        bool, typer.Option("--give-back", help="Return it to the carrier, which ends its price; else it stays there.")
    ] = False,
    force: Force = False,
    wait: Wait = True,
    timeout: Timeout = None,
    reason: Reason = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Give numbers up: off the assistant, out of Vapi, and old settings restored at the carrier or given back to it.

    The exit code is 3 if only some are released, or the carrier did not answer yet: the rest is done by itself.

    \b
    Examples:
      trunkline numbers release +14155550123
      trunkline numbers release +14155550123 +14155550124 --give-back --yes
    """
    with asking() as client:
        chosen, patience = [client.number(n) for n in dict.fromkeys(numbers)], Patience(wait, timeout)
        release_all(client, chosen, give_back, force, yes, json, reason, patience)


def state_of(number: Number) -> str:
    """In a list: its state, and whether it is left out all the same."""
    return f"{number.state}, put aside" if number.put_aside_until else number.state


def describe(number: NumberDetail) -> None:
    show.facts(
        [
            ("number", f"{number.number} ({number.national})"),
            ("state", number.state),
            ("serves", [f"{u.name} ({u.id})" + ("" if u.active else ", no calls") for u in number.restaurants]),
            ("carrier", number.carrier),
            ("account there", number.account),
            ("its id there", number.carrier_ref),
            ("id in Vapi", number.voice_id),
            ("a month", show.price(number.monthly_price, number.currency)),
            ("cools down until", number.cooling_until),
            ("put aside until", number.put_aside_until),
            ("because", number.put_aside_reason),
            ("claimed by", number.claimed_by),
            ("bought", number.bought_at),
            ("released", number.released_at),
            ("idle since", number.idle_since),
            ("last call", number.last_call_at),
            *show.notes_of(number)[1:],
        ]
    )
    if number.mappings:
        rows = [
            (m.restaurant_name, m.restaurant_id, m.source, m.since, m.ended_at, m.end_reason) for m in number.mappings
        ]
        show.table(["served", "restaurant", "came by", "since", "until", "why it ended"], rows, "")
    for given_up in number.releases:
        say(f"release {given_up.id}: {given_up.status}, {given_up.message or 'under way'}")


app.command("adopt", help=adopting.AMONG_NUMBERS)(adopting.adopt)
app.command("hold")(holding.hold)
app.command("move")(moving.move)
app.command("swap")(moving.swap)
app.command("unassign")(moving.unassign)
app.command("change")(moving.change)
