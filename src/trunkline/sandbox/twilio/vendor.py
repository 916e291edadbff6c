"""Twilio in the sandbox: REST API 2010-04-01 for accounts and numbers, and the pricing API."""

from __future__ import annotations

import base64
import re

from starlette.requests import Request
from starlette.responses import Response

from trunkline.sandbox.app import Handler
from trunkline.sandbox.twilio import accounts, addresses, numbers, pricing
from trunkline.sandbox.twilio import search as available
from trunkline.sandbox.twilio.drifts import DRIFTS
from trunkline.sandbox.twilio.purchase import SWITCHES
from trunkline.sandbox.twilio.state import parent_of, status_of, take
from trunkline.sandbox.twilio.stock import CARRIER, TYPES, default_stock
from trunkline.sandbox.twilio.wire import AUTHENTICATE, ROOT, STATUSES, Refused, not_found, refusing
from trunkline.sandbox.world import Account, Drift, Number, Switch, World

# These exist in the sandbox only; the shapes are Twilio's.
DEFAULT_ACCOUNT = "AC" + "5a4db0c5" * 4
DEFAULT_SECRET = "sandbox-twilio-auth-token"  # noqa: S105
DEFAULT_API_KEY = "SK" + "5a4db0c5" * 4
DEFAULT_API_SECRET = "sandbox-twilio-api-secret"  # noqa: S105
TEST_ACCOUNT = "AC" + "7e57acc0" * 4
TEST_SECRET = "sandbox-twilio-test-token"  # noqa: S105

ACCOUNT = ROOT + "/Accounts/{account}"
AVAILABLE = ACCOUNT + "/AvailablePhoneNumbers"
INCOMING = ACCOUNT + "/IncomingPhoneNumbers"
PRICES = "/v1/PhoneNumbers/Countries"
ACCOUNTS_PATH = re.compile(rf"{ROOT}/Accounts(/[^/]+)?\.json")


class Twilio:
    """Operations: accounts.list, accounts.create, accounts.fetch, accounts.update, balance.fetch,
    available_numbers.countries, available_numbers.country, available_numbers.search,
    incoming_numbers.list, incoming_numbers.create (both also under /Local, /TollFree, /Mobile),
    incoming_numbers.fetch, incoming_numbers.update, incoming_numbers.delete, the same five of addresses,
    pricing.countries, pricing.country.

    Accounts: `secret` is the AuthToken; `extra` may hold api_keys {SK...: {secret, main}}, parent (the SID of the
    account that owns this subaccount), status (active, suspended, closed), friendly_name, test (test credentials), and
    region (us1 unless told): keys of another region open nothing for Vapi, which asks us1.
    """

    name = CARRIER
    switches: dict[str, Switch] = SWITCHES | addresses.SWITCHES
    hosts: tuple[str, ...] = (f"{ROOT}/{{rest:path}}", "/v1/{rest:path}", "/v2/RegulatoryCompliance/{rest:path}")

    extras: tuple[str, ...] = (
        *("api_keys", "parent", "status", "friendly_name", "test", "region", "given", "date_created", "date_updated"),
    )
    drifts: tuple[Drift, ...] = DRIFTS

    def operations(self) -> list[tuple[str, str, str, Handler]]:
        work = [
            ("accounts.list", "GET", f"{ROOT}/Accounts.json", accounts.list_accounts),
            ("accounts.create", "POST", f"{ROOT}/Accounts.json", accounts.create_account),
            ("accounts.fetch", "GET", f"{ACCOUNT}.json", accounts.fetch_account),
            ("accounts.update", "POST", f"{ACCOUNT}.json", accounts.update_account),
            ("balance.fetch", "GET", f"{ACCOUNT}/Balance.json", accounts.fetch_balance),
            ("available_numbers.countries", "GET", f"{AVAILABLE}.json", available.list_countries),
            ("available_numbers.country", "GET", f"{AVAILABLE}/{{country}}.json", available.fetch_country),
            ("available_numbers.search", "GET", f"{AVAILABLE}/{{country}}/{{type}}.json", available.search),
            ("incoming_numbers.list", "GET", f"{INCOMING}.json", numbers.list_numbers(None)),
            ("incoming_numbers.create", "POST", f"{INCOMING}.json", numbers.create_number(None)),
        ]
        for path in ("Local", "TollFree", "Mobile"):
            kind = TYPES[path]
            work.append(("incoming_numbers.list", "GET", f"{INCOMING}/{path}.json", numbers.list_numbers(kind)))
            work.append(("incoming_numbers.create", "POST", f"{INCOMING}/{path}.json", numbers.create_number(kind)))
        work += [
            ("incoming_numbers.fetch", "GET", f"{INCOMING}/{{sid}}.json", numbers.fetch_number),
            ("incoming_numbers.update", "POST", f"{INCOMING}/{{sid}}.json", numbers.update_number),
            ("incoming_numbers.delete", "DELETE", f"{INCOMING}/{{sid}}.json", numbers.delete_number),
            ("addresses.list", "GET", f"{ACCOUNT}/Addresses.json", addresses.list_addresses),
            ("addresses.create", "POST", f"{ACCOUNT}/Addresses.json", addresses.create),
            ("addresses.fetch", "GET", f"{ACCOUNT}/Addresses/{{sid}}.json", addresses.fetch),
            ("addresses.update", "POST", f"{ACCOUNT}/Addresses/{{sid}}.json", addresses.update),
            ("addresses.delete", "DELETE", f"{ACCOUNT}/Addresses/{{sid}}.json", addresses.delete),
            ("pricing.countries", "GET", PRICES, pricing.list_countries),
            ("pricing.country", "GET", f"{PRICES}/{{country}}", pricing.fetch_country),
        ]
        return [(operation, method, path, refusing(handle)) for operation, method, path, handle in work]

    def seed(self, world: World) -> None:
        keys = {DEFAULT_API_KEY: {"secret": DEFAULT_API_SECRET, "main": False}}
        world.add_account(Account(CARRIER, DEFAULT_ACCOUNT, DEFAULT_SECRET, extra={"api_keys": keys}))
        world.add_account(Account(CARRIER, TEST_ACCOUNT, TEST_SECRET, extra={"test": True}))
        for number in default_stock():
            world.add_number(number)

    def hold(self, world: World, number: Number) -> None:
        """The control API has put this number into its account's hands."""
        assert number.account is not None
        take(world, number, number.account)

    def error(self, status: int) -> Response:
        code, message = STATUSES.get(status, (20000 + status, "Error"))
        return Refused(code, message, status).response()

    def check_auth(self, request: Request, world: World) -> Response | None:
        try:
            request.state.caller = authenticate(request, world)
        except Refused as refused:
            return refused.response()
        return None

    def offer(self, world: World, number: Number) -> None:
        """Twilio sells without a search before."""

    async def unserved(self, request: Request, world: World) -> Response:
        """404/20404 in JSON, after a look at who asks."""
        return self.check_auth(request, world) or not_found(request).response()


def authenticate(request: Request, world: World) -> Account:
    """The account whose credentials these are, if they reach what the path names.

    An AuthToken reaches its account and that account's subaccounts; an API key its account only, and /Accounts only
    if it is a Main key; test credentials the purchase only. Everything else is 401/20003 (observed).
    """
    user, password = basic(request)
    path = request.url.path
    target = request.path_params.get("account")
    account, main = by_key(world, user, password) if user.startswith("SK") else by_token(world, user, password)
    if account.extra.get("test"):
        purchase = rf"{ROOT}/Accounts/{account.id}/IncomingPhoneNumbers(/(Local|TollFree|Mobile))?\.json"
        if request.method != "POST" or not re.fullmatch(purchase, path):
            raise Refused(20008, "Resource not accessible with Test Account Credentials", 403)
        return account
    if status_of(world, account) != "active" or (not main and ACCOUNTS_PATH.fullmatch(path)):
        raise Refused(20003, AUTHENTICATE, 401)
    if target is None or target == account.id:
        return account
    owned = world.account(CARRIER, target)
    below = owned is not None and parent_of(owned) == account.id and not user.startswith("SK")
    # A parent may look at its suspended subaccount, and wake it up, but not use it.
    if owned is None or not below or (status_of(world, owned) != "active" and not ACCOUNTS_PATH.fullmatch(path)):
        raise Refused(20003, AUTHENTICATE, 401)
    return account


def basic(request: Request) -> tuple[str, str]:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    try:
        user, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        user, colon, password = "", "", ""
    if scheme.lower() != "basic" or not colon:
        raise Refused(20003, AUTHENTICATE, 401)
    if not user.startswith(("AC", "SK")):
        raise Refused(20003, "Authentication Error - invalid username", 401)
    return user, password


def by_token(world: World, user: str, password: str) -> tuple[Account, bool]:
    account = world.account(CARRIER, user)
    if account is None or not password or account.secret != password:
        raise Refused(20003, AUTHENTICATE, 401)
    return account, True


def by_key(world: World, user: str, password: str) -> tuple[Account, bool]:
    """The key's account, and whether it is a Main key; a restricted key is not modelled."""
    for account in world.accounts.values():
        key = account.extra.get("api_keys", {}).get(user) if account.carrier == CARRIER else None
        if key and password and key["secret"] == password:
            return account, bool(key.get("main"))
    raise Refused(20003, AUTHENTICATE, 401)
