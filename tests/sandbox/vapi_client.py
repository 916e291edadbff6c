"""A plain client of the sandbox's Vapi, and the carriers' accounts and numbers that its imports need."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2

from tests.support import specs
from tests.support.sandbox_server import SandboxServer
from trunkline.sandbox.vapi import DEFAULT_ACCOUNT, DEFAULT_SECRET

ORG = DEFAULT_ACCOUNT
CALLER = "+14155550166"
TWILIO_SID = "AC" + "5" * 32
TWILIO_TOKEN = "token-of-the-twilio-account"
TWILIO_KEY, TWILIO_KEY_SECRET = "SK" + "6" * 32, "secret-of-the-api-key"
TELNYX_KEY = "KEY-of-the-telnyx-account"
VONAGE_KEY, VONAGE_SECRET = "vonagekey", "secret-of-the-vonage-account"
NUMBERS = {"twilio": "+14155550101", "telnyx": "+13125550102", "vonage": "+12065550103"}
VAPI_URLS = {
    "voice_url": "https://api.vapi.ai/twilio/inbound_call",
    "status_callback": "https://api.vapi.ai/twilio/status",
    "sms_url": "https://api.vapi.ai/twilio/sms",
}


@contextmanager
def client_of(sandbox: SandboxServer, key: str = DEFAULT_SECRET) -> Iterator[httpx2.Client]:
    headers = {"Authorization": f"Bearer {key}"}
    with httpx2.Client(base_url=sandbox.url, headers=headers, timeout=60) as client:
        yield client


def open_accounts(sandbox: SandboxServer) -> None:
    """One account at each carrier, each holding its number of NUMBERS."""
    keys = {TWILIO_KEY: {"secret": TWILIO_KEY_SECRET, "main": False}}
    account(sandbox, "twilio", TWILIO_SID, secret=TWILIO_TOKEN, extra={"api_keys": keys})
    account(sandbox, "telnyx", "telnyx-of-the-test", secret=TELNYX_KEY)
    account(sandbox, "vonage", VONAGE_KEY, secret=VONAGE_SECRET)
    give(sandbox, "twilio", NUMBERS["twilio"], TWILIO_SID)
    give(sandbox, "telnyx", NUMBERS["telnyx"], "telnyx-of-the-test")
    give(sandbox, "vonage", NUMBERS["vonage"], VONAGE_KEY)


def account(sandbox: SandboxServer, carrier: str, name: str, **fields: Any) -> None:
    sandbox.control.put(f"/accounts/{carrier}/{name}", json=fields).raise_for_status()


def give(sandbox: SandboxServer, carrier: str, number: str, name: str) -> None:
    answer = sandbox.control.post("/numbers", json={"carrier": carrier, "number": number, "account": name})
    assert answer.status_code == 201, answer.text


def wire(sandbox: SandboxServer, carrier: str, number: str) -> dict[str, Any]:
    """The carrier's own record of a held number."""
    return next(dict(n["wire"]) for n in sandbox.held(carrier) if n["number"] == number)


def switch(sandbox: SandboxServer, **switches: Any) -> None:
    sandbox.control.put("/switches", json=switches).raise_for_status()


def twilio_import(number: str = NUMBERS["twilio"], **fields: Any) -> dict[str, Any]:
    secrets = {"twilioAccountSid": TWILIO_SID, "twilioAuthToken": TWILIO_TOKEN}
    return {"provider": "twilio", "number": number, **secrets, **fields}


def credential(vapi: httpx2.Client, provider: str, **fields: Any) -> str:
    """The id of a new credential that opens the carrier's account."""
    keys: dict[str, dict[str, Any]] = {
        "telnyx": {"apiKey": TELNYX_KEY},
        "vonage": {"apiKey": VONAGE_KEY, "apiSecret": VONAGE_SECRET},
        "twilio": {"accountSid": TWILIO_SID, "authToken": TWILIO_TOKEN},
        "byo-sip-trunk": {"gateways": [{"ip": "203.0.113.7"}]},
    }
    answer = vapi.post("/credential", json={"provider": provider, **keys.get(provider, {}), **fields})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def corrected(document: dict[str, Any]) -> None:
    """Known faults of Vapi's document: patterns with slashes around them, texts declared as objects."""
    for node in specs.nodes(document):
        pattern = node.get("pattern")
        if isinstance(pattern, str) and pattern.startswith("/") and pattern.endswith("/"):
            node["pattern"] = pattern[1:-1]
        if node.get("type") == "object" and all(isinstance(value, str) for value in node.get("enum", [None])):
            node["type"] = "string"


def refused(answer: httpx2.Response, status: int) -> Any:
    """The message of a refusal with this status, after its form was checked."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"message", "error", "statusCode"}
    assert body["statusCode"] == status
    return body["message"]


def told(name: str) -> Any:
    def answer(message: dict[str, Any]) -> tuple[int, Any]:
        return 200, {"results": [{"toolCallId": call["id"], "result": name} for call in message["toolCallList"]]}

    return answer


def shared(vapi: httpx2.Client) -> str:
    return str(vapi.get("/assistant").json()[-1]["id"])


def number_with(vapi: httpx2.Client, **fields: Any) -> dict[str, Any]:
    """The Twilio number in Vapi, with these targets."""
    answer = vapi.post("/phone-number", json=twilio_import(**fields))
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def call(sandbox: SandboxServer, to: str = NUMBERS["twilio"], **options: Any) -> dict[str, Any]:
    answer = sandbox.control.post("/calls", json={"to": to, "from": CALLER, **options})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())
