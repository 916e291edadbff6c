"""Telnyx's reservations: a number is kept for one account for half an hour, and nothing is paid for it."""

from __future__ import annotations

import re
import time
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from trunkline.sandbox.telnyx.search import level
from trunkline.sandbox.telnyx.wire import (
    CARRIER,
    Refused,
    Reservation,
    Reserved,
    book,
    caller,
    filters,
    json_body,
    new_uuid,
    not_found,
    page,
    stamp,
)
from trunkline.sandbox.world import Account, World

FILTERS = {"status", "customer_reference", "phone_numbers.phone_number", "created_at.gt", "created_at.lt"}
ON_HOLD = "Number is already on hold"


def record(kept: Reservation) -> dict[str, Any]:
    status = "pending" if kept.polls > 0 else kept.outcome
    common = {"created_at": kept.created_at, "updated_at": kept.updated_at}
    lines = [
        {
            "id": line.id,
            "record_type": "reserved_phone_number",
            "phone_number": line.number,
            "status": "pending" if kept.polls > 0 else line.status,
            "expired_at": stamp(World.now() + timedelta(seconds=line.until - time.monotonic())),
            **({"errors": ON_HOLD} if line.status == "failure" and kept.polls <= 0 else {}),
            **common,
        }
        for line in kept.lines
    ]
    reference = {"customer_reference": kept.reference} if kept.reference else {}
    errors = {"errors": ON_HOLD} if status == "failure" else {}
    return {
        "id": kept.id,
        "record_type": "number_reservation",
        "status": status,
        "phone_numbers": lines,
        **reference,
        **errors,
        **common,
    }


def expire(world: World) -> None:
    """What was reserved for long enough may be had by anybody again."""
    memory, now = book(world), time.monotonic()
    for text in [text for text, line in memory.reserved.items() if line.until <= now]:
        del memory.reserved[text]
        number = world.number(CARRIER, text)
        if number is not None and number.account is None:
            number.held_for = None


async def create(request: Request, world: World) -> Response:
    """200 with the reservation, pending for so many reads (`telnyx_reservation_polls`); it fails for a number that
    somebody holds or has reserved."""
    account, body = caller(request), await json_body(request)
    items, reference = body.get("phone_numbers"), body.get("customer_reference")
    rows = items if isinstance(items, list) else []
    texts = [str(row.get("phone_number")) for row in rows if isinstance(row, dict)]
    if not texts or not all(re.fullmatch(r"\+[1-9]\d{6,14}", text) for text in texts):
        raise Refused(422, "10004", "phone_numbers is required.", pointer="/phone_numbers")
    if not isinstance(reference, str | None):
        raise Refused(422, "10015", "The field is invalid.", pointer="/customer_reference")
    if level(account) == "trial":
        raise Refused(403, "10038", "Reservations are not possible at the current account level.")
    most = world.switches["telnyx_reservation_limit"]
    held = sum(line.account == account.id for line in book(world).reserved.values())
    if most is not None and held + len(texts) > int(most):
        raise Refused(422, "85007", "The limit of reserved numbers is reached.", pointer="/phone_numbers")
    lines = [reserve(world, account, text) for text in texts]
    now = stamp()
    kept = Reservation(
        id=new_uuid(world),
        account=account.id,
        created_at=now,
        updated_at=now,
        reference=reference,
        lines=lines,
        polls=int(world.switches["telnyx_reservation_polls"]),
    )
    book(world).reservations[kept.id] = kept
    return JSONResponse({"data": record(kept)})


def reserve(world: World, account: Account, text: str) -> Reserved:
    number = world.number(CARRIER, text)
    free = number is not None and number.account is None and number.held_for is None
    line = Reserved(new_uuid(world), account.id, text, "success" if free else "failure")
    line.until = time.monotonic() + float(world.switches["telnyx_reservation_seconds"])
    if number is not None and free:
        number.held_for = account.id
        book(world).reserved[text] = line
    return line


def looked_at(kept: Reservation) -> dict[str, Any]:
    shown = record(kept)
    kept.polls = max(kept.polls - 1, 0)
    return shown


def own(request: Request, world: World) -> Reservation:
    kept = book(world).reservations.get(request.path_params["reservation"])
    if kept is None or kept.account != caller(request).id:
        raise not_found()
    return kept


async def get(request: Request, world: World) -> Response:
    return JSONResponse({"data": looked_at(own(request, world))})


async def extend(request: Request, world: World) -> Response:
    """From now on, for as long as a new one."""
    kept = own(request, world)
    live = [line for line in kept.lines if book(world).reserved.get(line.number) is line]
    if not live:
        raise Refused(422, "10015", "The reservation has expired.")
    for line in live:
        line.until = time.monotonic() + float(world.switches["telnyx_reservation_seconds"])
    kept.updated_at = stamp()
    return JSONResponse({"data": looked_at(kept)})


async def list_all(request: Request, world: World) -> Response:
    """Newest first."""
    account, want = caller(request), {k: v[-1] for k, v in filters(request, FILTERS).items()}
    found = [
        kept
        for kept in reversed(book(world).reservations.values())
        if kept.account == account.id
        and want.get("customer_reference") in (None, kept.reference)
        and want.get("status") in (None, record(kept)["status"])
        and want.get("phone_numbers.phone_number") in (None, *(line.number for line in kept.lines))
        and want.get("created_at.gt", "") < kept.created_at < want.get("created_at.lt", "9")
    ]
    return page(request, found, looked_at)
