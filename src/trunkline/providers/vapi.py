"""The one client of Vapi: for the voice platform, and for the seller of Vapi's own numbers."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from functools import partial
from typing import Any, TypeGuard

from trunkline.errors import (
    ActionRequired,
    AlreadyThere,
    Missing,
    OfferGone,
    OutcomeUnknown,
    ProviderError,
    Rejected,
    RetryLater,
    Role,
    SettingsError,
)
from trunkline.providers.account import Account
from trunkline.providers.http import ProviderClient, Reply, short_text
from trunkline.providers.paging import Page, every
from trunkline.settings import Settings
from trunkline.texts import one_line

PROVIDER = "vapi"
MOST = 1000
WRONG_KEY = "401"
KEY = "set VAPI_API_KEY to the organisation's private key, not the public one"
PAY = "add a payment method in Vapi's dashboard"
PLAN = "look at the organisation's plan, its limits and the permissions of its key in Vapi's dashboard"
CARRIER_KEYS = "correct the carrier's keys in its credential in Vapi's dashboard, or delete that credential"
# Observed: `This area code is currently not available. Hint: Try one of 562, 662, 716.`, also `Hint: Try 385.`
NO_STOCK = re.compile(r"area code is currently not available", re.IGNORECASE)
HINT = re.compile(r"\btry\b(?: one of)?\D*(\d{3})\b", re.IGNORECASE)
# The wording of what the plan does not allow, and of a second import, is not documented and differs between reports.
PAYMENT = re.compile(r"\bpayment|credit card|billing", re.IGNORECASE)
LIMIT = re.compile(
    r"\b(limit|maximum|quota)\b.*\b(reached|exceeded|of \d+)|\b(reached|exceed\w*)\b.*\b(limit|maximum|quota)\b"
    r"|\bupgrade\b|\b(your|current) plan\b|\bsubscription\b",
    re.IGNORECASE,
)
ALREADY = re.compile(r"already|duplicate|existing (phone number|credential)", re.IGNORECASE)
WRONG_CARRIER_KEY = re.compile(r"couldn't \w+ \w+ number.* 40[13]\b", re.IGNORECASE)
# Observed for Twilio and Telnyx, also while the carrier does not yet show a number that it has just sold.
NOT_SEEN_YET = re.compile(r"number not found on \w+|couldn't (get|find|update) \w+ number", re.IGNORECASE)


E164_FORM = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)


class NoStock(OfferGone):
    """The area code has no free numbers; `hint_code` is one that has."""

    hint_code: str | None = None


class VapiClient(ProviderClient):
    """One organisation at Vapi, asked in one of its roles. Its private key decides which organisation.

    Rows are given as Vapi sends them, and may hold a carrier's secrets in clear: whoever reads them takes known fields
    only.
    """

    def __init__(self, settings: Settings, role: Role, account: Account | None = None) -> None:
        if settings.vapi_api_key is None:
            raise SettingsError("Vapi needs VAPI_API_KEY")
        super().__init__(
            account or Account.of(PROVIDER, settings),
            settings.vapi_base_url,
            role=role,
            headers={"Authorization": f"Bearer {settings.vapi_api_key.get_secret_value()}"},
            classify=refusal,
        )

    async def organisation(self) -> str:
        """The id of the organisation that the key belongs to, as any of its records says; empty while it has none."""
        for path in ("/assistant", "/phone-number"):
            if self.account.identity is None:
                reply = await self.request("organisation", "GET", path, params={"limit": 1})
                self._learn(reply.body if is_rows(reply.body) else [])
        return self.account.identity or ""

    async def row(self, operation: str, path: str) -> dict[str, Any]:
        """One record."""
        return self.record(operation, await self.request(operation, "GET", path))

    async def create(self, operation: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The record that was made, once; OutcomeUnknown where the answer does not show one."""
        reply = await self.request(operation, "POST", path, json=body, creates=True)
        try:
            return self.record(operation, reply)
        except RetryLater as error:
            raise self.named(OutcomeUnknown(error.detail), operation) from None

    def record(self, operation: str, reply: Reply) -> dict[str, Any]:
        if not isinstance(reply.body, dict) or not is_row(reply.body):
            raise self.unreadable(operation)
        self._learn([reply.body])
        return reply.body

    def numbers(self, operation: str, search: str | None = None) -> AsyncIterator[dict[str, Any]]:
        """All numbers, or those in which Vapi finds a text (a partial match, of names too), oldest first: one that is
        added meanwhile comes at the end and moves no other."""
        query = {"limit": MOST, "sortBy": "createdAt", "sortOrder": "ASC"} | ({"search": search} if search else {})

        async def read(page: int) -> Page[int]:
            reply = await self.request(operation, "GET", "/v2/phone-number", params=query | {"page": page})
            body = reply.body if isinstance(reply.body, dict) else {}
            rows, meta = body.get("results"), body.get("metadata")
            if not is_rows(rows) or not isinstance(meta, dict) or meta.get("currentPage") != page:
                raise self.unreadable(operation)
            total = meta.get("totalItems")
            if not isinstance(total, int):
                raise self.unreadable(operation)
            self._learn(rows)
            more = meta.get("hasNextPage", page * MOST < total)
            return Page(rows, page + 1 if more else None, total)

        return every(self, operation, read, 1, "id")

    async def records(self, operation: str, path: str) -> list[dict[str, Any]]:
        """A list that Vapi gives without pages (assistants, credentials), oldest first. It is read in parts by date;
        the parts overlap by what was made at the same moment."""
        seen: set[str] = set()

        async def read(until: str) -> Page[str]:
            params = {"limit": MOST} | ({"createdAtLe": until} if until else {})
            reply = await self.request(operation, "GET", path, params=params)
            if not is_rows(reply.body):
                raise self.unreadable(operation)
            self._learn(reply.body)
            rows = [row for row in reply.body if row["id"] not in seen]
            seen.update(row["id"] for row in rows)
            return Page(rows, min(map(created, reply.body)) if len(reply.body) == MOST else None)

        return sorted([row async for row in every(self, operation, read, "", "id")], key=created)

    def _learn(self, rows: list[dict[str, Any]]) -> None:
        """Every record carries the id of its organisation."""
        named = next((row["orgId"] for row in rows if isinstance(row.get("orgId"), str)), None)
        self.account.identity = named or self.account.identity

    def unreadable(self, operation: str) -> RetryLater:
        return self.named(RetryLater("Vapi's answer cannot be read or is incomplete"), operation)


def is_row(row: Any) -> bool:
    return isinstance(row, dict) and isinstance(row.get("id"), str) and row["id"] != ""


def is_rows(rows: Any) -> TypeGuard[list[dict[str, Any]]]:
    return isinstance(rows, list) and all(map(is_row, rows))


def number_of(row: dict[str, Any]) -> str | None:
    """The row's number; None for one that has none, or something else in its place (a SIP user, a short code)."""
    number = row.get("number")
    return number if isinstance(number, str) and E164_FORM.fullmatch(number) else None


def text_of(row: dict[str, Any], field: str) -> str | None:
    value = row.get(field)
    return one_line(value) if isinstance(value, str) and value else None


def server_of(row: dict[str, Any]) -> tuple[str | None, str | None]:
    """The address that a row's calls ask, and the credential shown to it. Rows from before 2025 may have it in
    `serverUrl`, which is no longer documented and still works."""
    server = row.get("server")
    server = server if isinstance(server, dict) else {}
    return text_of(server, "url") or text_of(row, "serverUrl"), text_of(server, "credentialId")


def created(row: dict[str, Any]) -> str:
    return str(row.get("createdAt") or "")


def refusal(reply: Reply) -> ProviderError | None:
    """Vapi has no error codes: the status and the words decide. None for what is not Vapi's own, or says nothing more
    than its status."""
    body, code = reply.body, str(reply.status)
    if not isinstance(body, dict) or "message" not in body:
        return None
    text = short_text(body)
    if reply.status == 404:
        # Gateways answer {"message": ...} too; `statusCode` is in every answer of Vapi's own.
        return Missing(f"Vapi has no such thing: {text}", vendor_code=code) if "statusCode" in body else None
    act = partial(ActionRequired, vendor_code=code)
    if reply.status == 401:
        return act(f"Vapi refused our key: {text}", hint=KEY, account_wide=True)
    if NO_STOCK.search(text):
        none_left, hinted = NoStock(f"Vapi: {text}", vendor_code=code), HINT.search(text)
        none_left.hint_code = hinted[1] if hinted else None
        return none_left
    # A list of messages is about the fields of this request, and never about the organisation.
    of_the_organisation = not isinstance(body["message"], list)
    if reply.status == 402 or (of_the_organisation and PAYMENT.search(text)):
        return act(f"Vapi wants a payment method: {text}", hint=PAY, account_wide=True)
    if of_the_organisation and (reply.status == 403 or LIMIT.search(text)):
        return act(f"Vapi does not allow it to this organisation: {text}", hint=PLAN, account_wide=True)
    return _of_an_import(reply, text) or Rejected(f"Vapi refused the request ({code}): {text}", vendor_code=code)


def _of_an_import(reply: Reply, text: str) -> ProviderError | None:
    if reply.status == 409 or (reply.status == 400 and ALREADY.search(text)):
        return AlreadyThere(f"Vapi has it already: {text}")
    if reply.status == 400 and WRONG_CARRIER_KEY.search(text):
        return ActionRequired(f"the carrier refused Vapi: {text}", hint=CARRIER_KEYS, account_wide=True)
    if reply.status == 400 and NOT_SEEN_YET.search(text):
        return RetryLater(f"Vapi does not see the number at its carrier: {text}")
    return None
