"""Twilio as a carrier: numbers by the REST API 2010-04-01, prices by the pricing API v1."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from decimal import Decimal, InvalidOperation
from functools import partial
from itertools import chain
from typing import Any, ClassVar, Literal

from pydantic import SecretStr

from trunkline.carriers.base import (
    AccountState,
    Capabilities,
    ImportSource,
    Restored,
    amount,
    as_e164,
    not_in_account,
    sold_as,
)
from trunkline.carriers.twilio_papers import Papers
from trunkline.carriers.twilio_wire import (
    TYPES,
    URLS,
    can,
    is_own,
    owned_number,
    refusal,
    rows_of,
    settings_before,
    unreadable,
)
from trunkline.domain.choosing import AREA_CODE_COUNTRIES, Criteria, Offer, OwnedNumber
from trunkline.domain.marks import OwnerMark, parse_mark
from trunkline.domain.money import Money
from trunkline.domain.numbers import E164, NumberType, national_form
from trunkline.errors import (
    ActionRequired,
    HeldElsewhere,
    Intercepted,
    Missing,
    OfferGone,
    OutcomeUnknown,
    ProviderError,
    Rejected,
    RetryLater,
    SettingsError,
    WrongNumber,
)
from trunkline.memo import Memo
from trunkline.providers.account import Account
from trunkline.providers.http import ProviderClient
from trunkline.providers.paging import Page, every
from trunkline.settings import Settings

ROOT = "/2010-04-01/Accounts"
KINDS: dict[str, Literal["trial", "full"]] = {"Trial": "trial", "Full": "full"}
DAY = 86_400.0
MINUTES = 300.0
PRICES_TIMEOUT = 5.0
MANY = 200  # offers to look through for those whose papers fit


class TwilioCarrier:
    """One Twilio account, reached with its auth token or with an API key.

    The owner mark is the number's FriendlyName, the only free text of a number that can be set in the request that
    buys it. Twilio has no idempotency key, so a purchase names the exact number.
    """

    name: ClassVar[str] = "twilio"
    capabilities: ClassVar[Capabilities] = Capabilities(types=frozenset(TYPES), sells_held=True)

    def __init__(self, settings: Settings, account: Account | None = None) -> None:
        if not self.configured(settings):
            raise SettingsError("Twilio needs TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, or an API key with its secret")
        self._settings = settings
        self._sid = settings.twilio_account_sid or ""
        self._base = f"{ROOT}/{self._sid}"
        account, login = account or Account.of(self.name, settings), self._login()
        at = partial(ProviderClient, account, auth=login, classify=refusal, is_own=is_own)
        self._api, self._pricing = at(settings.twilio_base_url), at(settings.twilio_pricing_base_url)
        # A price that decides about a purchase is that of the moment; else it is only told.
        self._price_decides = settings.max_monthly_price is not None
        self._prices: Memo[dict[str, tuple[Decimal, str]]] = Memo(
            lambda prices: 0.0 if self._price_decides else MINUTES
        )
        self._types: Memo[frozenset[NumberType]] = Memo(lambda types: DAY)
        self._papers = Papers(settings)
        self._towns: Memo[str] = Memo(lambda town: DAY if town else MINUTES)

    @classmethod
    def configured(cls, settings: Settings) -> bool:
        key = settings.twilio_api_key and settings.twilio_api_secret
        return bool(settings.twilio_account_sid and (settings.twilio_auth_token or key))

    async def search(self, want: Criteria, country: str, limit: int) -> list[Offer]:
        """Local numbers where the type does not matter, or the first type that the country has instead."""
        if want.area_code and country not in AREA_CODE_COUNTRIES:
            raise self._rejected("search", f"Twilio knows area codes in the US and Canada only, not in {country}")
        kind = want.number_type or NumberType.LOCAL
        try:
            found = await self._available(want, country, kind, limit)
        except Missing:
            others = () if want.number_type else await self.offered_types(country)
            instead = next((other for other in TYPES if other in others and other is not kind), None)
            if instead is None:
                what = "no numbers" if want.number_type is None else f"no {kind} numbers"
                raise self._rejected("search", f"Twilio sells {what} in {country}") from None
            kind = instead
            found = await self._available(want, country, kind, limit)
        if any(item.get("address_requirements") == "local" for item in found):
            found = await self._near_the_address(want, country, kind, limit) or found
        price, currency = (await self._price_list(country)).get(kind, (None, None)) if found else (None, None)
        offers = [
            Offer(number, country, kind, price, currency, self._papers.needs(item, country, kind), item.get("locality"))
            for item in found
            if can(item, "voice") and (number := as_e164(item["phone_number"]))
        ]
        return self._papers.fitting(offers)[:limit]

    async def buy(self, offer: Offer, mark: OwnerMark) -> OwnedNumber:
        """Buy by PhoneNumber. Twilio answers 201 also for a number that the account holds already and then either
        updates it or ignores the fields (both observed), so the reply is read as the truth about who holds it."""
        number = offer.number
        if number is None:
            raise self._rejected("buy", "Twilio sells exact numbers only")
        form = {"PhoneNumber": number, "FriendlyName": str(mark), **self._papers.form(offer.country)}
        try:
            reply = await self._api.request(
                "buy", "POST", f"{self._base}/IncomingPhoneNumbers.json", form=form, creates=True
            )
        except ActionRequired as error:
            raise self._api.named(self._papers.refused(error, offer), "buy") from None
        row = reply.body
        if not isinstance(row, dict) or not row.get("sid") or not row.get("phone_number"):
            raise OutcomeUnknown("Twilio's reply cannot be read", provider="twilio", operation="buy")
        sold = owned_number(row)
        if sold.number != number:
            detail = f"Twilio sold {sold.number} instead of {number}"
            raise WrongNumber(detail, sold, provider="twilio", operation="buy")
        return sold_as(await self._ours(sold, mark), offer)

    async def find(self, number: E164 | None, mark: OwnerMark) -> OwnedNumber | None:
        if number is not None:
            return await self._by_number("find", number)
        async for owned in self._held("find", {"FriendlyName": str(mark)}, self._sid):
            if owned.mark_text == str(mark):
                return owned
        return None

    async def lookup(self, number: E164) -> OwnedNumber | None:
        held = await self._by_number("lookup", number)
        if held is None:
            await self._refuse_elsewhere(number)
        return held

    def owned(self) -> AsyncIterator[OwnedNumber]:
        return self._held("owned", {"PageSize": "1000"}, self._sid)

    async def elsewhere(self) -> list[OwnedNumber]:
        """Those of our subaccounts."""
        page = {"PageSize": "1000"}
        return [held for other in await self._subaccounts() for held in await self._shown("owned", page, other)]

    async def mark(self, owned: OwnedNumber, mark: OwnerMark) -> OwnedNumber:
        return owned_number(await self._change("mark", "POST", owned, {"FriendlyName": str(mark)}))

    async def release(self, owned: OwnedNumber) -> None:
        await self._change("release", "DELETE", owned)

    async def restore(self, owned: OwnedNumber, urls: dict[str, str]) -> Restored:
        """An empty URL clears it."""
        held = owned_number(await self._change("restore", "GET", owned))
        form = settings_before(urls, held.urls)
        if not form:
            return Restored(held)
        row = await self._change("restore", "POST", held, form)
        return Restored(owned_number(row), tuple(name for name, field in URLS.items() if field in form))

    async def unhook(self, owned: OwnedNumber) -> OwnedNumber:
        """Twilio asks no voice URL while a trunk or an application is set; an empty text clears one."""
        return owned_number(await self._change("unhook", "POST", owned, {"TrunkSid": "", "VoiceApplicationSid": ""}))

    async def offered_types(self, country: str) -> frozenset[NumberType]:
        return await self._types.get(country, lambda: self._ask_types(country))

    async def account_id(self) -> str:
        return self._sid

    async def account(self) -> AccountState:
        """A Standard API key may not read the account (Twilio's documents), so one that is refused is tried on the
        numbers instead."""
        try:
            row = await self._read("account", f"{self._base}.json")
        except ActionRequired:
            if self._settings.twilio_auth_token:
                raise
            await self._api.request("owned", "GET", f"{self._base}/IncomingPhoneNumbers.json", params={"PageSize": "1"})
            return AccountState()
        try:
            money = await self._read("balance", f"{self._base}/Balance.json")
        except (Rejected, ActionRequired):
            money = {}
        kind, usable = KINDS.get(str(row.get("type"))), row.get("status") in (None, "active")
        return AccountState(kind, usable, amount(money.get("balance")), money.get("currency"))

    def import_source(self) -> ImportSource:
        return ImportSource(
            provider="twilio",
            account=self._sid,
            secrets=self._import_secrets(),
            sms_enabled=self._settings.twilio_sms_enabled,
        )

    async def close(self) -> None:
        await self._api.close()
        await self._pricing.close()

    def _import_secrets(self) -> dict[str, SecretStr]:
        settings = self._settings
        if settings.twilio_auth_token:
            return {"twilioAuthToken": settings.twilio_auth_token}
        return {
            "twilioApiKey": SecretStr(settings.twilio_api_key or ""),
            "twilioApiSecret": settings.twilio_api_secret or SecretStr(""),
        }

    def _login(self) -> tuple[str, str]:
        token, *pair = [secret.get_secret_value() for secret in self._import_secrets().values()]
        return (token, pair[0]) if pair else (self._sid, token)

    @staticmethod
    def _rejected(operation: str, detail: str) -> Rejected:
        return Rejected(detail, provider="twilio", operation=operation)

    async def _near_the_address(
        self, want: Criteria, country: str, kind: NumberType, limit: int
    ) -> list[dict[str, Any]]:
        """What is for sale in the town of the address that is set for the country: a number may want one of its own
        town. [] where no address is set, it cannot be read, or its town was refused."""
        sid = self._papers.form(country).get("AddressSid")
        town = await self._towns.get(sid, lambda: self._ask_town(sid)) if sid else ""
        if not town or self._papers.is_unfit(country, town):
            return []
        return await self._available(want, country, kind, limit, town)

    async def _ask_town(self, sid: str) -> str:
        try:
            return str((await self._read("address", f"{self._base}/Addresses/{sid}.json")).get("city") or "")
        except ProviderError:
            return ""

    async def _available(
        self, want: Criteria, country: str, kind: NumberType, limit: int, town: str = ""
    ) -> list[dict[str, Any]]:
        most = max(limit, MANY) if self._papers.is_choosy(country) else limit
        query = {"VoiceEnabled": "true", "PageSize": str(most)} | ({"InLocality": town} if town else {})
        if want.area_code:
            query["AreaCode"] = want.area_code
        if want.contains:
            query["Contains"] = want.contains
        path = f"{self._base}/AvailablePhoneNumbers/{country}/{TYPES[kind]}.json"
        reply = await self._api.request("search", "GET", path, params=query)
        return rows_of(reply, "available_phone_numbers", "search")

    async def _ours(self, owned: OwnedNumber, mark: OwnerMark) -> OwnedNumber:
        """The number, if it can have come from this purchase or was idle and free to take. A number that something
        answers was bought before by someone else who shares the account: if our mark has just overwritten theirs,
        it is taken off again, so that nobody reads the number as ours."""
        theirs = parse_mark(owned.mark_text)
        if owned.used_by is None and (theirs is None or theirs.installation == mark.installation):
            return owned
        if theirs == mark:
            await self._change("unmark", "POST", owned, {"FriendlyName": national_form(owned.number)})
        raise OfferGone(
            f"the Twilio account already holds {owned.number} for something else", provider="twilio", operation="buy"
        )

    async def _by_number(self, operation: str, number: E164) -> OwnedNumber | None:
        """Twilio's PhoneNumber filter also matches parts of a number, so each answer is compared exactly."""
        async for owned in self._held(operation, {"PhoneNumber": str(number)}, self._sid):
            if owned.number == number:
                return owned
        return None

    async def _refuse_elsewhere(self, number: E164) -> None:
        """HeldElsewhere if one of our subaccounts holds the number."""
        query, others = {"PhoneNumber": str(number)}, await self._subaccounts()
        for held in chain(*await asyncio.gather(*(self._shown("lookup", query, other) for other in others))):
            if held.number == number:
                raise HeldElsewhere(
                    f"{number} is not in the Twilio account {self._sid} but in its subaccount {held.account}",
                    held.account,
                    provider="twilio",
                    operation="lookup",
                    hint=f"move it back to {self._sid} in the Twilio console, or release it there",
                )

    async def _subaccounts(self) -> list[str]:
        """An API key may not list accounts, and a subaccount has none of its own: then nothing is known of others."""
        try:
            rows = [row async for row in self._rows("accounts", ROOT, "accounts", {"PageSize": "1000"}, ("sid",))]
        except ActionRequired:
            return []
        return [row["sid"] for row in rows if row["sid"] != self._sid and row.get("status") != "closed"]

    async def _shown(self, operation: str, query: dict[str, str], account: str) -> list[OwnedNumber]:
        """What a subaccount holds, as far as our keys show it: one that is suspended refuses them, and so does each of
        them an API key of the main account. It stands in the way of nothing that is asked of our own."""
        try:
            return [held async for held in self._held(operation, query, account)]
        except Intercepted:
            raise
        except ActionRequired:
            return []

    async def _held(self, operation: str, query: dict[str, str], account: str) -> AsyncIterator[OwnedNumber]:
        """All numbers that a list shows; what is no telephone number is left out."""
        path = f"{ROOT}/{account}/IncomingPhoneNumbers"
        async for row in self._rows(operation, path, "incoming_phone_numbers", query, ("phone_number", "sid")):
            if as_e164(row["phone_number"]):
                yield owned_number(row)

    def _rows(
        self, operation: str, path: str, key: str, query: dict[str, str], needed: tuple[str, ...]
    ) -> AsyncIterator[dict[str, Any]]:
        async def read(page: str) -> Page[str]:
            reply = await self._api.request(operation, "GET", page, params=query if page == first else None)
            rows, following = rows_of(reply, key, operation, needed), reply.body.get("next_page_uri", "")
            # Only our own listing may follow: the login must not be sent anywhere else.
            if following is not None and not str(following).startswith(path):
                raise unreadable(operation)
            return Page(rows, following)

        first = f"{path}.json"
        return every(self._api, operation, read, first, "sid")

    async def _change(
        self, operation: str, method: str, owned: OwnedNumber, form: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """One request about one number of the account, by its sid: a path without one would be another resource."""
        where = {"provider": "twilio", "operation": operation}
        held = owned if re.fullmatch(r"PN\w+", owned.ref) else await self._by_number(operation, owned.number)
        if held is None:
            raise not_in_account(owned.number, **where)
        try:
            reply = await self._api.request(
                operation, method, f"{self._base}/IncomingPhoneNumbers/{held.ref}.json", form=form
            )
        except Missing as error:
            raise not_in_account(owned.number, vendor_code=error.vendor_code, **where) from None
        if method != "DELETE" and not (isinstance(reply.body, dict) and reply.body.get("sid")):
            raise unreadable(operation)
        return reply.body or {}

    async def _read(self, operation: str, path: str) -> dict[str, Any]:
        reply = await self._api.request(operation, "GET", path)
        return reply.body if isinstance(reply.body, dict) else {}

    async def _ask_types(self, country: str) -> frozenset[NumberType]:
        """The country's own record names only the types that are sold there; 404: none."""
        try:
            path = f"{self._base}/AvailablePhoneNumbers/{country}.json"
            reply = await self._api.request("offered_types", "GET", path)
        except Missing:
            return frozenset()
        offered = reply.body.get("subresource_uris") if isinstance(reply.body, dict) else None
        if not isinstance(offered, dict):
            raise unreadable("offered_types")
        return frozenset(kind for kind in TYPES if kind.value in offered)

    async def price(self, country: str, number_type: NumberType) -> Money | None:
        listed = (await self._price_list(country)).get(number_type)
        return Money(*listed) if listed else None

    async def _price_list(self, country: str) -> dict[str, tuple[Decimal, str]]:
        return await self._prices.get(country, lambda: self._ask_prices(country))

    async def _ask_prices(self, country: str) -> dict[str, tuple[Decimal, str]]:
        """Price and currency by number type; empty where the list fails, which fails a search only for a while and only
        where the price decides."""
        try:
            path = f"/v1/PhoneNumbers/Countries/{country}"
            reply = await self._pricing.request("prices", "GET", path, timeout=PRICES_TIMEOUT)
            # The list writes "toll free" with a space.
            return {
                item["number_type"].replace(" ", "_"): (Decimal(item["current_price"]), reply.body["price_unit"])
                for item in reply.body["phone_number_prices"]
            }
        except (ProviderError, KeyError, TypeError, AttributeError, InvalidOperation) as error:
            if self._price_decides and isinstance(error, RetryLater):
                raise
            return {}
