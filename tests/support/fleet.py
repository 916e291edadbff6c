"""Very many numbers in service at once: seeded in the sandbox, and in our books as its lists show them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from sqlalchemy import insert

from tests.support.desk import Desk
from tests.support.sandbox_server import SandboxServer
from trunkline.db import accounts
from trunkline.db.models import Mapping, Number, Restaurant, utcnow
from trunkline.domain.choosing import OwnedNumber
from trunkline.domain.ids import new_id
from trunkline.domain.money import Money
from trunkline.domain.numbers import NumberState, NumberType
from trunkline.sandbox import telnyx, twilio, vapi, vonage
from trunkline.voice.base import VoiceNumber
from trunkline.workflows.accounts import VOICE, keys_of

ACCOUNTS = {
    "twilio": (twilio.DEFAULT_ACCOUNT, "+1415551"),
    "telnyx": (telnyx.DEFAULT_ACCOUNT, "+1415552"),
    "vonage": (vonage.DEFAULT_ACCOUNT, "+1415553"),
    "vapi": (vapi.DEFAULT_ACCOUNT, "+1415554"),
}
MARKS = {"twilio": "friendly_name", "telnyx": "customer_reference"}
GIVEN_BACK = 5  # at each carrier that takes numbers back


def seed(sandbox: SandboxServer, installation: str, each: int, carriers: Iterable[str] = tuple(ACCOUNTS)) -> list[str]:
    """So many numbers in each account and in Vapi, under our marks; those that were given back before."""
    rows: list[dict[str, Any]] = []
    back: list[str] = []
    for carrier in carriers:
        account, prefix = ACCOUNTS[carrier]
        for line in range(each):
            wire = {MARKS[carrier]: f"trunkline-{installation}-asg_{line}"} if carrier in MARKS else {}
            rows.append({"carrier": carrier, "number": f"{prefix}{line:04d}", "account": account, "wire": wire})
        gone = [f"{prefix}9{line:03d}" for line in range(GIVEN_BACK if carrier != "vapi" else 0)]
        rows += [{"carrier": carrier, "number": number, "history": ["released"]} for number in gone]
        back += gone
    sandbox.control.post("/numbers", params={"imported": "true"}, json=rows).raise_for_status()
    return back


async def keep_books(desk: Desk, back: Iterable[str] = ()) -> None:
    """A restaurant for each number that the accounts hold, and that these were given back."""
    services, ago = desk.services, utcnow() - timedelta(days=30)
    voices = {voice.number: voice for voice in await services.voice.numbers()}
    numbers: list[dict[str, Any]] = []
    for name, carrier in services.carriers.items():
        price = await carrier.price("US", NumberType.LOCAL)
        numbers += [row_of(name, one, voices[one.number], price) async for one in carrier.owned()]
    held = [row["number"] for row in numbers]
    gone = {"state": NumberState.RELEASED.value, "carrier": "twilio", "released_at": ago}
    blank = dict.fromkeys(numbers[0])
    for number in back:
        numbers.append(blank | gone | {"number": number})
    restaurants = [
        {"id": f"rst_{n:05d}", "name": f"Restaurant {n}", "api_key_hash": f"{n:064d}"} for n in range(len(held))
    ]
    mappings = [
        {"id": new_id("map"), "number": number, "restaurant_id": f"rst_{n:05d}", "active": True, "source": "purchased"}
        for n, number in enumerate(held)
    ]
    async with services.database.write() as session:
        for table, rows in ((Number, numbers), (Restaurant, restaurants), (Mapping, mappings)):
            await session.execute(insert(table), rows)
        for provider in (VOICE, *services.carriers):
            await accounts.remember(session, provider, "")
    for provider in (VOICE, *services.carriers):
        await keys_of(services, provider)


def row_of(carrier: str, owned: OwnedNumber, voice: VoiceNumber, price: Money | None) -> dict[str, Any]:
    target = {"assistant_id": voice.assistant_id} | ({"application": owned.application} if owned.application else {})
    return {
        "number": owned.number,
        "state": NumberState.IN_SERVICE.value,
        "carrier": carrier,
        "account": owned.account or None,
        "carrier_ref": owned.ref,
        "voice_id": voice.id,
        "target": target,
        "country": "US",
        "number_type": NumberType.LOCAL.value,
        "monthly_price": price.amount if price else None,
        "currency": price.currency if price else None,
        "released_at": None,
    }
