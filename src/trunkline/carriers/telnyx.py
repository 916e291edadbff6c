"""Telnyx: numbers are ordered, an order is asynchronous, and customer_reference carries the owner mark."""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain, repeat
from typing import Any, ClassVar

import phonenumbers

from trunkline.carriers.base import AccountState, Capabilities, ImportSource, amount
from trunkline.domain.choosing import Criteria, Offer, OwnedNumber
from trunkline.domain.marks import OwnerMark
from trunkline.domain.numbers import E164, NumberType, country_of
from trunkline.errors import (
    ActionRequired,
    Missing,
    OfferGone,
    OutcomeUnknown,
    ProviderError,
    Rejected,
    RetryLater,
    SettingsError,
    TrialLimit,
)
from trunkline.logs import REDACTOR
from trunkline.providers.account import Account
from trunkline.providers.http import ProviderClient, Reply
from trunkline.settings import Settings, by_country

PAGE = 250
MOST_OFFERS = 50
PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0)
ENDED = {"failure", "failed", "cancelled", "canceled", "deleted"}
# Telnyx lists numbers that it has not delivered yet, and some that have left the account.
NOT_HELD = {"purchase-pending", "purchase-failed", "port-pending", "port-failed", "deleted", "ported-out"}

KEYS = "check TELNYX_API_KEY: it must be a live key with permission for numbers"
ACCOUNT = "put the account in order in the Telnyx portal"
CREDIT = "add credit to the Telnyx account"
LOCKED = "lift the deletion lock of the number in the Telnyx portal"


class NotSearched(OfferGone):
    """85000: an order is taken only for a number that this account was recently shown by a search."""


class AlreadyHeld(OfferGone):
    """409: some account, perhaps ours, owns the number (observed by Telnyx's own CLI)."""


# By Telnyx's code, and by the HTTP status where no code is known.
REFUSALS: dict[str, tuple[type[ProviderError], str | None]] = {
    **dict.fromkeys(("10006", "10009", "10010", "20001", "20002", "20003", "20008"), (ActionRequired, KEYS)),
    **dict.fromkeys(("20012", "20013", "20014", "20016", "20017"), (ActionRequired, ACCOUNT)),
    **dict.fromkeys(("20100", "402"), (ActionRequired, CREDIT)),
    **dict.fromkeys(("401", "403"), (ActionRequired, KEYS)),
    **dict.fromkeys(("10005", "404"), (Missing, None)),
    **dict.fromkeys(("10038", "10039"), (TrialLimit, None)),
    **dict.fromkeys(("85001", "85006", "85007"), (OfferGone, None)),
    "10021": (ActionRequired, LOCKED),
    "10036": (RetryLater, None),
    "85000": (NotSearched, None),
    "409": (AlreadyHeld, None),
}


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
        self._groups = settings.telnyx_requirement_group_id
        self._credential_id = settings.telnyx_vapi_credential_id
        self._patience = settings.provider_timeout_seconds
        self._listing_lag = settings.listing_lag_seconds
        self._client = ProviderClient(
            account or Account.of(self.name, settings),
            settings.telnyx_base_url,
            headers={"Authorization": f"Bearer {self._key.get_secret_value()}"},
            classify=refusal,
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
        return [offer for row in rows if (offer := read_offer(row, country, kind))]

    async def buy(self, offer: Offer, mark: OwnerMark) -> OwnedNumber:
        if offer.number is None:
            raise Rejected("Telnyx sells exact numbers only", provider=self.name, operation="number_orders.create")
        try:
            order = await self._place(offer.number, offer.country, mark)
        except AlreadyHeld:
            held = await self.find(offer.number, mark)
            if held is None or held.mark_text != str(mark):
                raise
            return held
        return await self._completed(order, offer.number, offer.country, mark)

    async def find(self, number: E164 | None, mark: OwnerMark) -> OwnedNumber | None:
        """First the orders that carry the mark, then the numbers.

        A successful order whose number is not listed counts as held while the listing may lag; after that the listing
        is the truth (the number was released since). An order that waits for papers is cancelled here too: it would
        not end by itself for weeks, and its number could not be ordered again.
        """
        orders = [await self._read_order(order) for order in await self._orders(number, mark)]
        if waiting := next((order for order in orders if wants_papers(order)), None):
            raise await self._cancelled(waiting)
        held = await self._listed(number, mark)
        succeeded = next((order for order in orders if status_of(order) == "success"), None)
        if succeeded and held:
            return replace(held, mark_text=held.mark_text or str(mark))
        if succeeded and age(succeeded) <= self._listing_lag:
            bought = number or E164(succeeded["phone_numbers"][0]["phone_number"])
            return OwnedNumber(bought, bought, mark_text=str(mark))
        if held is None and any(status_of(order) == "pending" for order in orders):
            raise RetryLater("the Telnyx order is still pending", provider=self.name, operation="find")
        return held

    async def owned(self) -> AsyncIterator[OwnedNumber]:
        async for row in self._numbers({}):
            if normal(row.get("status")) not in NOT_HELD:
                yield read_owned(row)

    async def release(self, owned: OwnedNumber) -> None:
        ref = owned.ref
        if not ref.isdigit():
            held = await self._listed(owned.number, None)
            if held is None:
                return
            ref = held.ref
        try:
            await self._client.request("phone_numbers.delete", "DELETE", f"/phone_numbers/{ref}")
        except Missing:
            return

    async def restore(self, owned: OwnedNumber, urls: dict[str, str]) -> None:
        held = await self._listed(owned.number, None)
        before = urls.get("connection_id")
        if held is None or before is None or held.urls["connection_id"] == before:
            return
        try:
            path = f"/phone_numbers/{held.ref}"
            await self._client.request("phone_numbers.update", "PATCH", path, json={"connection_id": before})
        except Missing:
            return

    async def offered_types(self, country: str) -> frozenset[NumberType] | None:
        return None

    async def account(self) -> AccountState:
        reply = await self._client.request("balance.get", "GET", "/balance")
        row = (reply.body.get("data") if isinstance(reply.body, dict) else None) or {}
        return AccountState(balance=amount(row.get("balance")), currency=row.get("currency"))

    def import_source(self) -> ImportSource:
        """Telnyx keys have no public id: the account is known by a fingerprint of the key."""
        fingerprint = hashlib.sha256(self._key.get_secret_value().encode()).hexdigest()[:8]
        return ImportSource("telnyx", f"telnyx-{fingerprint}", {"apiKey": self._key}, credential_id=self._credential_id)

    async def close(self) -> None:
        await self._client.close()

    async def _available(self, filters: Mapping[str, str | None], digits: dict[str, str]) -> list[dict[str, Any]]:
        """Held numbers are left out: they are those that this account has just released."""
        params = {f"filter[{name}]": value for name, value in filters.items() if value is not None}
        params |= {f"filter[phone_number][{name}]": value for name, value in digits.items()}
        params |= {"filter[features][]": "voice", "filter[exclude_held_numbers]": "true"}
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
            rows = await self._available(filters, {"starts_with": national})
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
        may_wait_for_papers = by_country(self._groups, country) is not None
        for pause in chain(PAUSES, repeat(PAUSES[-1])):
            if time.monotonic() + pause > deadline:
                break
            await asyncio.sleep(pause)
            refusal = None
            try:
                order = await self._read_order(order)
                held = await self._listed(number, mark) if status_of(order) == "success" else None
                if wants_papers(order) and not may_wait_for_papers:
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
            return OwnedNumber(number, number, mark_text=str(mark))
        raise self._unknown("the Telnyx order is still pending")

    async def _cancelled(self, order: dict[str, Any]) -> ActionRequired:
        """Cancel an order that waits for papers; the error that says which are missing."""
        line = order["phone_numbers"][0]
        number = line["phone_number"]
        try:
            for sub in order.get("sub_number_orders_ids") or []:
                await self._client.request("sub_number_orders.cancel", "PATCH", f"/sub_number_orders/{sub}/cancel")
        except ProviderError as error:
            detail = f"a Telnyx order for {number} waits for papers and could not be cancelled: {error.detail}"
            raise RetryLater(detail, provider=self.name, operation="sub_number_orders.cancel") from None
        country = line.get("country_iso_alpha2") or country_of(number)
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
        params = {"filter[customer_reference]": str(mark), "page[size]": str(PAGE)}
        reply = await self._client.request("number_orders.list", "GET", "/number_orders", params=params)
        marked = [row for row in rows_of(reply, "id", "phone_numbers") if row.get("customer_reference") == str(mark)]
        return [o for o in marked if number in (None, *(line.get("phone_number") for line in o["phone_numbers"]))]

    async def _listed(self, number: E164 | None, mark: OwnerMark | None) -> OwnedNumber | None:
        """Our number that is `number`, or that carries the mark. Telnyx's number filter is a partial match on digits
        (its document: other characters give no results), so the answer is compared exactly."""
        by = {"filter[phone_number]": number.lstrip("+")} if number else {"filter[customer_reference]": str(mark)}
        async for row in self._numbers(by):
            same = row["phone_number"] == number if number else row.get("customer_reference") == str(mark)
            if same and normal(row.get("status")) not in NOT_HELD:
                return read_owned(row)
        return None

    async def _numbers(self, filters: dict[str, str]) -> AsyncIterator[dict[str, Any]]:
        """All pages, each number once. A page without anything new is an error and not the end: a server that answers
        page 1 for ever would otherwise be read for ever."""
        seen: set[str] = set()
        page = 1
        while True:
            params = {**filters, "page[number]": str(page), "page[size]": str(PAGE)}
            reply = await self._client.request("phone_numbers.list", "GET", "/phone_numbers", params=params)
            rows = rows_of(reply, "id", "phone_number")
            new = [row for row in rows if row["id"] not in seen]
            total = (reply.body.get("meta") or {}).get("total_pages")
            last = page >= total if isinstance(total, int) else len(rows) < PAGE
            if not new and (rows or not last):
                raise RetryLater("Telnyx repeats or leaves out a page of the numbers", provider=self.name)
            for row in new:
                seen.add(row["id"])
                yield row
            if last:
                return
            page += 1

    def _unknown(self, detail: str) -> OutcomeUnknown:
        return OutcomeUnknown(detail, provider=self.name, operation="number_orders.create")


def refusal(reply: Reply) -> ProviderError:
    """Telnyx's errors by the first code that we know, else by the status."""
    listed = reply.body.get("errors") if isinstance(reply.body, dict) else None
    errors = [e for e in listed if isinstance(e, dict)] if isinstance(listed, list) else []
    known = next((e for e in errors if str(e.get("code")) in REFUSALS), None)
    said = known or (errors[0] if errors else {})
    code = str(said["code"]) if "code" in said else None
    kind, hint = REFUSALS.get(str(code) if known else str(reply.status), (Rejected, None))
    words = REDACTOR.text(": ".join(str(said[key]) for key in ("title", "detail") if said.get(key)))[:300]
    return kind(f"Telnyx: {words or f'refused ({reply.status})'}", vendor_code=code, hint=hint)


def rows_of(reply: Reply, *needed: str) -> list[dict[str, Any]]:
    rows = reply.body.get("data") if isinstance(reply.body, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) and all(map(row.get, needed)) for row in rows):
        raise RetryLater("Telnyx's answer cannot be read", provider="telnyx")
    return rows


def order_of(reply: Reply) -> dict[str, Any]:
    order = reply.body.get("data") if isinstance(reply.body, dict) else None
    if not isinstance(order, dict) or not order.get("id") or not order.get("phone_numbers"):
        raise RetryLater("Telnyx's answer cannot be read", provider="telnyx")
    return order


def normal(status: Any) -> str:
    """Older pages of Telnyx write underscores where the present API writes dashes."""
    return str(status or "").lower().replace("_", "-")


def status_of(order: dict[str, Any]) -> str:
    """The order's status; that of its line where the line has ended and the order does not say so yet."""
    lines = order.get("phone_numbers") or [{}]
    ends = [s for key in ("status", "requirements_status") if (s := normal(lines[0].get(key))) in ENDED]
    return ends[0] if ends else normal(order.get("status"))


def wants_papers(order: dict[str, Any]) -> bool:
    return status_of(order) == "pending" and order.get("requirements_met") is False


def age(order: dict[str, Any]) -> float:
    """Seconds since the order last changed."""
    text = order.get("updated_at") or order.get("created_at")
    try:
        changed = datetime.fromisoformat(str(text))
    except ValueError:
        return float("inf")
    return (datetime.now(UTC) - changed.replace(tzinfo=changed.tzinfo or UTC)).total_seconds()


def read_offer(row: dict[str, Any], country: str, kind: NumberType) -> Offer | None:
    """None for what is not on offer as asked: redacted numbers (a trial sees +49351xxxxxxx), numbers of elsewhere
    that Telnyx mixes in (best_effort), and numbers without voice."""
    number = str(row.get("phone_number", ""))
    features = {feature.get("name") for feature in row.get("features") or []}
    if not re.fullmatch(r"\+\d{7,15}", number) or row.get("best_effort") or (features and "voice" not in features):
        return None
    cost = row.get("cost_information") or {}
    price = amount(cost.get("monthly_cost"))
    return Offer(E164(number), country, kind, price, cost.get("currency") if price is not None else None)


def read_owned(row: dict[str, Any]) -> OwnedNumber:
    connection = row.get("connection_id") or ""
    status = normal(row.get("status"))
    return OwnedNumber(
        number=E164(row["phone_number"]),
        ref=str(row["id"]),
        mark_text=row.get("customer_reference") or "",
        used_by=f"connection {row.get('connection_name') or connection}" if connection else None,
        urls={"connection_id": connection},
        warnings=() if status == "active" else (f"Telnyx says that the number is {status}",),
    )
