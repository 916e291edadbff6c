"""What the tests of Vonage's adapter share: the sandbox's account and its numbers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.support.given import given
from tests.support.sandbox_server import SandboxServer
from trunkline.carriers.vonage import VonageCarrier
from trunkline.domain.choosing import Offer, OwnedNumber
from trunkline.domain.marks import OwnerMark
from trunkline.domain.numbers import E164, NumberType
from trunkline.sandbox.server import environment

MARK = OwnerMark("inst0001", "asg_0001")
ACCOUNT = environment("")["VONAGE_API_KEY"]
BUY, SEARCH, LIST = "number.buy", "number.search", "account.numbers"
UPDATE, CANCEL = "number.update", "number.cancel"
NUMBER = E164("+14155554001")
OFFER = Offer(NUMBER, "US", NumberType.LOCAL, Decimal("0.90"), "EUR")
APPLICATION = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"
FAILED = {"error-code": "420", "error-code-label": "method failed"}


def build(sandbox: SandboxServer, **changes: Any) -> VonageCarrier:
    values = {name.lower(): value for name, value in environment(sandbox.url).items()}
    return VonageCarrier(given(**values | changes))


def switch(sandbox: SandboxServer, **values: Any) -> None:
    body = {f"vonage_{name}": value for name, value in values.items()}
    sandbox.control.put("/switches", json=body).raise_for_status()


def fault(sandbox: SandboxServer, operation: str, **rule: Any) -> None:
    sandbox.fault(provider="vonage", operation=operation, **rule)


def account(sandbox: SandboxServer, **fields: Any) -> None:
    sandbox.control.put(f"/accounts/vonage/{ACCOUNT}", json=fields).raise_for_status()


def add(sandbox: SandboxServer, number: str = NUMBER, **fields: Any) -> None:
    body = {"carrier": "vonage", "number": number, "account": ACCOUNT} | fields
    sandbox.control.post("/numbers", params={"replace": "true"}, json=body).raise_for_status()


def asked(sandbox: SandboxServer, operation: str) -> list[dict[str, Any]]:
    return sandbox.requests(provider="vonage", operation=operation)


def held(sandbox: SandboxServer) -> list[str]:
    return [row["number"] for row in sandbox.held("vonage")]


async def owned(vonage: VonageCarrier) -> list[OwnedNumber]:
    return [number async for number in vonage.owned()]
