"""Telnyx's number orders: accepted at once, decided later, and not always in the buyer's favour."""

from __future__ import annotations

import re
import time
from datetime import timedelta
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from trunkline.sandbox.telnyx.search import home, level, upfront
from trunkline.sandbox.telnyx.wire import (
    CARRIER,
    PENDING,
    Line,
    Order,
    Refused,
    book,
    caller,
    count,
    filters,
    hold,
    json_body,
    new_uuid,
    not_found,
    page,
    stamp,
)
from trunkline.sandbox.world import Account, Number, World

FILTERS = {
    "status",
    "customer_reference",
    "phone_numbers_count",
    "requirements_met",
    "created_at.gt",
    "created_at.lt",
}
FIELDS = ("connection_id", "messaging_profile_id", "billing_group_id", "customer_reference")
PAPERS = "8ffb3622-7c6b-4ccc-b65f-7a3dc0099576"
DEADLINE = timedelta(days=30)


def line_record(line: Line) -> dict[str, Any]:
    paper = {"record_type": "phone_number_regulatory_requirement", "requirement_id": PAPERS, "field_type": "document"}
    return {
        "id": line.id,
        "record_type": "number_order_phone_number",
        "phone_number": line.number,
        "country_code": line.country,
        "country_iso_alpha2": line.country,
        "phone_number_type": line.type,
        "status": line.status,
        "requirements_met": line.requirements_met,
        "requirements_status": line.requirements_status,
        "regulatory_requirements": [paper] if line.needs_papers else [],
    } | ({"bundle_id": line.bundle} if line.bundle else {})


def order_record(order: Order) -> dict[str, Any]:
    return {
        "id": order.id,
        "record_type": "number_order",
        "status": order.status,
        "phone_numbers": [line_record(line) for line in order.lines],
        "phone_numbers_count": len(order.lines),
        "sub_number_orders_ids": list(order.subs),
        "requirements_met": all(line.requirements_met for line in order.lines),
        "created_at": order.created_at,
        "updated_at": order.updated_at,
        **order.fields,
    }


def listed_record(order: Order) -> dict[str, Any]:
    """As a list shows it: of its lines only the ids and the numbers."""
    lines = [{"id": line.id, "phone_number": line.number} for line in order.lines]
    return order_record(order) | {"phone_numbers": lines}


def sub_record(sub_id: str, order: Order) -> dict[str, Any]:
    lines = order.subs[sub_id]
    paper = {"record_type": "phone_number_regulatory_requirement", "requirement_id": PAPERS, "field_type": "document"}
    part = Order(**{**vars(order), "lines": lines})
    reference = {k: v for k, v in order.fields.items() if k == "customer_reference"}
    return {
        "id": sub_id,
        "record_type": "sub_number_order",
        "order_request_id": order.id,
        "country_code": lines[0].country,
        "phone_number_type": lines[0].type,
        "phone_numbers_count": len(lines),
        "is_block_sub_number_order": False,
        "status": part.status,
        "requirements_met": all(line.requirements_met for line in lines),
        "regulatory_requirements": [paper] if any(line.needs_papers for line in lines) else [],
        "created_at": order.created_at,
        "updated_at": order.updated_at,
        **reference,
    }


def cost(numbers: list[Number]) -> Decimal:
    return sum((number.price + upfront(number) for number in numbers), Decimal(0))


def refuse_level(world: World, account: Account, numbers: list[Number]) -> None:
    """A trial gets one local number of its own country for life, whatever becomes of the order; paid accounts only
    local numbers of their own country (Telnyx's guide to account levels). The HTTP status is not documented."""
    grade, code = level(account), None
    if grade == "unverified":
        code = str(world.switches["telnyx_unverified_error"])
    elif grade != "verified" and any(n.type != "local" or n.country != home(account) for n in numbers):
        code = "10038"
    elif grade == "trial" and book(world).trial_orders.get(account.id, 0) + len(numbers) > 1:
        code = "10039"
    if code is not None:
        forced = world.switches["telnyx_trial_error"] if grade == "trial" else None
        detail = "This is not possible at the current account level. Please upgrade your account."
        raise Refused(world.switches["telnyx_refusal_status"] or 403, forced or code, detail)


def wanted(world: World, account: Account, text: str, pointer: str) -> Number:
    """The number of one line of a new order, if it may be ordered."""
    if not re.fullmatch(r"\+[1-9]\d{6,14}", text):
        raise Refused(422, "10016", "The phone number must be in +E.164 format.", pointer=pointer)
    status = world.switches["telnyx_refusal_status"] or 422
    number = world.number(CARRIER, text)
    if number is not None and number.account == account.id:
        raise Refused(409, "10012", f"The number {text} is already owned by this account.", pointer=pointer)
    seen = book(world).searched.get((account.id, text))
    reserved = account.id == getattr(book(world).reserved.get(text), "account", None)
    known = reserved and not world.switches["telnyx_reserved_needs_search"]
    if not known and (seen is None or time.monotonic() - seen >= world.switches["telnyx_search_seconds"]):
        raise Refused(status, "85000", f"{text} must be returned by a search first.", pointer=pointer)
    if number is None or number.account is not None:
        raise Refused(status, "85001", f"{text} is no longer available.", pointer=pointer)
    if number.held_for not in (None, account.id):
        raise Refused(status, "85006", f"{text} is already reserved.", pointer=pointer)
    return number


async def create_order(request: Request, world: World) -> Response:
    """200 with the order still pending: poll it, or look at the number (`telnyx_order_polls`)."""
    account, body = caller(request), await json_body(request)
    items = body.get("phone_numbers")
    usable = isinstance(items, list) and all(
        isinstance(item, dict) and isinstance(item.get("phone_number"), str) for item in items
    )
    if not items or not usable:
        raise Refused(422, "10004", "phone_numbers is required.", pointer="/phone_numbers")
    fields = {name: body[name] for name in FIELDS if body.get(name) is not None}
    for name, value in fields.items():
        if not isinstance(value, str):
            raise Refused(422, "10015", "The field is invalid.", pointer=f"/{name}")
    if not fields.get("connection_id", "0").isdecimal():
        raise Refused(422, "85004", "The connection ID is invalid.", pointer="/connection_id")
    numbers = [wanted(world, account, item["phone_number"], f"/phone_numbers/{i}") for i, item in enumerate(items)]
    if len({number.number for number in numbers}) < len(numbers):
        raise Refused(422, "10012", "A number occurs twice.", pointer="/phone_numbers")
    refuse_level(world, account, numbers)
    if account.balance < cost(numbers):
        raise Refused(402, "20100", "There are not enough funds in the account for this order.")
    return JSONResponse({"data": order_record(place(world, account, numbers, items, fields))})


def place(
    world: World, account: Account, numbers: list[Number], items: list[dict[str, Any]], fields: dict[str, str]
) -> Order:
    """Take the money and the numbers; from here on the account counts as their holder, though none is active yet."""
    now, memory = stamp(), book(world)
    lines: list[Line] = []
    subs: dict[tuple[str, str], list[Line]] = {}
    for number, item in zip(numbers, items, strict=True):
        line = Line(
            id=new_uuid(world),
            number=number.number,
            country=number.country,
            type=number.type,
            needs_papers=number.bundle or number.address != "none",
            group=item.get("requirement_group_id"),
            bundle=item.get("bundle_id"),
            reviewed_at=time.monotonic() + float(world.switches["telnyx_review_seconds"]),
            approved=world.switches["telnyx_review_result"] == "approved",
        )
        lines.append(line)
        subs.setdefault((line.country, line.type), []).append(line)
        take(world, account, number, fields)
    order = Order(
        id=new_uuid(world),
        account=account.id,
        created_at=now,
        updated_at=now,
        fields=fields,
        lines=lines,
        subs={new_uuid(world): part for part in subs.values()},
        polls=int(world.switches["telnyx_order_polls"]),
        unseen=int(world.switches["telnyx_order_unseen_polls"]),
    )
    memory.orders[order.id] = memory.pending[order.id] = order
    memory.order_of |= dict.fromkeys([*order.subs, *(line.id for line in lines)], order)
    if account.trial:
        memory.trial_orders[account.id] = memory.trial_orders.get(account.id, 0) + len(lines)
    return order


def take(world: World, account: Account, number: Number, fields: dict[str, str]) -> None:
    account.balance -= cost([number])
    number.account, number.history = account.id, [*number.history, f"ordered {stamp()}"]
    number.wire = {"status": PENDING, "activated_at": None}
    for name in ("connection_id", "billing_group_id", "customer_reference"):
        if name in fields and (name != "customer_reference" or world.switches["telnyx_reference_on_numbers"]):
            number.wire[name] = fields[name]
    hold(world, number)


def give_back(world: World, order: Order, line: Line) -> None:
    """The line came to nothing: the money returns, the number does not come back on sale at once."""
    number, account = world.number(CARRIER, line.number), world.account(CARRIER, order.account)
    line.status = "failure"
    if number is None or account is None:
        return
    account.balance += cost([number])
    book(world).ids.pop(number.wire.get("id", ""), None)
    number.account, number.held_for, number.wire = None, "carrier", {}
    number.history.append(f"order failed {stamp()}")


def settle(world: World, order: Order) -> None:
    """Decide the lines that wait for nothing but time."""
    for line in order.lines:
        if line.status != "pending" or not line.requirements_met:
            continue
        number = world.number(CARRIER, line.number)
        if number is None or world.switches["telnyx_order_result"] != "success":
            give_back(world, order, line)
            continue
        line.status = "success"
        number.wire["activated_at"] = stamp()
        if hidden := int(world.switches["telnyx_number_unseen_polls"]):
            book(world).unseen[line.number] = hidden
        else:
            number.wire["status"] = "active"
    order.updated_at = stamp()
    if order.status != "pending":
        book(world).pending.pop(order.id, None)


def advance(world: World, order: Order) -> None:
    """Somebody looked at the order: that is this world's clock."""
    if order.polls > 0:
        order.polls -= 1
    elif order.status == "pending":
        settle(world, order)


def advance_all(world: World, account: str) -> None:
    """Somebody looked at the account's numbers: its bought ones come into sight, its pending orders move on."""
    memory = book(world)
    for text, left in list(memory.unseen.items()):
        number = world.number(CARRIER, text)
        if number is None or number.account != account:
            continue
        if left > 0:
            memory.unseen[text] = left - 1
        else:
            del memory.unseen[text]
            number.wire["status"] = "active"
    advance_orders(world, account)


def advance_orders(world: World, account: str) -> None:
    for order in [order for order in book(world).pending.values() if order.account == account]:
        advance(world, order)


def own(request: Request, world: World, name: str) -> Order:
    memory, key = book(world), request.path_params[name]
    order = memory.orders.get(key) if name == "order" else memory.order_of.get(key)
    if order is None or order.account != caller(request).id:
        raise not_found()
    return order


async def get_order(request: Request, world: World) -> Response:
    order = own(request, world, "order")
    if order.unseen > 0:
        order.unseen -= 1
        raise not_found()
    advance(world, order)
    return JSONResponse({"data": order_record(order)})


async def update_order(request: Request, world: World) -> Response:
    order, body = own(request, world, "order"), await json_body(request)
    if not isinstance(body.get("customer_reference", ""), str):
        raise Refused(422, "10015", "The field is invalid.", pointer="/customer_reference")
    order.fields |= {k: v for k, v in body.items() if k == "customer_reference"}
    order.updated_at = stamp()
    return JSONResponse({"data": order_record(order)})


def fits(order: Order, want: dict[str, str]) -> bool:
    record = order_record(order)
    if "phone_numbers_count" in want:
        number = count(want["phone_numbers_count"], "filter[phone_numbers_count]")
        if number != len(order.lines):
            return False
    if "requirements_met" in want and (want["requirements_met"].lower() == "true") != record["requirements_met"]:
        return False
    for name in ("status", "customer_reference"):
        if name in want and record.get(name) != want[name]:
            return False
    return want.get("created_at.gt", "") < order.created_at < want.get("created_at.lt", "9")


async def list_orders(request: Request, world: World) -> Response:
    """Newest first; an order that answers 404 by its id is missing here, too."""
    account, want = caller(request), {k: v[-1] for k, v in filters(request, FILTERS).items()}

    advance_orders(world, account.id)
    found = []
    for order in reversed(book(world).orders.values()):
        if order.account != account.id or not fits(order, want):
            continue
        if order.unseen > 0:
            order.unseen -= 1
        else:
            found.append(order)
    return page(request, found, listed_record)


async def get_line(request: Request, world: World) -> Response:
    """A line alone says until when papers may be handed in."""
    order, line_id = own(request, world, "line"), request.path_params["line"]
    line = next((line for line in order.lines if line.id == line_id), None)
    if line is None:
        raise not_found()
    sub = next(sub for sub, lines in order.subs.items() if line in lines)
    left_out = ("country_iso_alpha2",)
    more = {"order_request_id": order.id, "sub_number_order_id": sub, "is_block_number": False}
    if not line.requirements_met:
        more["deadline"] = stamp(World.now() + DEADLINE)
    return JSONResponse({"data": {k: v for k, v in line_record(line).items() if k not in left_out} | more})


def own_sub(request: Request, world: World) -> tuple[str, Order]:
    order, sub_id = own(request, world, "sub"), request.path_params["sub"]
    if sub_id not in order.subs:
        raise not_found()
    return sub_id, order


async def get_sub_order(request: Request, world: World) -> Response:
    return JSONResponse({"data": sub_record(*own_sub(request, world))})


async def cancel_sub_order(request: Request, world: World) -> Response:
    """Only while it is pending."""
    sub_id, order = own_sub(request, world)
    if not any(line.status == "pending" for line in order.subs[sub_id]):
        raise Refused(422, "10015", "Only a pending sub number order can be cancelled.")
    for line in order.subs[sub_id]:
        if line.status == "pending":
            give_back(world, order, line)
            line.cancelled = True
            number = world.number(CARRIER, line.number)
            if number is not None:
                number.held_for = None
    order.cancelled_status = str(world.switches["telnyx_cancelled_status"])
    order.updated_at = stamp()
    if order.status != "pending":
        book(world).pending.pop(order.id, None)
    return JSONResponse({"data": sub_record(sub_id, order)})
