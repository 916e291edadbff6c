"""What the tests of Telnyx's adapter share: the sandbox's account, its orders and its numbers."""

from __future__ import annotations

from typing import Any

from tests.support.given import given
from tests.support.sandbox_server import SandboxServer
from trunkline.carriers.telnyx import TelnyxCarrier
from trunkline.domain.choosing import Criteria, Offer
from trunkline.domain.marks import OwnerMark
from trunkline.sandbox.server import environment

MARK = OwnerMark("inst0001", "asg_0001")
OTHER = OwnerMark("inst0001", "asg_0002")
SEARCH, CREATE, GET, LIST = (
    "available_phone_numbers.list",
    "number_orders.create",
    "number_orders.get",
    "phone_numbers.list",
)


def build(sandbox: SandboxServer, **changes: Any) -> TelnyxCarrier:
    values = {name.lower(): value for name, value in environment(sandbox.url).items()}
    return TelnyxCarrier(given(**values | changes))


def switch(sandbox: SandboxServer, **values: Any) -> None:
    body = {f"telnyx_{name}": value for name, value in values.items()}
    sandbox.control.put("/switches", json=body).raise_for_status()


def fault(sandbox: SandboxServer, operation: str, **rule: Any) -> None:
    sandbox.fault(provider="telnyx", operation=operation, **rule)


def account(sandbox: SandboxServer, **fields: Any) -> None:
    sandbox.control.put("/accounts/telnyx/telnyx", json=fields).raise_for_status()


def give(sandbox: SandboxServer, number: str, **fields: Any) -> None:
    body = {"carrier": "telnyx", "number": number, "account": "telnyx"} | fields
    sandbox.control.post("/numbers", json=body).raise_for_status()


def asked(sandbox: SandboxServer, operation: str) -> list[dict[str, Any]]:
    return sandbox.requests(provider="telnyx", operation=operation)


def held(sandbox: SandboxServer) -> list[str]:
    return [row["number"] for row in sandbox.held("telnyx")]


async def offer_of(telnyx: TelnyxCarrier, country: str = "US", **want: Any) -> Offer:
    return (await telnyx.search(Criteria(**want), country, 1))[0]
