"""The voice platform's messages: what an assistant-request must say is read at once, everything else leniently."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from trunkline.errors import MalformedRequest
from trunkline.voice.vapi_calls import part

Json = dict[str, Any]


class Row(msgspec.Struct, gc=False):
    id: str | None = None
    number: str | None = None


class Customer(msgspec.Struct, gc=False):
    number: str | None = None


class Call(msgspec.Struct, gc=False, rename="camel"):
    phone_number_id: str | None = None


class Asked(msgspec.Struct, gc=False, rename="camel"):
    """The few fields that decide who answers."""

    type: str
    call: Call | None = None
    phone_number: Row | None = None
    customer: Customer | None = None


class Envelope(msgspec.Struct, gc=False):
    message: Asked


decode = msgspec.json.Decoder(Envelope).decode


def read_asked(body: bytes) -> Asked | None:
    """None for a body that is not quite as documented; `read_message` decides about it."""
    try:
        return decode(body).message
    except (ValueError, RecursionError):
        return None


def read_message(body: bytes) -> Json:
    """Any message at all: half a surrogate pair, a NaN or a byte that is not UTF-8 spoils nothing but itself.
    MalformedRequest if it has no type."""
    try:
        found = json.loads(body.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError):
        raise not_a_message() from None
    message = part(found, "message") if isinstance(found, dict) else {}
    if not isinstance(message.get("type"), str):
        raise not_a_message()
    return message


def not_a_message() -> MalformedRequest:
    return MalformedRequest(
        "this is not a message of Vapi's", hint='Vapi sends {"message": {"type": ...}}; check what calls this address'
    )
