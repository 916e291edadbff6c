"""How Vonage reads forms and patterns, and words its answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from trunkline.sandbox.world import Account, Number

CARRIER = "vonage"
LABELS = {401: "authentication failed", 420: "method failed", 429: "too many requests"}
NOT_THERE = {"title": "Not Found", "detail": "The requested resource does not exist"}


class Failed(Exception):
    """The catch-all 420, or another status with a label."""

    def __init__(self, status: int = 420, label: str | None = None, body: dict[str, str] | None = None) -> None:
        super().__init__(label)
        self.status = status
        self.body = body or {"error-code": str(status), "error-code-label": label or LABELS.get(status, "failed")}

    def response(self) -> Response:
        return JSONResponse(self.body, self.status)


def caller(request: Request) -> Account:
    account: Account = request.state.vonage_account
    return account


def whole(request: Request, name: str, default: int, highest: int) -> int:
    text = request.query_params.get(name, str(default))
    if not text.isdecimal() or int(text) > highest:
        raise Failed()
    return int(text)


def pattern(request: Request) -> tuple[str, str, str]:
    """What the E.164 number starts with, contains and ends with: `search_pattern` 0, 1 or 2 says which is `pattern`."""
    text, where = request.query_params.get("pattern", ""), whole(request, "search_pattern", 0, 2)
    if text and not text.isdecimal():
        text = "none"  # msisdns are digits alone, so that a plus or a wildcard matches nothing
    return ("+" + text if where == 0 else "+", text if where == 1 else "", text if where == 2 else "")


def listing(request: Request, items: list[Number], show: Callable[[Number], dict[str, Any]]) -> Response:
    """A page with the count of all; nothing found is `{}` without either key (the official SDK's tests)."""
    size, index = whole(request, "size", 10, 100), whole(request, "index", 1, 10**9)
    if size < 1 or index < 1:
        raise Failed()
    shown = items[(index - 1) * size : index * size]
    return JSONResponse({"count": len(items), "numbers": [show(n) for n in shown]} if shown else {})


async def form(request: Request) -> dict[str, str]:
    """Only a form body counts: parameters in the query are a 420; missing ones, or another content type, a 400."""
    media = request.headers.get("content-type", "").partition(";")[0].strip()
    text = (await request.body()).decode("utf-8", "replace")
    fields = dict(parse_qsl(text, keep_blank_values=True)) if media == "application/x-www-form-urlencoded" else {}
    missing = [name for name in ("country", "msisdn") if not fields.get(name)]
    if missing and all(name in request.query_params for name in missing):
        raise Failed()
    if missing:
        raise Failed(400, body=dict.fromkeys(missing, "Is required."))
    return fields


def success() -> Response:
    return JSONResponse({"error-code": "200", "error-code-label": "success"})
