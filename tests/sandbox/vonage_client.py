"""A plain client of the sandbox's Vonage, and what its tests do again and again."""

from __future__ import annotations

from typing import Any

import httpx2

from tests.support.sandbox_server import SandboxServer
from trunkline.sandbox.vonage import DEFAULT_ACCOUNT, DEFAULT_SECRET

DONE = {"error-code": "200", "error-code-label": "success"}
FAILED = {"error-code": "420", "error-code-label": "method failed"}
NOT_YOU = {"error-code": "401", "error-code-label": "authentication failed"}


def client_of(sandbox: SandboxServer, key: str = DEFAULT_ACCOUNT, secret: str = DEFAULT_SECRET) -> httpx2.Client:
    return httpx2.Client(base_url=sandbox.url, auth=(key, secret), timeout=60)


def switch(sandbox: SandboxServer, **values: Any) -> None:
    answer = sandbox.control.put("/switches", json={f"vonage_{name}": value for name, value in values.items()})
    answer.raise_for_status()


def account(sandbox: SandboxServer, name: str = DEFAULT_ACCOUNT, **fields: Any) -> None:
    sandbox.control.put(f"/accounts/vonage/{name}", json=fields).raise_for_status()


def stock(sandbox: SandboxServer, *numbers: str, **fields: Any) -> None:
    """Put numbers up for sale, or with `account=` into somebody's hands."""
    rows = [{"carrier": "vonage", "number": number} | fields for number in numbers]
    sandbox.control.post("/numbers", json=rows).raise_for_status()


def search(api: httpx2.Client, **query: Any) -> list[str]:
    answer = api.get("/number/search", params={"country": "US"} | query)
    assert answer.status_code == 200, answer.text
    return [number["msisdn"] for number in answer.json().get("numbers", [])]


def owned(api: httpx2.Client, **query: Any) -> list[dict[str, Any]]:
    answer = api.get("/account/numbers", params=query)
    assert answer.status_code == 200, answer.text
    return list(answer.json().get("numbers", []))


def post(api: httpx2.Client, what: str, msisdn: str, country: str = "US", **fields: str) -> httpx2.Response:
    """`what` is buy, update or cancel."""
    return api.post(f"/number/{what}", data={"country": country, "msisdn": msisdn} | fields)


def buy(api: httpx2.Client, msisdn: str, **fields: str) -> None:
    answer = post(api, "buy", msisdn, **fields)
    assert (answer.status_code, answer.json()) == (200, DONE)
