"""The sandbox's Twilio account as the tests of the adapter set it up and look at it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support.given import given
from tests.support.sandbox_server import SandboxServer
from trunkline.carriers.twilio import TwilioCarrier
from trunkline.domain.choosing import Offer, OwnedNumber
from trunkline.domain.marks import OwnerMark
from trunkline.domain.numbers import E164
from trunkline.sandbox import twilio as wire
from trunkline.sandbox.server import environment
from trunkline.settings import Settings

MARK = OwnerMark("inst0001", "asg_0001")
NUMBER = E164("+14155550100")
OFFER = Offer(NUMBER, "US")
GERMAN = Offer(E164("+493023125000"), "DE")
Build = Callable[..., TwilioCarrier]


def settings_for(sandbox: SandboxServer, **changes: Any) -> Settings:
    values = {name.lower(): value for name, value in environment(sandbox.url).items() if name.startswith("TWILIO")}
    return given(**values | changes)


def asked(sandbox: SandboxServer, operation: str) -> list[dict[str, Any]]:
    return sandbox.requests(provider="twilio", operation=operation)


def fault(sandbox: SandboxServer, operation: str = "*", **rule: Any) -> None:
    sandbox.fault(provider="twilio", operation=operation, **rule)


def refuse(sandbox: SandboxServer, code: int, message: str, status: int = 400, operation: str = "*") -> None:
    body = {"code": code, "message": message, "more_info": "https://www.twilio.com/docs/errors", "status": status}
    fault(sandbox, operation, kind="status", status=status, body=body)


def switch(sandbox: SandboxServer, **switches: Any) -> None:
    sandbox.control.put("/switches", json=switches).raise_for_status()


def account(sandbox: SandboxServer, **fields: Any) -> None:
    sandbox.control.put(f"/accounts/twilio/{wire.DEFAULT_ACCOUNT}", json=fields).raise_for_status()


def hold(sandbox: SandboxServer, number: str = NUMBER, **record: Any) -> None:
    row = {"carrier": "twilio", "number": number, "account": wire.DEFAULT_ACCOUNT, "wire": record}
    sandbox.control.post("/numbers", json=row).raise_for_status()


def record(sandbox: SandboxServer, number: str = NUMBER) -> dict[str, Any]:
    return next(dict(row["wire"]) for row in sandbox.held("twilio") if row["number"] == number)


async def owned(twilio: TwilioCarrier) -> list[OwnedNumber]:
    return [number async for number in twilio.owned()]
