"""Telnyx: numbers are ordered, an order is asynchronous, and customer_reference carries the owner mark."""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar

import phonenumbers

from trunkline.carriers.base import Capabilities, ImportSource
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
    TrialLimit,
)
from trunkline.http import Limits, ProviderClient, Reply
from trunkline.settings import Settings, by_country

PAGE = 250
MOST_OFFERS = 50
PAUSES = (0.25, 0.5, 1.0, 2.0)
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


CODES: dict[str, tuple[type[ProviderError], str | None]] = {
    **dict.fromkeys(("10006", "10009", "10010", "20001", "20002", "20003", "20008"), (ActionRequired, KEYS)),
    **dict.fromkeys(("20012", "20013", "20014", "20016", "20017"), (ActionRequired, ACCOUNT)),
    "20100": (ActionRequired, CREDIT),
    "10021": (ActionRequired, LOCKED),
    "10005": (Missing, None),
    "10036": (RetryLater, None),
    **dict.fromkeys(("10038", "10039"), (TrialLimit, None)),
    "85000": (NotSearched, None),
    **dict.fromkeys(("85001", "85006", "85007"), (OfferGone, None)),
}
STATUSES: dict[int, tuple[type[ProviderError], str | None]] = {
    402: (ActionRequired, CREDIT),
    404: (Missing, None),
    409: (AlreadyHeld, None),
}


class TelnyxCarrier:
    """One Telnyx account.

    An order's 200 is not a purchase: `buy` waits for the order within the provider's timeout and then for the number
    to be listed. `connection_id` is left alone: an import into Vapi sets it, and setting it afterwards breaks calls.
    """

    name: ClassVar[str] = "telnyx"
    capabilities: ClassVar[Capabilities] = Capabilities(types=frozenset(NumberType), credential="needed")

    def __init__(self, settings: Settings) -> None:
        assert settings.telnyx_api_key is not None
        self._key = settings.telnyx_api_key
        self._groups = settings.telnyx_requirement_group_id
        self._credential_id = settings.telnyx_vapi_credential_id
        self._patience = settings.provider_timeout_seconds
        self._listing_lag = settings.listing_lag_seconds
        self._client = ProviderClient(
            self.name,
            settings.telnyx_base_url,
            Limits(
                settings.provider_requests_per_second,
                settings.provider_concurrency,
                settings.provider_timeout_seconds,
            ),
            headers={"Authorization": f"Bearer {self._key.get_secret_value()}"},
            classify=classify,
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
            held = await self._listed(offer.number, mark)
            if held is None or held.mark_text != str(mark):
                raise
            return held
        return await self._completed(order, offer.number, offer.country, mark)

    async def find(self, number: E164 | None, mark: OwnerMark) -> OwnedNumber | None:
        """First the numbers, then the orders that carry the mark.

        A successful order whose number is not listed yet counts as held while the listing may lag; after that the
        listing is the truth (the number was released since). An order that waits for papers is cancelled here too:
        it would never end by itself, and its number could not be ordered again.
        """
        held = await self._listed(number, mark)
        if held is not None and held.mark_text:
            return held
        orders = await self._orders(number, mark)
        for order in orders:
            if status_of(order) == "pending":
                await self._settle(await self._read_order(order), None)
                raise RetryLater("the Telnyx order is still pending", provider=self.name, operation="find")
        succeeded = next((o for o in orders if status_of(o) == "success"), None)
        if succeeded is None or (held is None and age(succeeded) > self._listing_lag):
            return held
        bought = number or E164(succeeded["phone_numbers"][0]["phone_number"])
        return replace(held or OwnedNumber(bought, bought), mark_text=str(mark))

    async def owned(self) -> AsyncIterator[OwnedNumber]:
        seen: set[str] = set()
        async for row in self._numbers({}):
            if row["id"] not in seen and normal(row.get("status")) not in NOT_HELD:
                seen.add(row["id"])
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

    def import_source(self) -> ImportSource:
        """Telnyx keys have no public id: the account is known by a fingerprint of the key."""
        fingerprint = hashlib.sha256(self._key.get_secret_value().encode()).hexdigest()[:8]
        return ImportSource("telnyx", f"telnyx-{fingerprint}", {"apiKey": self._key}, credential_id=self._credential_id)

    async def close(self) -> None:
        await self._client.close()

    async def _available(self, filters: dict[str, str | None], digits: dict[str, str]) -> list[dict[str, Any]]:
        """Held numbers are left out: they are those that this account has just released."""
        params = {f"filter[{name}]": value for name, value in filters.items() if value is not None}
        params |= {f"filter[phone_number][{name}]": value for name, value in digits.items()}
        params |= {"filter[features][]": "voice", "filter[exclude_held_numbers]": "true"}
        reply = await self._client.request(
            "available_phone_numbers.list", "GET", "/available_phone_numbers", params=params
        )
        return rows_of(reply)

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
        line = {"phone_number": number}
        if group := by_country(self._groups, country):
            line["requirement_group_id"] = group
        body = {"phone_numbers": [line], "customer_reference": str(mark)}
        reply = await self._client.request("number_orders.create", "POST", "/number_orders", json=body, creates=True)
        order = reply.body.get("data") if isinstance(reply.body, dict) else None
        if not isinstance(order, dict) or "id" not in order:
            raise self._unknown("Telnyx took the order and answered something else than an order")
        return order

    async def _completed(self, order: dict[str, Any], number: E164, country: str, mark: OwnerMark) -> OwnedNumber:
        """The number once its order has succeeded and it is listed; OutcomeUnknown while the order is pending.

        A successful order without a listed number is a purchase all the same.
        """
        deadline = time.monotonic() + self._patience
        group = by_country(self._groups, country)
        turn = 0
        while True:
            try:
                held = await self._listed(number, mark) if status_of(order) == "success" else None
                if held is not None:
                    return replace(held, mark_text=held.mark_text or str(mark))
                pause = PAUSES[min(turn, len(PAUSES) - 1)]
                if time.monotonic() + pause > deadline:
                    break
                await asyncio.sleep(pause)
                turn += 1
                if status_of(order) == "pending":
                    order = await self._read_order(order)
            except ProviderError as error:
                raise self._unknown(f"the Telnyx order could not be followed: {error.detail}") from None
            await self._settle(order, group, during_buy=True)
        if status_of(order) == "success":
            return OwnedNumber(number, number, mark_text=str(mark))
        raise self._unknown("the Telnyx order is still pending")

    async def _settle(self, order: dict[str, Any], group: str | None, *, during_buy: bool = False) -> None:
        """Raise what an order that will not deliver means; return for one that has or still may.

        An order that waits for papers is cancelled, unless a requirement `group` was sent with it a moment ago.
        """
        status = status_of(order)
        lines = order.get("phone_numbers") or [{}]
        number = lines[0].get("phone_number", "the number")
        if status in ENDED:
            if during_buy:
                raise OfferGone(f"the Telnyx order for {number} ended as {status}", provider=self.name)
            return
        if status == "success" or order.get("requirements_met") is not False or group:
            return
        try:
            for sub in order.get("sub_number_orders_ids") or []:
                await self._client.request("sub_number_orders.cancel", "PATCH", f"/sub_number_orders/{sub}/cancel")
        except ProviderError as error:
            detail = f"an order for {number} that waits for papers could not be cancelled: {error.detail}"
            raise (self._unknown(detail) if during_buy else RetryLater(detail, provider=self.name)) from None
        country = country_of(number) if number.startswith("+") else None
        raise ActionRequired(
            f"Telnyx wants papers for {number}; the order was cancelled",
            provider=self.name,
            operation="number_orders.create",
            hint=f"have a requirement group for {country or 'the country'} approved by Telnyx and name it in "
            "telnyx_requirement_group_id",
        )

    async def _read_order(self, order: dict[str, Any]) -> dict[str, Any]:
        """The order as it stands now. One that was just made can answer 404 for a moment (observed)."""
        try:
            reply = await self._client.request("number_orders.get", "GET", f"/number_orders/{order['id']}")
        except Missing:
            return order
        return dict(reply.body["data"])

    async def _orders(self, number: E164 | None, mark: OwnerMark) -> list[dict[str, Any]]:
        params = {"filter[customer_reference]": str(mark), "page[size]": str(PAGE)}
        reply = await self._client.request("number_orders.list", "GET", "/number_orders", params=params)
        marked = [row for row in rows_of(reply) if row.get("customer_reference") == str(mark)]
        return [o for o in marked if number in (None, *(line.get("phone_number") for line in o["phone_numbers"]))]

    async def _listed(self, number: E164 | None, mark: OwnerMark | None) -> OwnedNumber | None:
        """Our number that is `number`, or that carries the mark. Telnyx's number filter is a partial match on digits
        (its document: other characters give no results), so the answer is compared exactly."""
        by = {"filter[phone_number]": number.lstrip("+")} if number else {"filter[customer_reference]": str(mark)}
        async for row in self._numbers(by):
            same = row["phone_number"] == number if number else row.get("customer_reference") == str(mark)
            if same and normal(row.get("status")) == "purchase-pending":
                raise RetryLater("Telnyx is still delivering the number", provider=self.name, operation="find")
            if same and normal(row.get("status")) not in NOT_HELD:
                return read_owned(row)
        return None

    async def _numbers(self, filters: dict[str, str]) -> AsyncIterator[dict[str, Any]]:
        """All pages. A page without anything new, where more were announced, is an error and not the end: a server
        that answers page 1 for ever would otherwise be read for ever."""
        seen: set[str] = set()
        page = 1
        while True:
            params = {**filters, "page[number]": str(page), "page[size]": str(PAGE)}
            reply = await self._client.request("phone_numbers.list", "GET", "/phone_numbers", params=params)
            rows = rows_of(reply)
            if rows and page > 1 and all(row["id"] in seen for row in rows):
                raise RetryLater("Telnyx repeats a page of the numbers", provider=self.name)
            for row in rows:
                seen.add(row["id"])
                yield row
            meta = reply.body.get("meta") or {}
            total = meta.get("total_pages")
            if page >= total if isinstance(total, int) else len(rows) < PAGE:
                return
            if not rows:
                raise RetryLater("Telnyx left out a page of the numbers", provider=self.name)
            page += 1

    def _unknown(self, detail: str) -> OutcomeUnknown:
        return OutcomeUnknown(detail, provider=self.name, operation="number_orders.create")


def classify(reply: Reply) -> ProviderError | None:
    """Telnyx's refusal by the first code that we know, else by its status."""
    errors = reply.body.get("errors") if isinstance(reply.body, dict) else None
    entries = [e for e in errors if isinstance(e, dict)] if isinstance(errors, list) else []
    known = next((e for e in entries if str(e.get("code")) in CODES), None)
    entry = known or (entries[0] if entries else {})
    code = str(entry["code"]) if "code" in entry else None
    words = ": ".join(str(entry[key]) for key in ("title", "detail") if entry.get(key))[:300]
    if known is not None:
        kind, hint = CODES[str(code)]
    elif reply.status in STATUSES:
        kind, hint = STATUSES[reply.status]
    elif reply.status in (401, 403):
        kind, hint = ActionRequired, KEYS
    else:
        kind, hint = Rejected, None
    return kind(f"Telnyx: {words or f'refused ({reply.status})'}", vendor_code=code, hint=hint)


def rows_of(reply: Reply) -> list[dict[str, Any]]:
    data = reply.body.get("data") if isinstance(reply.body, dict) else None
    if not isinstance(data, list):
        raise RetryLater("Telnyx answered something else than a list")
    return data


def normal(status: Any) -> str:
    """Older pages of Telnyx write underscores where the present API writes dashes."""
    return str(status or "").lower().replace("_", "-")


def status_of(order: dict[str, Any]) -> str:
    """The order's status; that of its line where the line has ended and the order does not say so yet."""
    lines = order.get("phone_numbers") or [{}]
    ends = [s for key in ("status", "requirements_status") if (s := normal(lines[0].get(key))) in ENDED]
    return ends[0] if ends else normal(order.get("status"))


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
    try:
        price = Decimal(str(cost["monthly_cost"]))
    except (KeyError, InvalidOperation):
        price = None
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
