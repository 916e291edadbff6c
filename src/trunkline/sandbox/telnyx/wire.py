"""What all of Telnyx's calls share: the errors array, filters and pages of a query, and the vendor's own memory."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from trunkline.sandbox.inventory import Holdings, Pace, Shelves, by_prefix
from trunkline.sandbox.world import Account, Number, World

T = TypeVar("T")
CARRIER = "telnyx"
# The status of a number that is ordered and not yet the account's to use.
PENDING = "purchase-pending"
MAX_PAGE = 250

TITLES = {
    "10004": "Missing required parameter",
    "10005": "Resource not found",
    "10007": "Unexpected error",
    "10009": "Authentication failed",
    "10010": "Authorization failed",
    "10011": "Too many requests",
    "10012": "Duplicate resource",
    "10015": "Bad Request",
    "10016": "Phone number must be in +E.164 format",
    "10021": "Resource is locked",
    "10027": "Invalid field",
    "10032": "Invalid filter",
    "10038": "Feature not permitted",
    "10039": "Limit reached",
    "20012": "Account inactive",
    "20013": "Account blocked",
    "20014": "Account unverified",
    "20015": "Insufficient credit",
    "20016": "Account level 1 required",
    "20017": "Account level 2 required",
    "20100": "Insufficient Funds",
    "85000": "Phone number was not found in a search",
    "85001": "Phone numbers not available",
    "85004": "Invalid connection ID",
    "85006": "Phone number already reserved",
    "85007": "Reservation limit reached",
}


class Refused(Exception):
    """A call ends with this error: `pointer` names the field of a body, `parameter` that of a query."""

    def __init__(
        self, status: int, code: str, detail: str, *, pointer: str | None = None, parameter: str | None = None
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self.source = {k: v for k, v in (("pointer", pointer), ("parameter", parameter)) if v is not None}

    def response(self) -> Response:
        error: dict[str, Any] = {
            "code": self.code,
            "title": TITLES.get(self.code, "Unexpected error"),
            "detail": self.detail,
            "meta": {"url": f"https://developers.telnyx.com/docs/overview/errors/{self.code}"},
        }
        if self.source:
            error["source"] = self.source
        return JSONResponse({"errors": [error]}, self.status)


def not_found() -> Refused:
    return Refused(404, "10005", "The requested resource or URL could not be found.")


@dataclass
class Line:
    """One number of an order. Its `id` is the line's own: the number gets another one."""

    id: str
    number: str
    country: str
    type: str
    needs_papers: bool
    group: str | None = None
    bundle: str | None = None
    reviewed_at: float = 0.0  # by time.monotonic()
    approved: bool = True
    status: str = "pending"
    cancelled: bool = False

    @property
    def requirements_met(self) -> bool:
        reviewed = self.group is not None and self.approved and time.monotonic() >= self.reviewed_at
        return not self.needs_papers or reviewed

    @property
    def requirements_status(self) -> str:
        if self.cancelled:
            return "cancelled"
        if self.requirements_met:
            return "approved"
        if self.group is None:
            return "requirement-info-pending"
        under_review = time.monotonic() < self.reviewed_at
        return "requirement-info-under-review" if under_review else "requirement-info-exception"


@dataclass
class Order:
    """A number order; `fields` are what the caller set and gets back, `subs` the lines of each part of it."""

    id: str
    account: str
    created_at: str
    updated_at: str
    fields: dict[str, str]
    lines: list[Line]
    subs: dict[str, list[Line]]
    polls: int
    unseen: int
    cancelled_status: str = "failure"

    @property
    def status(self) -> str:
        if any(line.status == "pending" for line in self.lines):
            return "pending"
        if all(line.cancelled for line in self.lines):
            return self.cancelled_status
        return "success" if all(line.status == "success" for line in self.lines) else "failure"


@dataclass
class Reserved:
    """One number of a reservation, and until when (by time.monotonic()) it is kept for the account."""

    id: str
    account: str
    number: str
    status: str
    until: float = 0.0


@dataclass
class Reservation:
    id: str
    account: str
    created_at: str
    updated_at: str
    reference: str | None
    lines: list[Reserved]
    polls: int

    @property
    def outcome(self) -> str:
        return "success" if all(line.status == "success" for line in self.lines) else "failure"


@dataclass
class Book:
    """What Telnyx remembers beyond the numbers themselves."""

    orders: dict[str, Order] = field(default_factory=dict)
    order_of: dict[str, Order] = field(default_factory=dict)  # by the id of a sub order or of a line
    pending: dict[str, Order] = field(default_factory=dict)
    searched: dict[tuple[str, str], float] = field(default_factory=dict)
    released: dict[str, dict[str, None]] = field(default_factory=dict)
    reservations: dict[str, Reservation] = field(default_factory=dict)
    reserved: dict[str, Reserved] = field(default_factory=dict)  # those of them that are kept now, by number
    holdings: Holdings = field(default_factory=lambda: Holdings(CARRIER))
    shelves: Shelves = field(default_factory=lambda: Shelves(CARRIER, by_prefix))
    ids: dict[str, str] = field(default_factory=dict)
    unseen: dict[str, int] = field(default_factory=dict)  # numbers that are bought and do not show yet
    trial_orders: dict[str, int] = field(default_factory=dict)
    pace: Pace = field(default_factory=Pace)


def book(world: World) -> Book:
    found: Book = world.vendor(CARRIER).setdefault("book", Book())
    return found


def hold(world: World, number: Number) -> None:
    """Complete Telnyx's record of a number that an account holds now; what is already in `wire` stays."""
    now = stamp()
    defaults: dict[str, Any] = {
        "id": str(world.random.randrange(10**18, 2 * 10**18)),
        "status": "active",
        "tags": [],
        "connection_id": None,
        "connection_name": None,
        "deletion_lock_enabled": False,
        "hd_voice_enabled": False,
        "purchased_at": now,
        "created_at": now,
        "updated_at": now,
        "activated_at": now,
    }
    number.wire = defaults | number.wire
    number.held_for = None
    memory = book(world)
    memory.reserved.pop(number.number, None)
    memory.holdings.add(number)
    memory.ids[number.wire["id"]] = number.number


def give_back(world: World, number: Number) -> None:
    """Nobody has the number; it is on hold for its last owner."""
    assert number.account is not None
    book(world).released.setdefault(number.account, {})[number.number] = None
    book(world).ids.pop(number.wire["id"], None)
    number.held_for, number.account, number.wire = number.account, None, {}
    number.history.append(f"deleted {stamp()}")


def caller(request: Request) -> Account:
    """The account whose key the request carried; the authentication has put it there."""
    account: Account = request.state.telnyx_account
    return account


def stamp(moment: datetime | None = None) -> str:
    return (moment or World.now()).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def new_uuid(world: World) -> str:
    return str(uuid.UUID(hex=world.hex(32), version=4))


async def json_body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body() or b"{}")
    except ValueError:
        raise Refused(400, "10015", "The request failed because it was not well-formed.", pointer="/") from None
    if not isinstance(body, dict):
        raise Refused(400, "10015", "The request failed because it was not well-formed.", pointer="/")
    return body


def filters(request: Request, known: set[str]) -> dict[str, list[str]]:
    """`filter[a]`, `filter[a][]` and `filter[a][b]` as {"a": [...], "a.b": [...]}; an unknown filter is refused."""
    found: dict[str, list[str]] = {}
    for key, value in request.query_params.multi_items():
        match = re.fullmatch(r"filter\[([^\]]+)\](?:\[([^\]]*)\])?", key)
        if match is None:
            continue
        name = f"{match[1]}.{match[2]}" if match[2] else match[1]
        if name not in known:
            raise Refused(400, "10032", f"There is no filter {key}.", parameter=key)
        found.setdefault(name, []).append(value)
    return found


def words(values: list[str]) -> list[str]:
    """Several values in any of the spellings in use: a repeated key, `[]` after it, or commas in one value."""
    return [word for value in values for word in value.split(",") if word]


def truth(values: list[str] | None) -> bool:
    return values is not None and values[-1].lower() == "true"


def count(text: str, parameter: str, highest: int = 10**9) -> int:
    """A number from 1 on in a query."""
    if not text.isdecimal() or not 1 <= int(text) <= highest:
        raise Refused(400, "10015", f"{parameter} is a number from 1 to {highest}.", parameter=parameter)
    return int(text)


def page_of(request: Request) -> tuple[int, int]:
    """`page[number]` from 1 and `page[size]`, 20 unless asked, at most 250 (Telnyx's OpenAPI document)."""
    query = request.query_params
    number, size = query.get("page[number]", "1"), query.get("page[size]", "20")
    return count(number, "page[number]"), count(size, "page[size]", MAX_PAGE)


def page(request: Request, items: list[T], show: Callable[[T], dict[str, Any]]) -> Response:
    """One page of a list with its `meta`."""
    number, size = page_of(request)
    shown = items[(number - 1) * size : number * size]
    meta = {
        "page_number": number,
        "page_size": size,
        "total_pages": -(-len(items) // size),
        "total_results": len(items),
    }
    return JSONResponse({"data": [show(item) for item in shown], "meta": meta})
