"""Accounts and Balance of the 2010 API."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from trunkline.sandbox.twilio.state import parent_of, payer
from trunkline.sandbox.twilio.stock import CARRIER
from trunkline.sandbox.twilio.wire import ROOT, Page, Refused, answer, listing, rfc2822
from trunkline.sandbox.world import Account, World

MAX_SUBACCOUNTS = 1000
SUBRESOURCES = {
    "available_phone_numbers": "AvailablePhoneNumbers",
    "balance": "Balance",
    "incoming_phone_numbers": "IncomingPhoneNumbers",
}


def resource(world: World, account: Account) -> dict[str, Any]:
    base = f"{ROOT}/Accounts/{account.id}"
    created = account.extra.get("date_created", "Thu, 30 Jul 2015 20:00:00 +0000")
    return {
        "sid": account.id,
        "friendly_name": account.extra.get("friendly_name", "Sandbox account"),
        "owner_account_sid": parent_of(account) or account.id,
        "auth_token": account.secret,
        "type": "Trial" if payer(world, account).trial else "Full",
        "status": account.extra.get("status", "active"),
        "date_created": created,
        "date_updated": account.extra.get("date_updated", created),
        "subresource_uris": {name: f"{base}/{path}.json" for name, path in SUBRESOURCES.items()},
        "uri": f"{base}.json",
    }


def target(request: Request, world: World) -> Account:
    account = world.account(CARRIER, request.path_params["account"])
    assert account is not None
    return account


def family(world: World, account: Account) -> list[Account]:
    """The account and its subaccounts."""
    return [account] + [a for a in world.accounts.values() if a.carrier == CARRIER and parent_of(a) == account.id]


def list_accounts(request: Request, world: World) -> Response:
    query = request.query_params
    rows = [
        row
        for row in (resource(world, account) for account in family(world, request.state.caller))
        if query.get("FriendlyName", row["friendly_name"]) == row["friendly_name"]
        and query.get("Status", row["status"]) == row["status"]
    ]
    page = Page.of(request)
    shown, more = page.cut_list(rows, lambda row: str(row["sid"]))
    return listing(request, page, "accounts", shown, more)


def create_account(request: Request, world: World) -> Response:
    """A subaccount; its trial and its balance are the parent's."""
    caller: Account = request.state.caller
    if parent_of(caller):
        raise Refused(21101, "Subaccounts cannot contain subaccounts")
    if len(family(world, caller)) > MAX_SUBACCOUNTS:
        raise Refused(21480, "Unable to create subaccount, too many subaccounts")
    now = World.now()
    name = request.state.form.get("FriendlyName") or f"SubAccount Created at {now:%Y-%m-%d %I:%M %p}"
    extra = {"parent": caller.id, "friendly_name": name, "date_created": rfc2822(now)}
    account = Account(CARRIER, f"AC{world.hex(32)}", world.hex(32), extra=extra)
    world.add_account(account)
    return answer(resource(world, account), 201)


def fetch_account(request: Request, world: World) -> Response:
    return answer(resource(world, target(request, world)))


def update_account(request: Request, world: World) -> Response:
    account, form = target(request, world), request.state.form
    if status := form.get("Status"):
        check_status(account, status)
        account.extra["status"] = status
    if name := form.get("FriendlyName"):
        account.extra["friendly_name"] = name
    account.extra["date_updated"] = rfc2822(World.now())
    return answer(resource(world, account))


def check_status(account: Account, status: str) -> None:
    """Titles of the error dictionary; closed is final."""
    if status not in ("active", "suspended", "closed"):
        raise Refused(21475, "Unable to update Status, invalid Status.")
    if not parent_of(account):
        raise Refused(21477, "Unable to update Status for parent accounts")
    if account.extra.get("status") == "closed":
        raise Refused(21479, "Unable to update Status for subaccount, subaccount has been closed.")


def fetch_balance(request: Request, world: World) -> Response:
    """Subaccounts have no balance of their own: it is the parent's."""
    account = target(request, world)
    who = payer(world, account)
    return answer({"account_sid": account.id, "balance": str(who.balance), "currency": who.currency})
