"""`trunkline restaurants` and `trunkline assign`: the tenants and their numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from trunkline.cli import erasing, following, restaurants_import, show
from trunkline.cli.asking import DONE, PARTLY, USAGE, agreed, asking
from trunkline.cli.following import Patience, Timeout, Wait
from trunkline.cli.options import (
    AreaCode,
    Carrier,
    Contains,
    Country,
    Csv,
    Force,
    ForceTwilio,
    Json,
    Metadata,
    Pick,
    Reason,
    RestaurantName,
    Type,
    Yes,
    criteria,
    pairs,
)
from trunkline.cli.output import complain, say

if TYPE_CHECKING:
    from trunkline.client import Trunkline
    from trunkline.client.models import Restaurant, RotatedKey
    from trunkline.client.operations.restaurants import RestaurantChange

app = typer.Typer(no_args_is_help=True)
IfNotExists = Annotated[
    bool,
    typer.Option("--if-not-exists", help="Show the one that has this external id, else this name, where one is there."),
]


@app.command("list")
def list_all(
    search: Annotated[str | None, typer.Option(help="Part of the name, in any case.")] = None,
    has_number: Annotated[
        bool | None, typer.Option("--with-number/--without-number", help="Only those with a number, or without.")
    ] = None,
    deleted: Annotated[bool, typer.Option("--deleted", help="Those that were deleted, instead.")] = False,
    sort: Annotated[Literal["created", "name"], typer.Option(help="Oldest first, or by name.")] = "created",
    json: Json = False,
    csv: Csv = False,
) -> None:
    """List restaurants, oldest first or by name.

    \b
    Examples:
      trunkline restaurants list --without-number
      trunkline restaurants list --search pizza --sort name --json
    """
    with asking() as client:
        listed = list(client.restaurants(search=search, has_number=has_number, deleted=deleted, sort=sort))
    if show.as_document(listed, "RestaurantSummary", json, csv):
        return
    rows = [
        (r.id, r.name, r.external_id, r.phone_number, "shared" if r.shared else None, show.came_by(r)) for r in listed
    ]
    show.table(["id", "name", "external id", "number", "shared", "came by"], rows, "no restaurant")


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Shown to people.")],
    phone: Annotated[bool, typer.Option("--phone/--no-phone", help="Get it a number now.")] = True,
    if_not_exists: IfNotExists = False,
    wait: Wait = True,
    timeout: Timeout = None,
    force_twilio: ForceTwilio = False,
    country: Country = None,
    area_code: AreaCode = None,
    contains: Contains = None,
    number_type: Type = None,
    carrier: Carrier = None,
    number: Pick = None,
    external_id: Annotated[
        str | None, typer.Option(help="Its id in your system: a restaurant that has it is shown as it is.")
    ] = None,
    metadata: Metadata = None,
    json: Json = False,
) -> None:
    """Create a restaurant and get it a number. Its API key is shown this once.

    The exit code is 3 where it was created and has no number. With --if-not-exists it is 0 for one that is there, which
    is shown as it is. Two that are created by name at the same moment are two: an external id is one for ever.

    \b
    Examples:
      trunkline restaurants create "Chez Panisse" --area-code 415
      trunkline restaurants create Noma --external-id pos-1234 --number +14155550123
    """
    wanted = criteria(country, area_code, contains, number_type, carrier)
    patience = Patience(wait, timeout)
    with asking() as client:
        if if_not_exists and (there := existing(client, name, external_id)):
            tell(there, json)
            raise typer.Exit(DONE)
        created = client.create_restaurant(
            name,
            assign_phone=phone,
            wait=patience.endless,
            force_twilio=force_twilio,
            phone_number=number,
            external_id=external_id,
            metadata=pairs(metadata),
            **wanted,
        )
        detail = settled(client, created, patience)
    tell(detail, json, created.api_key, created.api_key_hint)
    if detail.assignment and detail.assignment.status == "running":
        raise typer.Exit(following.exit_code(detail.assignment, patience))
    raise typer.Exit(DONE if detail.phone_number or not (phone and wait) else PARTLY)


def existing(client: Trunkline, name: str, external_id: str | None) -> Restaurant | None:
    """The one of this external id; of this exact name, where none was given, and of several the oldest."""
    from trunkline.client import ApiError

    if external_id is None:
        ids = [one.id for one in client.restaurants(search=name) if one.name == name]
        return client.restaurant(ids[0]) if ids else None
    try:
        found = client.restaurant(external_id)
    except ApiError as error:
        if error.code != "not_found":
            raise
        return None
    return found if found.external_id == external_id else None


def tell(detail: Restaurant, json: bool, api_key: str | None = None, hint: str | None = None) -> None:
    """With its key, which is told when it is made, and never again."""
    if json:
        import msgspec

        show.as_json(msgspec.to_builtins(detail) | {"api_key": api_key, "api_key_hint": hint})
    else:
        describe(detail)
        show.facts([("api key", api_key), ("api key hint", hint)])


@app.command("show")
def show_one(restaurant: RestaurantName, json: Json = False) -> None:
    """Show a restaurant, its number, and how it came by it.

    \b
    Example:
      trunkline restaurants show rst_0dm2p8v1xk4t9r3q
    """
    with asking() as client:
        detail = client.restaurant(restaurant)
    if json:
        show.as_json(detail)
    else:
        describe(detail)


@app.command()
def change(
    restaurant: RestaurantName,
    name: Annotated[str | None, typer.Option(help="Its new name, which the next caller hears.")] = None,
    external_id: Annotated[str | None, typer.Option(help="Its id in your system; an empty one takes it off.")] = None,
    metadata: Metadata = None,
    country: Country = None,
    area_code: AreaCode = None,
    contains: Contains = None,
    number_type: Type = None,
    carrier: Carrier = None,
    json: Json = False,
) -> None:
    """Change a restaurant: its name, its id in your system, metadata (an empty value deletes its key), and what it asks
    of its next number.

    \b
    Examples:
      trunkline restaurants change Nooma --name Noma
      trunkline restaurants change pos-1234 --metadata city=Oakland --country US
    """
    change: RestaurantChange = {}
    if name is not None:
        change["name"] = name
    if external_id is not None:
        change["external_id"] = external_id
    if metadata:
        change["metadata"] = pairs(metadata)
    wanted = criteria(country, area_code, contains, number_type, carrier)
    if any(wanted.values()):
        change["criteria"] = wanted
    if not change:
        complain("nothing is to be changed", "give --name, --external-id, --metadata or a criterion")
        raise typer.Exit(USAGE)
    with asking() as client:
        detail = client.change_restaurant(restaurant, **change)
    if json:
        show.as_json(detail)
    else:
        describe(detail)


@app.command("activate-phone")
def activate_phone(restaurant: RestaurantName, reason: Reason = None, json: Json = False) -> None:
    """Let a shared number's calls reach this restaurant.

    \b
    Example:
      trunkline restaurants activate-phone "Chez Panisse"
    """
    with asking() as client:
        detail = client.activate_phone(restaurant, reason=reason)
    if json:
        show.as_json(detail)
    else:
        describe(detail)


@app.command()
def delete(restaurant: RestaurantName, reason: Reason = None, yes: Yes = False, json: Json = False) -> None:
    """Delete a restaurant. Its number cools down before another restaurant can get it.

    \b
    Example:
      trunkline restaurants delete rst_0dm2p8v1xk4t9r3q --yes
    """
    with asking() as client:
        detail = client.restaurant(restaurant)
        number = f" and take {detail.phone_number} off it" if detail.phone_number else ""
        if not agreed(f"Delete {detail.name}{number}?", yes):
            raise typer.Exit(DONE)
        deleted = client.delete_restaurant(restaurant, reason=reason)
    if json:
        show.as_json(deleted)
    else:
        freed = f"; {deleted.freed_number} cools down" if deleted.freed_number else ""
        say(f"deleted {detail.name}{freed}")


@app.command("rotate-key")
def rotate_key(
    restaurant: Annotated[
        str | None, typer.Argument(metavar="[RESTAURANT]", help="The restaurant's id, external_id or exact name.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every restaurant.")] = False,
    force: Force = False,
    reason: Reason = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Renew a restaurant's API key, or all of them. The keys until now work for 24 h more; the new ones are shown this
    once. With --all those that were renewed within 24 h are left as they are.

    \b
    Examples:
      trunkline restaurants rotate-key rst_0dm2p8v1xk4t9r3q
      trunkline restaurants rotate-key --all --yes --json
    """
    if every == (restaurant is not None):
        complain("name a restaurant, or give --all", "one of the two")
        raise typer.Exit(USAGE)
    with asking() as client:
        named = [client.restaurant(restaurant)] if restaurant is not None else list(client.restaurants())
        until = "at once" if force else "in 24 h"
        if not agreed(f"Renew {show.times(len(named), 'key')}? Those until now stop working {until}.", yes):
            return
        left = 0
        # Each is shown as soon as it is made: what a broken connection leaves undone is done by the next run.
        for one in named:
            renewed = _renewed(client, one.id, force, reason, skip=every)
            if renewed is None:
                left += 1
            elif json:
                show.as_json_line(renewed)
            else:
                say(f"{renewed.api_key}  {one.id}  {one.name}")
    if left:
        say(f"{show.times(left, 'key')} left as renewed within 24 h", err=True)


def _renewed(
    client: Trunkline, restaurant_id: str, force: bool, reason: str | None, *, skip: bool
) -> RotatedKey | None:
    """None for one that was renewed just before, where such are to be left."""
    from trunkline.client import ApiError

    try:
        return client.rotate_key(restaurant_id, force=force, reason=reason)
    except ApiError as error:
        if skip and error.code == "conflict":
            return None
        raise


def assign(
    restaurant: RestaurantName,
    wait: Wait = True,
    timeout: Timeout = None,
    force_twilio: ForceTwilio = False,
    country: Country = None,
    area_code: AreaCode = None,
    contains: Contains = None,
    number_type: Type = None,
    carrier: Carrier = None,
    number: Pick = None,
    json: Json = False,
) -> None:
    """Get a restaurant its number: one that has none, or that shares one and should get its own.

    \b
    Examples:
      trunkline assign rst_0dm2p8v1xk4t9r3q
      trunkline assign rst_0dm2p8v1xk4t9r3q --country GB --carrier telnyx
    """
    wanted = criteria(country, area_code, contains, number_type, carrier)
    patience = Patience(wait, timeout)
    with asking() as client:
        begun = client.assign_phone(
            restaurant, wait=patience.endless, force_twilio=force_twilio, phone_number=number, **wanted
        )
        detail = settled(client, begun, patience)
    if json:
        show.as_json(detail)
    else:
        describe(detail)
    raise typer.Exit(following.exit_code(detail.assignment, patience) if wait and detail.assignment else DONE)


def settled(client: Trunkline, restaurant: Restaurant, patience: Patience) -> Restaurant:
    """The restaurant after the end of its assignment, which the server did not wait for."""
    if restaurant.assignment is None or restaurant.assignment.status != "running" or not patience.wait:
        return restaurant
    following.end_of(client, restaurant.assignment.id, patience)
    return client.restaurant(restaurant.id)


def describe(restaurant: Restaurant) -> None:
    run, tells = restaurant.assignment, show.is_told_by_its_assignment(restaurant)
    calls = "yes" if restaurant.active else "no: they reach another restaurant"
    show.facts(
        [
            ("restaurant", restaurant.id),
            ("name", restaurant.name),
            ("external id", restaurant.external_id),
            ("metadata", ", ".join(f"{key}={value}" for key, value in restaurant.metadata.items())),
            ("deleted", restaurant.deleted_at),
            ("number", restaurant.phone_number),
            ("gets its calls", calls if restaurant.shared else None),
            ("shared with", [f"{other.name} ({other.id})" for other in restaurant.shared_with]),
            ("assignment", run.id if run else None),
            ("status", run.status if run else "no number asked for"),
            ("came by", (run.source if run else None) if tells else show.came_by(restaurant)),
            ("reason", run.reason if run and tells else None),
            ("message", run.message if run and tells else None),
            ("hint", run.hint if run and tells else None),
        ]
    )


app.command("erase")(erasing.erase)
app.command("import")(restaurants_import.import_file)
