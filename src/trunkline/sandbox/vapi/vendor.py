"""Vapi as the sandbox serves it: phone numbers, credentials, assistants and finished calls of an org."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute

from trunkline.sandbox.app import Sandbox
from trunkline.sandbox.vapi import assistants, calls, credentials, messages, numbers, webhooks
from trunkline.sandbox.vapi.assistants import ASSISTANTS, SHARED_ASSISTANT, TOOLS
from trunkline.sandbox.vapi.credentials import if_served
from trunkline.sandbox.vapi.drifts import DRIFTS, served
from trunkline.sandbox.vapi.imported import import_held
from trunkline.sandbox.vapi.wire import Handler, not_served, refusal, refusing
from trunkline.sandbox.world import Account, Drift, Number, Switch, World

DEFAULT_ACCOUNT = "5a9db0c5-0000-4000-8000-00000000a91d"
DEFAULT_SECRET = "sandbox-vapi-private-key"  # noqa: S105
# Free numbers are for sale in these area codes; any other is refused with a hint.
AREA_CODES = ("206", "312", "415", "562", "662", "716")

# Observed in full, for any key that is not a private key of an org.
INVALID_KEY = "Invalid Key. Hot tip, you may be using the private key instead of the public key, or vice versa."
GATEWAY_PAGE = (
    "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>\r\n</body>\r\n</html>"
)


class Vapi:
    """Vendor `vapi`.

    Operations: phone_numbers.list, phone_numbers.list_v2, phone_numbers.create, phone_numbers.get,
    phone_numbers.update, phone_numbers.delete, credentials.list, credentials.create, credentials.get,
    credentials.update, credentials.delete, assistants.list, assistants.create, assistants.get, assistants.update,
    assistants.delete, the same five of tools, calls.list, calls.get. Its own control call: POST /sandbox/calls.

    Each account is an organisation, whose id is the orgId of all its records and whose `secret` is its private key.
    `extra` may hold import_limit (how many imported numbers its plan allows), import_payment (false: imports want a
    payment method) and region (eu: the hosts that it writes into Twilio's records are the European ones).
    """

    name = "vapi"
    hosts: tuple[str, ...] = ("/{rest:path}",)
    extras: tuple[str, ...] = ("import_limit", "import_payment", "region")
    drifts: tuple[Drift, ...] = DRIFTS

    def __init__(self) -> None:
        self.switches: dict[str, Switch] = {
            **numbers.SWITCHES,
            **assistants.SWITCHES,
            **credentials.SWITCHES,
            **messages.SWITCHES,
            **webhooks.SWITCHES,
        }

    def operations(self) -> list[tuple[str, str, str, Handler]]:
        resources: tuple[tuple[str, str, Handler, Any], ...] = (
            ("phone_numbers", "/phone-number", numbers.list_v1, numbers),
            ("credentials", "/credential", credentials.list_all, credentials),
            ("assistants", "/assistant", ASSISTANTS.list_all, ASSISTANTS),
            ("tools", "/tool", TOOLS.list_all, TOOLS),
        )
        table: list[tuple[str, str, str, Handler]] = [
            ("phone_numbers.list_v2", "GET", "/v2/phone-number", numbers.list_v2),
            ("calls.list", "GET", "/call", calls.list_all),
            ("calls.get", "GET", "/call/{id}", calls.get),
        ]
        for noun, path, listing, module in resources:
            table += [
                (f"{noun}.list", "GET", path, listing),
                (f"{noun}.create", "POST", path, module.create),
                (f"{noun}.get", "GET", path + "/{id}", module.get),
                (f"{noun}.update", "PATCH", path + "/{id}", module.update),
                (f"{noun}.delete", "DELETE", path + "/{id}", module.delete),
            ]
        return [
            (operation, method, path, refusing(if_served(handler) if "/credential" in path else handler))
            for operation, method, path, handler in table
        ]

    def seed(self, world: World) -> None:
        """One org with the shared assistant, and ten free numbers for sale in each of six area codes."""
        world.add_account(Account("vapi", DEFAULT_ACCOUNT, DEFAULT_SECRET))
        ASSISTANTS.add(world, DEFAULT_ACCOUNT, SHARED_ASSISTANT)
        for code in AREA_CODES:
            for line in range(10):
                number = f"+1{code}487{2200 + line}"
                world.add_number(Number("vapi", number, price=numbers.FREE, sms=False))

    def control_routes(self, sandbox: Sandbox) -> list[BaseRoute]:
        return calls.control_routes(sandbox)

    def hold(self, world: World, number: Number) -> None:
        numbers.hold(world, number)

    def served(self, world: World) -> Iterable[tuple[str, str]]:
        return served(world)

    def import_held(self, world: World, number: Number) -> None:
        import_held(world, number)

    def error(self, status: int) -> Response:
        """The gateway's page for 502, NestJS JSON for the rest; of 429 only the text is known."""
        if status == 502:
            return HTMLResponse(GATEWAY_PAGE.format("502 Bad Gateway"), 502)
        return refusal(status, {429: "Rate limit exceeded"}.get(status, "Internal server error"))

    def check_auth(self, request: Request, world: World) -> Response | None:
        """A private key belongs to exactly one org, which the handlers find at `request.state.vapi_org`."""
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and key:
            for account in world.accounts.values():
                if account.carrier == "vapi" and hmac.compare_digest(account.secret.encode(), key.strip().encode()):
                    request.state.vapi_org = account
                    return None
        return refusal(401, INVALID_KEY)

    def offer(self, world: World, number: Number) -> None:
        """Free numbers are sold by area code, without a search."""

    async def unserved(self, request: Request, world: World) -> Response:
        """NestJS's own words, whoever asks."""
        return not_served(request)
