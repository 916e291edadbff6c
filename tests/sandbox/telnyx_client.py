"""A plain client of the sandbox's Telnyx, and what its tests do again and again."""

from __future__ import annotations

from typing import Any

import httpx2

from tests.support.sandbox_server import SandboxServer
from trunkline.sandbox.telnyx import DEFAULT_ACCOUNT, DEFAULT_SECRET

ELSEWHERE, ELSEWHERE_KEY = "elsewhere", "KEY0ANOTHER0ACCOUNT"


def client_of(sandbox: SandboxServer, key: str = DEFAULT_SECRET) -> httpx2.Client:
    return httpx2.Client(base_url=f"{sandbox.url}/v2", headers={"Authorization": f"Bearer {key}"}, timeout=60)


def switch(sandbox: SandboxServer, **values: Any) -> None:
    answer = sandbox.control.put("/switches", json={f"telnyx_{name}": value for name, value in values.items()})
    answer.raise_for_status()


def account(sandbox: SandboxServer, name: str = DEFAULT_ACCOUNT, **fields: Any) -> None:
    sandbox.control.put(f"/accounts/telnyx/{name}", json=fields).raise_for_status()


def sell(sandbox: SandboxServer, number: str, **fields: Any) -> None:
    """Put one number up for sale, or with `account=` into somebody's hands."""
    answer = sandbox.control.post("/numbers", json={"carrier": "telnyx", "number": number} | fields)
    answer.raise_for_status()


def search(api: httpx2.Client, **filters: Any) -> list[dict[str, Any]]:
    """A search in the US unless told: `phone_number__contains=` stands for filter[phone_number][contains]."""
    asked = {"country_code": "US"} | filters
    query = {"filter" + "".join(f"[{part}]" for part in name.split("__")): value for name, value in asked.items()}
    answer = api.get("/available_phone_numbers", params=query)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["data"])


def numbers_in(items: list[dict[str, Any]]) -> list[str]:
    return [item["phone_number"] for item in items]


def post_order(api: httpx2.Client, *numbers: str, **fields: Any) -> httpx2.Response:
    return api.post("/number_orders", json={"phone_numbers": [{"phone_number": n} for n in numbers]} | fields)


def order(api: httpx2.Client, *numbers: str, **fields: Any) -> dict[str, Any]:
    answer = post_order(api, *numbers, **fields)
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["data"])


def look(api: httpx2.Client, made: dict[str, Any]) -> dict[str, Any]:
    answer = api.get(f"/number_orders/{made['id']}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["data"])


def bought(api: httpx2.Client, **fields: Any) -> str:
    """Search, order and poll until a number is there."""
    number = numbers_in(search(api, limit=1, exclude_held_numbers="true"))[0]
    made = order(api, number, **fields)
    for _ in range(5):
        if look(api, made)["status"] == "success":
            return number
    raise AssertionError("the order did not succeed")


def error_of(answer: httpx2.Response) -> tuple[int, str]:
    """(status, code), after a look at the shape of the errors array."""
    (error,) = answer.json()["errors"]
    assert set(error) >= {"code", "title", "detail", "meta"}
    assert isinstance(error["code"], str)
    return answer.status_code, error["code"]
