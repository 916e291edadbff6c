"""The sandbox's Vapi organisation and carrier accounts as the tests of the adapter set them up and look at them."""

from __future__ import annotations

import json
from typing import Any

import httpx2
from pydantic import SecretStr

from tests.support.sandbox_server import SandboxServer
from trunkline.carriers.base import ImportSource
from trunkline.domain.numbers import E164
from trunkline.sandbox import telnyx, twilio, vonage
from trunkline.sandbox.vapi import DEFAULT_SECRET

NUMBER = E164("+14155550100")
NAME = "trunkline-inst0001-asg_0001"
TWILIO = ImportSource("twilio", twilio.DEFAULT_ACCOUNT, {"twilioAuthToken": SecretStr(twilio.DEFAULT_SECRET)})
TWILIO_KEY = ImportSource(
    "twilio",
    twilio.DEFAULT_ACCOUNT,
    {"twilioApiKey": SecretStr(twilio.DEFAULT_API_KEY), "twilioApiSecret": SecretStr(twilio.DEFAULT_API_SECRET)},
)
TELNYX = ImportSource("telnyx", "telnyx-1a2b3c4d", {"apiKey": SecretStr(telnyx.DEFAULT_SECRET)})
VONAGE = ImportSource(
    "vonage",
    vonage.DEFAULT_ACCOUNT,
    {"apiKey": SecretStr(vonage.DEFAULT_ACCOUNT), "apiSecret": SecretStr(vonage.DEFAULT_SECRET)},
)
BYO = ImportSource("byo-phone-number", "byo-1a2b3c4d", {}, details={"gateways": [{"ip": "203.0.113.7"}]})
SECRETS = (twilio.DEFAULT_SECRET, twilio.DEFAULT_API_SECRET, telnyx.DEFAULT_SECRET, vonage.DEFAULT_SECRET)
ACCOUNTS = {"twilio": twilio.DEFAULT_ACCOUNT, "telnyx": telnyx.DEFAULT_ACCOUNT, "vonage": vonage.DEFAULT_ACCOUNT}


def api(sandbox: SandboxServer, method: str, path: str, body: Any = None) -> Any:
    """Vapi asked directly, as an operator's script would."""
    headers = {"Authorization": f"Bearer {DEFAULT_SECRET}"}
    answer = httpx2.request(method, sandbox.url + path, json=body, headers=headers)
    assert answer.status_code < 300, answer.text
    return answer.json()


def hold(sandbox: SandboxServer, carrier: str = "twilio", *numbers: str) -> None:
    """Put numbers into our account's hands at the carrier."""
    rows = [{"carrier": carrier, "number": n, "account": ACCOUNTS[carrier]} for n in numbers or (NUMBER,)]
    sandbox.control.post("/numbers", json=rows).raise_for_status()


def row(sandbox: SandboxServer, number: str = NUMBER) -> dict[str, Any]:
    """The only record of this number at Vapi."""
    (found,) = [r for r in api(sandbox, "GET", "/phone-number?limit=1000") if r.get("number") == number]
    return dict(found)


def asked(sandbox: SandboxServer, operation: str) -> list[dict[str, Any]]:
    return sandbox.requests(provider="vapi", operation=operation)


def sent(sandbox: SandboxServer, operation: str) -> dict[str, Any]:
    """The body of the only request of this kind; the sandbox shows secrets as ***."""
    (request,) = asked(sandbox, operation)
    return dict(json.loads(request["body"]))


def fault(sandbox: SandboxServer, operation: str, **rule: Any) -> None:
    sandbox.fault(provider="vapi", operation=operation, **rule)


def refuse(sandbox: SandboxServer, operation: str, status: int, message: Any, **rule: Any) -> None:
    body = {"message": message, "error": "Refused", "statusCode": status}
    fault(sandbox, operation, kind="status", status=status, body=body, **rule)


def switch(sandbox: SandboxServer, **switches: Any) -> None:
    sandbox.control.put("/switches", json=switches).raise_for_status()
