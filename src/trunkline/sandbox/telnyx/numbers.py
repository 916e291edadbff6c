"""Telnyx's numbers that an account holds: listed, read, configured, deleted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from trunkline.sandbox.telnyx.orders import advance_all
from trunkline.sandbox.telnyx.wire import (
    CARRIER,
    PENDING,
    Refused,
    book,
    caller,
    filters,
    give_back,
    json_body,
    not_found,
    page,
    stamp,
    truth,
    words,
)
from trunkline.sandbox.world import Number, World

EXACT: dict[str, Callable[[Number], Any]] = {
    "customer_reference": lambda n: n.wire.get("customer_reference"),
    "connection_id": lambda n: n.wire["connection_id"],
    "voice.connection_name.eq": lambda n: n.wire["connection_name"],
    "billing_group_id": lambda n: n.wire.get("billing_group_id") or "null",
    "number_type.eq": lambda n: n.type,
    "status": lambda n: n.wire["status"],
    "source": lambda n: "ported" if n.wire.get("source_type") == "port_request" else "purchased",
}
FILTERS = {"phone_number", "tag", "without_tags", "country_iso_alpha2", *EXACT}
SORTS = {
    "purchased_at": "purchased_at",
    "phone_number": "phone_number",
    "connection_name": "connection_name",
    "usage_payment_method": "status",
}
TEXT_FIELDS = ("connection_id", "customer_reference", "billing_group_id", "external_pin", "address_id")
NULLABLE_LATER = ("connection_id", "connection_name", "customer_reference", "billing_group_id", "external_pin")
# Of a number that nobody has configured; its `wire` may say otherwise.
UNUSED = {
    "call_forwarding_enabled": True,
    "call_recording_enabled": False,
    "caller_id_name_enabled": False,
    "cnam_listing_enabled": False,
    "emergency_enabled": False,
    "emergency_status": "disabled",
    "emergency_address_id": None,
    "inbound_call_screening": "disabled",
    "messaging_profile_id": None,
    "messaging_profile_name": None,
    "t38_fax_gateway_enabled": False,
}
Test = Callable[[Number], bool]


def record(number: Number) -> dict[str, Any]:
    wire = number.wire
    own = ("id", "status", "tags", "deletion_lock_enabled", "hd_voice_enabled", "purchased_at", "created_at")
    return {
        "record_type": "phone_number",
        "phone_number": number.number,
        "country_iso_alpha2": number.country,
        "phone_number_type": number.type,
        "source_type": wire.get("source_type", "number_order"),
        **{name: wire.get(name, value) for name, value in UNUSED.items()},
        "updated_at": wire["updated_at"],
        "activated_at": wire["activated_at"],
        **{name: wire[name] for name in own},
        **{name: wire.get(name) for name in NULLABLE_LATER},
    }


def slim_record(number: Number, tags: bool, connection: bool) -> dict[str, Any]:
    """The fast variant: no tags and no connection name unless they are asked for; what is not set is left out."""
    left_out = {"deletion_lock_enabled", "source_type", "messaging_profile_id", "messaging_profile_name"}
    left_out |= (set() if tags else {"tags"}) | (set() if connection else {"connection_name"})
    return {k: v for k, v in record(number).items() if k not in left_out and v is not None}


def deleted_record(number: Number) -> dict[str, Any]:
    left_out = ("country_iso_alpha2", "source_type", "emergency_status", "inbound_call_screening")
    kept = {k: v for k, v in record(number).items() if k not in left_out and v is not None}
    return kept | {"status": "deleted"}


def shown(world: World, number: Number) -> bool:
    """A bought number may take a few looks to appear; one whose order is pending shows only by the switch."""
    if number.number in book(world).unseen:
        return False
    return number.wire["status"] != PENDING or bool(world.switches["telnyx_list_pending"])


def phone_number_test(text: str, plus: bool) -> Test:
    """A part of the number, at least three digits; other characters match nothing (Telnyx's OpenAPI document)."""
    digits = text.removeprefix("+") if plus else text
    if sum(c.isdigit() for c in text) < 3:
        raise Refused(400, "10015", "At least three digits are required.", parameter="filter[phone_number]")
    return lambda n: digits.isdecimal() and digits in n.number


def tests(world: World, want: dict[str, list[str]]) -> list[Test]:
    found: list[Test] = []
    if texts := want.get("phone_number"):
        found.append(phone_number_test(texts[-1], bool(world.switches["telnyx_plus_in_filter"])))
    if tags := set(words(want.get("tag", []))):
        found.append(lambda n: bool(tags & set(n.wire["tags"])))
    if truth(want.get("without_tags")):
        found.append(lambda n: not n.wire["tags"])
    if countries := set(words(want.get("country_iso_alpha2", []))):
        found.append(lambda n: n.country in countries)
    for name in EXACT.keys() & want.keys():
        # Older pages of the documentation write a status with underscores.
        value = want[name][-1].replace("_", "-") if name == "status" else want[name][-1]
        found.append(lambda n, read=EXACT[name], value=value: read(n) == value)  # type: ignore[misc]
    return found


def owned(request: Request, world: World) -> list[Number]:
    """What the request lists, newest first unless it sorts."""
    account, want = caller(request), filters(request, FILTERS)
    advance_all(world, account.id)
    conditions = tests(world, want)
    held = book(world).holdings.newest_first(world, account.id)
    found = [n for n in held if shown(world, n) and all(test(n) for test in conditions)]
    if sort := request.query_params.get("sort"):
        name = SORTS.get(sort.removeprefix("-"))
        if name is None:
            raise Refused(400, "10015", "Unknown sort.", parameter="sort")
        found.sort(key=lambda n: str(record(n)[name] or ""), reverse=sort.startswith("-"))
    return found


def one(request: Request, world: World) -> Number:
    """The path names a number by its id or in E.164; the id of an order line names nothing here."""
    account, memory = caller(request), book(world)
    advance_all(world, account.id)
    text = request.path_params["id"]
    number = world.number(CARRIER, text if text.startswith("+") else memory.ids.get(text, ""))
    if number is None or number.account != account.id or not shown(world, number):
        raise not_found()
    return number


async def list_numbers(request: Request, world: World) -> Response:
    return page(request, owned(request, world), record)


async def list_slim(request: Request, world: World) -> Response:
    tags = request.query_params.get("include_tags", "").lower() == "true"
    connection = request.query_params.get("include_connection", "").lower() == "true"
    return page(request, owned(request, world), lambda n: slim_record(n, tags, connection))


async def get_number(request: Request, world: World) -> Response:
    return JSONResponse({"data": record(one(request, world))})


async def update_number(request: Request, world: World) -> Response:
    """Changes the given fields; `tags` are replaced as a whole; one with a colon is refused (Telnyx's own CLI run)."""
    number, body = one(request, world), await json_body(request)
    for name, value in body.items():
        if name == "messaging_profile_id":
            raise Refused(422, "10027", "messaging_profile_id is not reachable here.", pointer=f"/{name}")
        if name == "tags":
            usable = isinstance(value, list) and all(isinstance(t, str) and t and ":" not in t for t in value)
        else:
            usable = name == "hd_voice_enabled" and isinstance(value, bool)
            usable = usable or (name in TEXT_FIELDS and isinstance(value, str))
        if not usable:
            raise Refused(422, "10015", "The field is invalid.", pointer=f"/{name}")
    number.wire |= body | {"updated_at": stamp()}
    if "connection_id" in body:
        number.wire["connection_name"] = None
    return JSONResponse({"data": record(number)})


async def delete_number(request: Request, world: World) -> Response:
    """Back to Telnyx, who keeps it on hold for the account: its next search can return it again."""
    number = one(request, world)
    if number.wire["deletion_lock_enabled"]:
        raise Refused(422, "10021", "The phone number is locked against deletion.")
    answer = deleted_record(number)
    give_back(world, number)
    return JSONResponse({"data": answer})
