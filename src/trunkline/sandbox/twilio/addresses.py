"""Addresses of an account, and whether one fits a number that wants an address."""

from __future__ import annotations

import re
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import Response

from trunkline.sandbox.twilio.stock import CARRIER, locality_of, region_of
from trunkline.sandbox.twilio.wire import ROOT, Page, Refused, answer, listing, not_found, rfc2822, switched
from trunkline.sandbox.world import Account, Number, Switch, World

NO_ADDRESS = "Phone Number Requires an Address but the 'AddressSid' parameter was empty."
REQUIRED = ("CustomerName", "Street", "City", "Region", "PostalCode", "IsoCountry")
OPTIONAL = ("FriendlyName", "StreetSecondary")

SWITCHES = {
    "twilio_unknown_address": Switch(
        "accept",
        Literal["accept", "refuse"],
        "an AddressSid that no address of the account has counts as one that fits, or is refused with 21651",
    ),
    "twilio_local_address": Switch(
        "city",
        Literal["city", "region", "country"],
        "what a local address must share with the number: its country and this",
    ),
    # Titles of the error dictionary; no answer with them is recorded.
    "twilio_refusal_address_area": Switch(
        {"status": 400, "code": 21615, "message": "Phone Number Requires a Local Address"},
        dict[str, Any],
        "an address whose area does not fit the number",
    ),
    "twilio_refusal_address": Switch(
        {"status": 400, "code": 21651, "message": "Document does not satisfy regulatory requirement"},
        dict[str, Any],
        "an address that is not there, or is not abroad where it must be",
    ),
}


def addresses_of(world: World, account: str) -> dict[str, dict[str, Any]]:
    """The account's own addresses by SID, as their resources; a subaccount has its own."""
    accounts: dict[str, dict[str, dict[str, Any]]] = world.vendor(CARRIER).setdefault("addresses", {})
    return accounts.setdefault(account, {})


def check_address(world: World, account: Account, number: Number, sid: str) -> None:
    """Refuse an AddressSid that is not there (21651), or whose area is not the number's (21615)."""
    address = addresses_of(world, account.id).get(sid)
    if address is None:
        if world.switches["twilio_unknown_address"] == "refuse":
            raise switched(world, "twilio_refusal_address")
        return
    at_home = address["iso_country"] == number.country
    if number.address == "foreign" and at_home:
        raise switched(world, "twilio_refusal_address")
    if number.address == "local" and not (at_home and near(world, number, address)):
        raise switched(world, "twilio_refusal_address_area")


def near(world: World, number: Number, address: dict[str, Any]) -> bool:
    """Is the address in the number's area? A number whose area is not known is near to all of its country."""
    wanted = str(world.switches["twilio_local_address"])
    area = {"city": locality_of(number), "region": region_of(number)}.get(wanted)
    return not area or str(address[wanted]).casefold() == area.casefold()


def create(request: Request, world: World) -> Response:
    """Every address is taken as it is given: Twilio's own look at whether it exists (21628) is not played."""
    form, account = request.state.form, request.path_params["account"]
    for name in REQUIRED:
        if not form.get(name):
            raise Refused(20001, f"{name} is required")
    if not re.fullmatch(r"[A-Z]{2}", form["IsoCountry"]):
        raise Refused(20001, "IsoCountry is not valid")
    now, sid = rfc2822(World.now()), f"AD{world.hex(32)}"
    row = {
        "sid": sid,
        "account_sid": account,
        "date_created": now,
        "date_updated": now,
        "emergency_enabled": form.get("EmergencyEnabled") == "true",
        "validated": True,
        "verified": False,
        "uri": f"{ROOT}/Accounts/{account}/Addresses/{sid}.json",
    }
    row |= {snake(name): form.get(name) for name in (*REQUIRED, *OPTIONAL)}
    addresses_of(world, account)[sid] = row
    return answer(row, 201)


def snake(parameter: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"_\1", parameter).lower()


def list_addresses(request: Request, world: World) -> Response:
    """Newest first; CustomerName, FriendlyName and IsoCountry narrow."""
    wanted = {snake(name): request.query_params.get(name) for name in ("CustomerName", "FriendlyName", "IsoCountry")}
    rows = [
        row
        for row in reversed(addresses_of(world, request.path_params["account"]).values())
        if all(value is None or row[name] == value for name, value in wanted.items())
    ]
    page = Page.of(request)
    shown, more = page.cut_list(rows, lambda row: str(row["sid"]))
    return listing(request, page, "addresses", shown, more)


def the_address(request: Request, world: World) -> dict[str, Any]:
    row = addresses_of(world, request.path_params["account"]).get(request.path_params["sid"])
    if row is None:
        raise not_found(request)
    return row


def fetch(request: Request, world: World) -> Response:
    return answer(the_address(request, world))


def update(request: Request, world: World) -> Response:
    """All but the country."""
    row, form = the_address(request, world), request.state.form
    names = set(REQUIRED + OPTIONAL) - {"IsoCountry"}
    row |= {snake(name): form[name] for name in names & set(form)} | {"date_updated": rfc2822(World.now())}
    return answer(row)


def delete(request: Request, world: World) -> Response:
    """Gone at once, although a number may name it: what Twilio says to that is not published."""
    row = the_address(request, world)
    del addresses_of(world, row["account_sid"])[row["sid"]]
    return answer(None, 204)
