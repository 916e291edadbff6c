"""Vapi's own numbers as a carrier: free, in the US only, chosen by Vapi, and in Vapi from the start."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from itertools import chain, repeat
from typing import Any, ClassVar

from trunkline.carriers.base import (
    AccountState,
    Capabilities,
    ImportSource,
    Restored,
    not_in_account,
    sold_as,
)
from trunkline.domain.choosing import Criteria, Offer, OwnedNumber
from trunkline.domain.marks import OwnerMark
from trunkline.domain.money import Money
from trunkline.domain.numbers import E164, NumberType
from trunkline.errors import (
    ActionRequired,
    Missing,
    OutcomeUnknown,
    ProviderError,
    Rejected,
    RetryLater,
    Role,
)
from trunkline.providers.account import Account
from trunkline.providers.http import Reply
from trunkline.providers.vapi import NoStock, VapiClient, number_of, server_of, text_of
from trunkline.settings import Settings
from trunkline.texts import host_of

PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
# Without an area code Vapi has made records that never got a number (observed), so one is always asked for. Vapi's
# own hint corrects it where that code has no stock.
ANY_AREA_CODE = "716"
FREE = Money(Decimal(0), "USD")
BLOCKED = "ask Vapi's support why the number is blocked, or delete it in the dashboard"


class VapiCarrier:
    """The free numbers of one organisation at Vapi: at most five.

    The owner mark is the record's name, until the number is connected and named after its restaurant.
    """

    name: ClassVar[str] = "vapi"
    capabilities: ClassVar[Capabilities] = Capabilities(
        exact_number=False,
        countries=frozenset({"US"}),
        types=frozenset({NumberType.LOCAL}),
        imported=False,
        most=5,
    )

    def __init__(self, settings: Settings, account: Account | None = None) -> None:
        self._activation = settings.activation_seconds
        self._api = VapiClient(settings, Role.CARRIER, account)

    @classmethod
    def configured(cls, settings: Settings) -> bool:
        return settings.vapi_api_key is not None

    async def search(self, want: Criteria, country: str, limit: int) -> list[Offer]:
        """One offer without a number: there is no list of stock to search. Asks nobody."""
        reason = None
        if country != "US":
            reason = f"Vapi's own numbers are in the US only, not in {country}"
        elif want.number_type not in (None, NumberType.LOCAL):
            reason = f"Vapi has no {want.number_type} numbers of its own"
        elif want.contains:
            reason = "Vapi chooses the number itself: digits cannot be asked for"
        if reason:
            raise self._api.named(Rejected(reason), "search")
        return [Offer(None, "US", NumberType.LOCAL, FREE.amount, FREE.currency, token=want.area_code)]

    async def buy(self, offer: Offer, mark: OwnerMark) -> OwnedNumber:
        """One ask, and where the area code has no stock one more with the first code that Vapi's refusal names."""
        try:
            row = await self._create(offer.token or ANY_AREA_CODE, mark)
        except NoStock as refused:
            if refused.hint_code is None:
                raise
            row = await self._create(refused.hint_code, mark)
        return sold_as(await self._arrived(row), offer)

    async def find(self, number: E164 | None, mark: OwnerMark) -> OwnedNumber | None:
        """By the number, else by the mark as the record's name.

        A record that is older than an activation may take and never got a number is removed: it would stay so
        (observed after purchases that failed inside Vapi) and occupy one of the five places.
        """
        wanted = str(number or mark)
        async for row in self._own("find", wanted):
            if wanted != (row.get("number") if number else row.get("name")):
                continue
            if owned := self._ready(row):
                return owned
            if row.get("number") or age(row) < self._activation:
                raise self._api.named(RetryLater("the Vapi number is not active yet"), "find")
            with suppress(Missing):
                await self._api.request("phone_numbers.delete", "DELETE", f"/phone-number/{row['id']}")
        return None

    async def lookup(self, number: E164) -> OwnedNumber | None:
        async for row in self._own("lookup", str(number)):
            if number_of(row) == number:
                return read_owned(row)
        return None

    async def owned(self) -> AsyncIterator[OwnedNumber]:
        async for row in self._own("owned"):
            if number_of(row):
                yield read_owned(row)

    async def elsewhere(self) -> list[OwnedNumber]:
        return []

    async def mark(self, owned: OwnedNumber, mark: OwnerMark) -> OwnedNumber:
        reply = await self._change("PATCH", owned, {"name": str(mark)})
        return read_owned(self._api.record("phone_numbers.update", reply))

    async def release(self, owned: OwnedNumber) -> None:
        await self._change("DELETE", owned)

    async def restore(self, owned: OwnedNumber, urls: dict[str, str]) -> Restored:
        """An import changes nothing: the number is in Vapi from the start."""
        return Restored(await self._there(owned, "phone_numbers.list"))

    async def unhook(self, owned: OwnedNumber) -> OwnedNumber:
        """There is nothing beside what an import sets."""
        return owned

    async def offered_types(self, country: str) -> frozenset[NumberType] | None:
        return frozenset({NumberType.LOCAL}) if country == "US" else frozenset()

    async def price(self, country: str, number_type: NumberType) -> Money | None:
        return FREE

    async def account_id(self) -> str:
        """The organisation."""
        return await self._api.organisation()

    async def account(self) -> AccountState | None:
        """The organisation at Vapi, of which Vapi's API tells no balance."""
        return None

    def import_source(self) -> ImportSource:
        """Nothing to import: the record exists and is adopted."""
        return ImportSource("vapi", "vapi", {})

    async def close(self) -> None:
        await self._api.close()

    async def _create(self, area_code: str, mark: OwnerMark) -> dict[str, Any]:
        body = {"provider": "vapi", "name": str(mark), "numberDesiredAreaCode": area_code}
        return await self._api.create("phone_numbers.create", "/phone-number", body)

    async def _arrived(self, row: dict[str, Any]) -> OwnedNumber:
        """The number once it is active: read again until then, for as long as an activation may take."""
        deadline = time.monotonic() + self._activation
        for pause in chain(PAUSES, repeat(PAUSES[-1])):
            try:
                if owned := self._ready(row):
                    return owned
                if time.monotonic() + pause > deadline:
                    break
                await asyncio.sleep(pause)
                row = await self._api.row("phone_numbers.get", f"/phone-number/{row['id']}")
            except ProviderError as error:
                raise self._unknown(f"the new Vapi number could not be followed: {error.detail}") from None
        raise self._unknown(f"the Vapi number is {row.get('status', 'without status')} and not ready")

    async def _change(self, method: str, owned: OwnedNumber, body: dict[str, str] | None = None) -> Reply:
        """One request about one record, by its id: a path without one would be another resource."""
        operation = "phone_numbers.delete" if method == "DELETE" else "phone_numbers.update"
        ref = owned.ref or (await self._there(owned, operation)).ref
        try:
            return await self._api.request(operation, method, f"/phone-number/{ref}", json=body)
        except Missing:
            raise self._api.named(not_in_account(owned.number), operation) from None

    async def _there(self, owned: OwnedNumber, operation: str) -> OwnedNumber:
        held = await self.lookup(owned.number)
        if held is None:
            raise self._api.named(not_in_account(owned.number), operation)
        return held

    async def _own(self, operation: str, search: str | None = None) -> AsyncIterator[dict[str, Any]]:
        async for row in self._api.numbers(operation, search):
            if row.get("provider") == "vapi":
                yield row

    def _ready(self, row: dict[str, Any]) -> OwnedNumber | None:
        """Active and with a number: Vapi has shown active records without one. Blocked needs a person."""
        if row.get("status") == "blocked":
            blocked = ActionRequired(f"Vapi has blocked {row.get('number') or 'the number'}", hint=BLOCKED)
            raise self._api.named(blocked, "phone_numbers.get")
        return read_owned(row) if number_of(row) and row.get("status", "active") == "active" else None

    def _unknown(self, detail: str) -> OutcomeUnknown:
        return self._api.named(OutcomeUnknown(detail), "phone_numbers.create")


def age(row: dict[str, Any]) -> float:
    """Seconds since the record was made; 0 where it does not say."""
    try:
        made = datetime.fromisoformat(str(row.get("createdAt")))
    except ValueError:
        return 0.0
    return (datetime.now(UTC) - made.replace(tzinfo=made.tzinfo or UTC)).total_seconds()


def read_owned(row: dict[str, Any]) -> OwnedNumber:
    server, _ = server_of(row)
    targets = {
        "the assistant": text_of(row, "assistantId"),
        "the squad": text_of(row, "squadId"),
        "the workflow": text_of(row, "workflowId"),
        "the server": host_of(server) if server else None,
    }
    status = row.get("status", "active")
    return OwnedNumber(
        number=E164(number_of(row) or ""),
        ref=str(row["id"]),
        mark_text=text_of(row, "name") or "",
        account=text_of(row, "orgId") or "",
        country="US",
        used_by=next((f"{what} {target}" for what, target in targets.items() if target), None),
        warnings=() if status == "active" else (f"Vapi says that the number is {status}",),
    )
