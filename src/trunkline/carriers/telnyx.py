"""Telnyx: numbers are ordered, an order is asynchronous, and customer_reference carries the owner mark."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import chain, repeat
from typing import Any, ClassVar

import phonenumbers

from trunkline.carriers.base import (
    AccountState,
    Capabilities,
    ImportSource,
    Restored,
    amount,
    answered_by_vapi,
    as_e164,
    fingerprint,
    not_in_account,
    sold_as,
)
from trunkline.carriers.telnyx_reservations import reserve
from trunkline.carriers.telnyx_wire import (
    ENDED,
    LEVEL,
    NOT_HELD,
    AlreadyHeld,
    NotSearched,
    age,
    country_in,
    is_masked,
    is_own,
    lacks_papers,
    normal,
    number_of,
    order_of,
    read_offer,
    read_owned,
    refusal,
    requirements_of,
    rows_of,
    status_of,
    waits_for_papers,
)
from trunkline.domain.choosing import Criteria, Offer, OwnedNumber
from trunkline.domain.marks import OwnerMark
from trunkline.domain.money import Money
from trunkline.domain.numbers import E164, NumberType
from trunkline.errors import (
    AccountLevel,
    ActionRequired,
    Missing,
    OfferGone,
    OutcomeUnknown,
    ProviderError,
    Rejected,
    RetryLater,
    SettingsError,
    WrongNumber,
)
from trunkline.providers.account import Account
from trunkline.providers.http import ProviderClient, Reply
from trunkline.providers.paging import Page, every
from trunkline.settings import Settings, by_country

PAGE = 250
MOST_OFFERS = 50
PAPERS_SHOW = 60.0  # seconds until an order shows that papers came with it
PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0)


class TelnyxCarrier:
    """One Telnyx account.

    An order's 200 is not a purchase: `buy` waits for the order within the provider's timeout and then for the number
    to be listed. `connection_id` is left alone: an import into Vapi sets it, and setting it afterwards breaks calls.
    """

    name: ClassVar[str] = "telnyx"
    capabilities: ClassVar[Capabilities] = Capabilities(types=frozenset(NumberType), credential="needed")

    def __init__(self, settings: Settings, account: Account | None = None) -> None:
        if settings.telnyx_api_key is None:
            raise SettingsError("Telnyx needs TELNYX_API_KEY")
        self._key = settings.telnyx_api_key
        self._account = f"telnyx-{fingerprint(self._key.get_secret_value())}"
        self._groups = settings.telnyx_requirement_group_id
        self._credential_id = settings.telnyx_vapi_credential_id
        self._patience = settings.provider_timeout_seconds
        self._listing_lag = settings.listing_lag_seconds
        self._client = ProviderClient(
            account or Account.of(self.name, settings),
            settings.telnyx_base_url,
            headers={"Authorization": f"Bearer {self._key.get_secret_value()}"},
            classify=refusal,
            is_own=is_own,
        )

    @classmethod
    def configured(cls, settings: Settings) -> bool:
        return settings.telnyx_api_key is not None

    async def search(self, want: Criteria, country: str, limit: int) -> list[Offer]:
        """Local numbers where no type is asked: Telnyx's answer does not say the type, so one must be asked for."""
        kind = want.number_type or NumberType.LOCAL
        filters = {
            "country_code": country,
            "phone_number_type": kind.value,
            "national_destination_code": want.area_code,
            "limit": str(min(limit, MOST_OFFERS)),
        }
        digits = {"contains": want.contains} if want.contains else {}
        rows = await self._available(filters, digits)
        offers = [offer for row in rows if (offer := read_offer(row, country, kind))]
        if not offers and any(map(is_masked, rows)):
            detail = f"Telnyx sells {kind} numbers of {country} and hides which from this account"
            raise self._client.named(AccountLevel(detail, hint=LEVEL), "available_phone_numbers.list")
        return offers

    async def buy(self, offer: Offer, mark: OwnerMark) -> OwnedNumber:
        if offer.number is None:
            raise Rejected("Telnyx sells exact numbers only", provider=self.name, operation="number_orders.create")
        try:
            order = await self._place(offer.number, offer.country, mark)
        except AlreadyHeld:
            held = await self.find(offer.number, mark)
            if held is None or held.mark_text != str(mark):
                raise
            return sold_as(held, offer)
        ordered = as_e164(order["phone_numbers"][0].get("phone_number"))
        if ordered is None:
            raise self._unknown("Telnyx's answer cannot be read")
        if ordered != offer.number:
            detail = f"Telnyx took an order for {ordered} instead of {offer.number}"
            raise WrongNumber(detail, self._bought(ordered, mark), provider=self.name, operation="number_orders.create")
        return sold_as(await self._completed(order, offer.number, offer.country, mark), offer)

    async def hold(self, number: E164, mark: OwnerMark) -> datetime:
        return await reserve(self._client, number, mark, self._patience)

    async def find(self, number: E164 | None, mark: OwnerMark) -> OwnedNumber | None:
        """First the orders that carry the mark, then the numbers.

        A successful order whose number is not listed counts as held while the listing may lag; after that the listing
        is the truth (the number was released since). An order for which nobody has handed in papers is cancelled here
        too: it would not end by itself for weeks, and its number could not be ordered again. One whose papers Telnyx
        looks at, or wants others for, is left alone: it goes on by itself, or with what a person does in the portal.
        """
        orders = [await self._read_order(order) for order in await self._orders(number, mark)]
        for order in filter(waits_for_papers, orders):
            if lacks_papers(order) and not self._may_get_papers(order):
                raise await self._cancelled(order)
            raise self._client.named(self._in_review(order), "find")
        held = await self._listed(number, mark)
        succeeded = next((order for order in orders if status_of(order) == "success"), None)
        if succeeded and held:
            return replace(held, mark_text=held.mark_text or str(mark))
        if succeeded and age(succeeded) <= self._listing_lag:
            bought = number or E164(succeeded["phone_numbers"][0]["phone_number"])
            return self._bought(bought, mark)
        if held is None and any(status_of(order) == "pending" for order in orders):
            raise RetryLater("the Telnyx order is still pending", provider=self.name, operation="find")
        return held

    async def lookup(self, number: E164) -> OwnedNumber | None:
        return await self._listed(number, None)

    async def owned(self) -> AsyncIterator[OwnedNumber]:
        async for row in self._numbers({}):
            if normal(row.get("status")) not in NOT_HELD and as_e164(row["phone_number"]):
                yield read_owned(row, self._account)

    async def elsewhere(self) -> list[OwnedNumber]:
        return []

    async def mark(self, owned: OwnedNumber, mark: OwnerMark) -> OwnedNumber:
        reply = await self._change("phone_numbers.update", "PATCH", owned, {"customer_reference": str(mark)})
        return read_owned(number_of(reply), self._account)

    async def release(self, owned: OwnedNumber) -> None:
        await self._change("phone_numbers.delete", "DELETE", owned)

    async def restore(self, owned: OwnedNumber, urls: dict[str, str]) -> Restored:
        """Telnyx's documents name a string for a connection and no way to clear it; an empty one is what we send."""
        held = await self._listed(owned.number, None)
        if held is None:
            raise self._not_here(owned, "phone_numbers.list")
        now, before = held.urls["connection_id"], urls.get("connection_id")
        if before in (None, now):
            before = "" if answered_by_vapi(held, owned) else now
        if before == now:
            return Restored(held)
        reply = await self._change("phone_numbers.update", "PATCH", held, {"connection_id": before})
        return Restored(read_owned(number_of(reply), self._account), ("connection_id",))

    async def unhook(self, owned: OwnedNumber) -> OwnedNumber:
        """There is nothing beside what an import sets."""
        return owned

    async def offered_types(self, country: str) -> frozenset[NumberType] | None:
        return None

    async def price(self, country: str, number_type: NumberType) -> Money | None:
        return None

    async def account_id(self) -> str:
        """Telnyx keys have no public id: the account is known by a fingerprint of the key."""
        return self._account

    async def account(self) -> AccountState:
        reply = await self._client.request("balance.get", "GET", "/balance")
        row = (reply.body.get("data") if isinstance(reply.body, dict) else None) or {}
        return AccountState(balance=amount(row.get("balance")), currency=row.get("currency"))

    def import_source(self) -> ImportSource:
        return ImportSource("telnyx", self._account, {"apiKey": self._key}, credential_id=self._credential_id)

    async def close(self) -> None:
        await self._client.close()

    def _bought(self, number: E164, mark: OwnerMark) -> OwnedNumber:
        """A number whose order has succeeded and that is not listed yet. Telnyx takes a number for an id."""
        return OwnedNumber(number, number, mark_text=str(mark), account=self._account)

    def _not_here(self, owned: OwnedNumber, operation: str) -> Missing:
        return not_in_account(owned.number, provider=self.name, operation=operation)

    async def _change(self, operation: str, method: str, owned: OwnedNumber, body: Any = None) -> Reply:
        """One request about one number of the account, by its id: a path without one would be another resource."""
        held = owned if owned.ref.isdigit() else await self._listed(owned.number, None)
        if held is None:
            raise self._not_here(owned, operation)
        try:
            return await self._client.request(operation, method, f"/phone_numbers/{held.ref}", json=body)
        except Missing:
            raise self._not_here(owned, operation) from None

    async def _available(
        self, filters: Mapping[str, str | None], digits: dict[str, str], with_held: bool = False
    ) -> list[dict[str, Any]]:
        """Held numbers are those that this account has just released, or has reserved: only one that was chosen
        already is looked for among them."""
        params = {f"filter[{name}]": value for name, value in filters.items() if value is not None}
        params |= {f"filter[phone_number][{name}]": value for name, value in digits.items()}
        params |= {"filter[features][]": "voice", "filter[exclude_held_numbers]": str(not with_held).lower()}
        path = "/available_phone_numbers"
        reply = await self._client.request("available_phone_numbers.list", "GET", path, params=params)
        return rows_of(reply, "phone_number")

    async def _place(self, number: E164, country: str, mark: OwnerMark) -> dict[str, Any]:
        """One order; one more if Telnyx wants the number searched first, which means that nothing was ordered."""
        try:
            return await self._order(number, country, mark)
        except NotSearched:
            national = str(phonenumbers.national_significant_number(phonenumbers.parse(number)))
            filters = {"country_code": country, "limit": str(MOST_OFFERS)}
            rows = await self._available(filters, {"starts_with": national}, with_held=True)
            if not any(row.get("phone_number") == number for row in rows):
                raise
        return await self._order(number, country, mark)

    async def _order(self, number: E164, country: str, mark: OwnerMark) -> dict[str, Any]:
        line: dict[str, str] = {"phone_number": number}
        if group := by_country(self._groups, country):
            line["requirement_group_id"] = group
        body = {"phone_numbers": [line], "customer_reference": str(mark)}
        reply = await self._client.request("number_orders.create", "POST", "/number_orders", json=body, creates=True)
        try:
            return order_of(reply)
        except RetryLater as error:
            raise self._unknown(error.detail) from None

    async def _completed(self, order: dict[str, Any], number: E164, country: str, mark: OwnerMark) -> OwnedNumber:
        """The number once its order has succeeded and it is listed. A successful order without a listed number is a
        purchase all the same. OutcomeUnknown while the order is pending."""
        deadline = time.monotonic() + self._patience
        for pause in chain(PAUSES, repeat(PAUSES[-1])):
            if time.monotonic() + pause > deadline:
                break
            await asyncio.sleep(pause)
            refusal = None
            try:
                order = await self._read_order(order)
                held = await self._listed(number, mark) if status_of(order) == "success" else None
                if lacks_papers(order) and not self._may_get_papers(order):
                    refusal = await self._cancelled(order)
            except ProviderError as error:
                raise self._unknown(f"the Telnyx order could not be followed: {error.detail}") from None
            if refusal is not None:
                raise refusal
            if held is not None:
                return replace(held, mark_text=held.mark_text or str(mark))
            if status_of(order) in ENDED:
                raise OfferGone(f"the Telnyx order for {number} ended as {status_of(order)}", provider=self.name)
        if status_of(order) == "success":
            return self._bought(number, mark)
        pending = self._in_review(order).detail if waits_for_papers(order) else "the Telnyx order is still pending"
        raise self._unknown(pending)

    def _may_get_papers(self, order: dict[str, Any]) -> bool:
        """Whether papers have gone with an order that shows none: a group's may not show on it at once."""
        return by_country(self._groups, country_in(order)) is not None and age(order) < PAPERS_SHOW

    def _in_review(self, order: dict[str, Any]) -> RetryLater:
        number = order["phone_numbers"][0].get("phone_number")
        if requirements_of(order).endswith("exception"):
            return RetryLater(
                f"Telnyx wants other papers for the order of {number}",
                hint="correct the papers of the order in the Telnyx portal, or cancel it there",
            )
        hint = "nothing: it is followed; the Telnyx portal shows the review"
        return RetryLater(f"Telnyx looks at the papers for the order of {number}", hint=hint)

    async def _cancelled(self, order: dict[str, Any]) -> ActionRequired:
        """Cancel an order that waits for papers; the error that says which are missing."""
        number, country = order["phone_numbers"][0]["phone_number"], country_in(order)
        try:
            for sub in order.get("sub_number_orders_ids") or []:
                await self._client.request("sub_number_orders.cancel", "PATCH", f"/sub_number_orders/{sub}/cancel")
        except ProviderError as error:
            detail = f"a Telnyx order for {number} waits for papers and could not be cancelled: {error.detail}"
            raise RetryLater(detail, provider=self.name, operation="sub_number_orders.cancel") from None
        return ActionRequired(
            f"Telnyx wants papers for {number}; the order was cancelled",
            provider=self.name,
            operation="number_orders.create",
            hint=f"have Telnyx approve a requirement group for numbers of {country} and set "
            f"TELNYX_REQUIREMENT_GROUP_ID={country}=its id",
        )

    async def _read_order(self, order: dict[str, Any]) -> dict[str, Any]:
        """A pending order as it stands now. One that was just made can answer 404 for a moment (observed)."""
        if status_of(order) != "pending":
            return order
        try:
            reply = await self._client.request("number_orders.get", "GET", f"/number_orders/{order['id']}")
        except Missing:
            return order
        return order_of(reply)

    async def _orders(self, number: E164 | None, mark: OwnerMark) -> list[dict[str, Any]]:
        by = {"filter[customer_reference]": str(mark)}
        orders = self._all("number_orders.list", "/number_orders", by, "phone_numbers")
        marked = [order async for order in orders if order.get("customer_reference") == str(mark)]
        return [o for o in marked if number in (None, *(line.get("phone_number") for line in o["phone_numbers"]))]

    async def _listed(self, number: E164 | None, mark: OwnerMark | None) -> OwnedNumber | None:
        """Our number that is `number`, or that carries the mark. Telnyx's number filter is a partial match on digits
        (its document: other characters give no results), so the answer is compared exactly."""
        by = {"filter[phone_number]": number.lstrip("+")} if number else {"filter[customer_reference]": str(mark)}
        async for row in self._numbers(by):
            same = as_e164(row["phone_number"]) == number if number else row.get("customer_reference") == str(mark)
            if same and normal(row.get("status")) not in NOT_HELD:
                return read_owned(row, self._account)
        return None

    def _numbers(self, filters: dict[str, str]) -> AsyncIterator[dict[str, Any]]:
        return self._all("phone_numbers.list", "/phone_numbers", filters, "phone_number")

    def _all(self, operation: str, path: str, filters: dict[str, str], needed: str) -> AsyncIterator[dict[str, Any]]:
        async def read(page: int) -> Page[int]:
            params = {**filters, "page[number]": str(page), "page[size]": str(PAGE)}
            reply = await self._client.request(operation, "GET", path, params=params)
            rows, meta = rows_of(reply, "id", needed), reply.body.get("meta") or {}
            pages, total = meta.get("total_pages"), meta.get("total_results")
            last = page >= pages if isinstance(pages, int) else len(rows) < PAGE
            return Page(rows, None if last else page + 1, total if isinstance(total, int) else None)

        return every(self._client, operation, read, 1, "id")

    def _unknown(self, detail: str) -> OutcomeUnknown:
        return OutcomeUnknown(detail, provider=self.name, operation="number_orders.create")
