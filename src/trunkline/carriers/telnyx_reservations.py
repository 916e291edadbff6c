"""Telnyx's reservations: a number that is for sale is kept for this account, and nothing is paid for it."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from itertools import chain, repeat
from typing import Any

from trunkline.carriers.telnyx_wire import normal, rows_of
from trunkline.domain.marks import OwnerMark
from trunkline.domain.numbers import E164
from trunkline.errors import OfferGone, OutcomeUnknown, RetryLater
from trunkline.providers.http import ProviderClient, Reply

PATH = "/number_reservations"
CREATE = "number_reservations.create"
KEPT_FOR = timedelta(minutes=30)  # by Telnyx's guide, where the answer does not say until when
PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0)


async def reserve(client: ProviderClient, number: E164, mark: OwnerMark, patience: float) -> datetime:
    """Until when Telnyx keeps the number for this account. One reservation carries the mark, however often this is
    asked. OfferGone where somebody holds or has reserved it; RetryLater where Telnyx has not decided within `patience`.
    """
    found = await _marked(client, number, mark)
    if found is None:
        found = await _create(client, number, mark)
    deadline = time.monotonic() + patience
    for pause in chain(PAUSES, repeat(PAUSES[-1])):
        if normal(found.get("status")) != "pending" or time.monotonic() + pause > deadline:
            break
        await asyncio.sleep(pause)
        found = _reservation(await client.request("number_reservations.get", "GET", f"{PATH}/{found['id']}"))
    status = normal(found.get("status"))
    if status == "pending":
        raise client.named(RetryLater("the Telnyx reservation is still pending"), CREATE)
    if status != "success":
        why = found.get("errors") or _line(found, number).get("errors") or "it cannot be reserved"
        raise client.named(OfferGone(f"Telnyx does not hold {number}: {why}"), CREATE)
    return _until(_line(found, number))


async def _create(client: ProviderClient, number: E164, mark: OwnerMark) -> dict[str, Any]:
    """Sent once; where its reply is lost, what it has made is looked for."""
    body = {"phone_numbers": [{"phone_number": number}], "customer_reference": str(mark)}
    try:
        return _reservation(await client.request(CREATE, "POST", PATH, json=body, creates=True))
    except OutcomeUnknown as error:
        found = await _marked(client, number, mark)
        if found is None:
            raise client.named(RetryLater(error.detail), CREATE) from None
        return found


async def _marked(client: ProviderClient, number: E164, mark: OwnerMark) -> dict[str, Any] | None:
    """The newest reservation under this mark that has not run out and did not fail."""
    params = {"filter[customer_reference]": str(mark)}
    reply = await client.request("number_reservations.list", "GET", PATH, params=params)
    for found in rows_of(reply, "id", "phone_numbers"):
        line = _line(found, number)
        live = line and normal(found.get("status")) in ("pending", "success") and _until(line) > datetime.now(UTC)
        if live and found.get("customer_reference") == str(mark):
            return found
    return None


def _reservation(reply: Reply) -> dict[str, Any]:
    found = reply.body.get("data") if isinstance(reply.body, dict) else None
    if not isinstance(found, dict) or not found.get("id") or not isinstance(found.get("phone_numbers"), list):
        raise RetryLater("Telnyx's answer cannot be read", provider="telnyx")
    return found


def _line(found: dict[str, Any], number: E164) -> dict[str, Any]:
    return next((line for line in found["phone_numbers"] if line.get("phone_number") == number), {})


def _until(line: dict[str, Any]) -> datetime:
    try:
        until = datetime.fromisoformat(str(line.get("expired_at")))
    except ValueError:
        return datetime.now(UTC) + KEPT_FOR
    return until.replace(tzinfo=until.tzinfo or UTC)
