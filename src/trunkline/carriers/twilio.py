"""Twilio as a carrier: numbers by the REST API 2010-04-01, prices by the pricing API v1."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import SecretStr

from trunkline.carriers.base import AccountState, Capabilities, ImportSource, amount
from trunkline.domain.choosing import AREA_CODE_COUNTRIES, Criteria, Offer, OwnedNumber
from trunkline.domain.marks import OwnerMark, parse_mark
from trunkline.domain.numbers import E164, NumberType, national_form
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
from trunkline.memo import Memo
from trunkline.providers.account import Account
from trunkline.providers.http import ProviderClient, Reply, short_text
from trunkline.settings import Settings, by_country

# In the order in which they are tried where the type does not matter and the country sells no local numbers.
TYPES = {
    NumberType.LOCAL: "Local",
    NumberType.MOBILE: "Mobile",
    NumberType.NATIONAL: "National",
    NumberType.TOLL_FREE: "TollFree",
}
# The settings of a number that Vapi's import overwrites, and the form fields that set them.
URLS = {
    "voice_url": "VoiceUrl",
    "voice_method": "VoiceMethod",
    "sms_url": "SmsUrl",
    "sms_method": "SmsMethod",
    "status_callback": "StatusCallback",
    "status_callback_method": "StatusCallbackMethod",
}
KINDS: dict[str, Literal["trial", "full"]] = {"Trial": "trial", "Full": "full"}
DAY = 86_400.0
PRICES_AGAIN = 600.0
PRICES_TIMEOUT = 5.0

ADDRESS_CODES = {21613, 21615, 21631}
BUNDLE_CODES = {21649, 21650, 21651}
ACCOUNT_CODES = {
    10001: "the Twilio account is not active: add funds or settle its state in the Twilio console",
    20003: "check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN (or the API key); the account must be active",
    20005: "the Twilio account is not active: add funds or settle its state in the Twilio console",
    20006: "give the API key the permission to manage phone numbers, or use the account's auth token",
    20008: "these are Twilio's test credentials: use the live ones",
    22300: "Twilio keeps this account from buying numbers: ask Twilio's support",
    70051: "give the API key the permission to manage phone numbers, or use the account's auth token",
}


class TwilioCarrier:
    """One Twilio account, reached with its auth token or with an API key.

    The owner mark is the number's FriendlyName, the only free text of a number that can be set in the request that
    buys it. Twilio has no idempotency key, so a purchase names the exact number.
    """

    name: ClassVar[str] = "twilio"
    capabilities: ClassVar[Capabilities] = Capabilities(types=frozenset(TYPES))

    def __init__(self, settings: Settings, account: Account | None = None) -> None:
        if not self.configured(settings):
            raise SettingsError("Twilio needs TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, or an API key with its secret")
        self._settings = settings
        self._sid = settings.twilio_account_sid or ""
        self._base = f"/2010-04-01/Accounts/{self._sid}"
        account, login = account or Account.of(self.name, settings), self._login()
        self._api = ProviderClient(account, settings.twilio_base_url, auth=login, classify=refusal)
        self._pricing = ProviderClient(account, settings.twilio_pricing_base_url, auth=login, classify=refusal)
        self._prices: Memo[dict[str, tuple[Decimal, str]]] = Memo(lambda prices: DAY if prices else PRICES_AGAIN)
        self._types: Memo[frozenset[NumberType]] = Memo(lambda types: DAY)
        self._bundle_wanted: set[tuple[str, NumberType]] = set()

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
        price, currency = (await self._price_list(country)).get(kind, (None, None)) if found else (None, None)
        return [
            Offer(E164(item["phone_number"]), country, kind, price, currency, self._needs(item, country, kind))
            for item in found
            if can(item, "voice")
        ]

    async def buy(self, offer: Offer, mark: OwnerMark) -> OwnedNumber:
        """Buy by PhoneNumber. Twilio answers 201 also for a number that the account holds already and then either
        updates it or ignores the fields (both observed), so the reply is read as the truth about who holds it."""
        number = offer.number
        if number is None:
            raise self._rejected("buy", "Twilio sells exact numbers only")
        form = {"PhoneNumber": number, "FriendlyName": str(mark)}
        for field, values in (
            ("AddressSid", self._settings.twilio_address_sid),
            ("BundleSid", self._settings.twilio_bundle_sid),
        ):
            if sid := by_country(values, offer.country):
                form[field] = sid
        try:
            reply = await self._api.request(
                "buy", "POST", f"{self._base}/IncomingPhoneNumbers.json", form=form, creates=True
            )
        except ActionRequired as error:
            self._name_papers(error, offer)
            raise
        row = reply.body
        if not isinstance(row, dict) or not row.get("sid") or row.get("phone_number") != number:
            raise OutcomeUnknown("Twilio's reply cannot be read", provider="twilio", operation="buy")
        return await self._ours(owned_number(row), mark)

    async def find(self, number: E164 | None, mark: OwnerMark) -> OwnedNumber | None:
        """Twilio's PhoneNumber filter also matches parts of a number, so each answer is compared exactly."""
        query = {"FriendlyName": str(mark)} if number is None else {"PhoneNumber": str(number)}
        async for owned in self._held("find", query):
            if owned.number == number or (number is None and owned.mark_text == str(mark)):
                return owned
        return None

    def owned(self) -> AsyncIterator[OwnedNumber]:
        return self._held("owned", {"PageSize": "1000"})

    async def release(self, owned: OwnedNumber) -> None:
        await self._unless_gone("release", "DELETE", owned, None)

    async def restore(self, owned: OwnedNumber, urls: dict[str, str]) -> None:
        """An empty URL clears it; a method is sent only where it was set."""
        form = {URLS[name]: url for name, url in urls.items() if name in URLS and (url or not name.endswith("method"))}
        if form:
            await self._unless_gone("restore", "POST", owned, form)

    async def offered_types(self, country: str) -> frozenset[NumberType]:
        return await self._types.get(country, lambda: self._ask_types(country))

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

    async def _available(self, want: Criteria, country: str, kind: NumberType, limit: int) -> list[dict[str, Any]]:
        query = {"VoiceEnabled": "true", "PageSize": str(limit)}
        if want.area_code:
            query["AreaCode"] = want.area_code
        if want.contains:
            query["Contains"] = want.contains
        path = f"{self._base}/AvailablePhoneNumbers/{country}/{TYPES[kind]}.json"
        reply = await self._api.request("search", "GET", path, params=query)
        return rows_of(reply, "available_phone_numbers", "search")

    def _needs(self, item: dict[str, Any], country: str, kind: NumberType) -> tuple[str, ...]:
        """The search tells the need of an address; that of a bundle shows only when a purchase is refused for it."""
        address = () if item.get("address_requirements") in (None, "none") else ("address",)
        return (*address, "bundle") if (country, kind) in self._bundle_wanted else address

    def _name_papers(self, error: ActionRequired, offer: Offer) -> None:
        """Say which setting is to be filled in, where the refusal was about an address or a bundle."""
        code = int(error.vendor_code or 0)
        if code in ADDRESS_CODES:
            error.hint = (
                f"make an address valid for {offer.country} in the Twilio console (Regulatory compliance, Addresses) "
                f"and set TWILIO_ADDRESS_SID={offer.country}=AD..."
            )
        elif code in BUNDLE_CODES:
            self._bundle_wanted.add((offer.country, offer.number_type))
            error.hint = (
                f"get a regulatory bundle for {offer.number_type} numbers in {offer.country} approved in the Twilio "
                f"console and set TWILIO_BUNDLE_SID={offer.country}=BU..."
            )

    async def _ours(self, owned: OwnedNumber, mark: OwnerMark) -> OwnedNumber:
        """The number, if it can have come from this purchase or was idle and free to take. A number that something
        answers was bought before by someone else who shares the account: if our mark has just overwritten theirs,
        it is taken off again, so that nobody reads the number as ours."""
        found = parse_mark(owned.mark_text)
        if owned.used_by is None and (found is None or found.installation == mark.installation):
            return owned
        if found == mark:
            await self._unless_gone("unmark", "POST", owned, {"FriendlyName": national_form(owned.number)})
        raise OfferGone(
            f"the Twilio account already holds {owned.number} for something else", provider="twilio", operation="buy"
        )

    async def _held(self, operation: str, query: dict[str, str]) -> AsyncIterator[OwnedNumber]:
        path, params = f"{self._base}/IncomingPhoneNumbers.json", dict(query) or None
        seen: set[str] = set()
        while True:
            reply = await self._api.request(operation, "GET", path, params=params)
            for row in rows_of(reply, "incoming_phone_numbers", operation, ("phone_number", "sid")):
                yield owned_number(row)
            seen.add(path)
            following = reply.body.get("next_page_uri", "")
            if following is None:
                return
            # Only our own listing may follow: the login must not be sent anywhere else, nor one page read for ever.
            if not str(following).startswith(f"{self._base}/IncomingPhoneNumbers") or following in seen:
                raise unreadable(operation)
            path, params = following, None

    async def _unless_gone(self, operation: str, method: str, owned: OwnedNumber, form: dict[str, str] | None) -> None:
        try:
            await self._api.request(operation, method, f"{self._base}/IncomingPhoneNumbers/{owned.ref}.json", form=form)
        except Missing:
            return

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

    async def _price_list(self, country: str) -> dict[str, tuple[Decimal, str]]:
        return await self._prices.get(country, lambda: self._ask_prices(country))

    async def _ask_prices(self, country: str) -> dict[str, tuple[Decimal, str]]:
        """Price and currency by number type; empty where the list fails, which must not fail a search."""
        try:
            path = f"/v1/PhoneNumbers/Countries/{country}"
            reply = await self._pricing.request("prices", "GET", path, timeout=PRICES_TIMEOUT)
            # The list writes "toll free" with a space.
            return {
                item["number_type"].replace(" ", "_"): (Decimal(item["current_price"]), reply.body["price_unit"])
                for item in reply.body["phone_number_prices"]
            }
        except (ProviderError, KeyError, TypeError, AttributeError, InvalidOperation):
            return {}


def owned_number(row: dict[str, Any]) -> OwnedNumber:
    """Twilio's record of a number that the account holds."""
    trunk, application = row.get("trunk_sid"), row.get("voice_application_sid")
    bypass = {"SIP trunk": trunk, "TwiML application": application}
    return OwnedNumber(
        number=E164(row["phone_number"]),
        ref=row["sid"],
        mark_text=row.get("friendly_name") or "",
        used_by=used_by(row),
        urls={name: row.get(name) or "" for name in URLS},
        warnings=tuple(
            f"calls go to the {what} {sid}, not to Vapi: take it off the number in Twilio"
            for what, sid in bypass.items()
            if sid
        ),
        voice=can(row, "voice"),
    )


def used_by(row: dict[str, Any]) -> str | None:
    """What answers the number's calls or texts. Twilio's demo addresses, its default, count as nothing. Of a URL only
    the host is told: the rest may hold a password."""
    for name, what in (
        ("trunk_sid", "the SIP trunk"),
        ("voice_application_sid", "the application"),
        ("sms_application_sid", "the application"),
    ):
        if row.get(name):
            return f"{what} {row[name]}"
    for name, what in (("voice_url", "calls"), ("sms_url", "texts")):
        host = urlsplit(row.get(name) or "").hostname
        if host and host != "demo.twilio.com":
            return f"Vapi ({what})" if host.endswith(".vapi.ai") else f"{host} ({what})"
    return None


def can(row: dict[str, Any], ability: str) -> bool:
    """Whether the number can do it. Twilio writes the names in different case from one list to the other."""
    return any(name.lower() == ability and able for name, able in (row.get("capabilities") or {}).items())


def rows_of(
    reply: Reply, key: str, operation: str, needed: tuple[str, ...] = ("phone_number",)
) -> list[dict[str, Any]]:
    rows = reply.body.get(key) if isinstance(reply.body, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) and all(map(row.get, needed)) for row in rows):
        raise unreadable(operation)
    return rows


def unreadable(operation: str) -> RetryLater:
    """An answer that is no list, or a page that leads nowhere: an error, never "no numbers"."""
    return RetryLater("Twilio's answer cannot be read", provider="twilio", operation=operation)


def refusal(reply: Reply) -> ProviderError | None:
    """Twilio's error codes by what to do next; the general rule for what is not Twilio's own."""
    body = reply.body if isinstance(reply.body, dict) else {}
    code, text = body.get("code"), short_text(body)
    if not isinstance(code, int):
        return None
    if code == 20404:
        return Missing(f"Twilio has no such thing: {text}", vendor_code=str(code))
    if code == 21422:
        return OfferGone(f"Twilio no longer sells this number: {text}", vendor_code=str(code))
    if code == 21404 and "verify" in text.lower():
        # One code, two messages: this one is not the limit.
        return ActionRequired(
            f"Twilio wants a verified number first: {text}",
            vendor_code=str(code),
            hint="verify a phone number of your own in the Twilio console (Verified Caller IDs), then try again",
        )
    if code in (21404, 10002):
        return TrialLimit(
            f"the Twilio trial account may hold no further number: {text}",
            vendor_code=str(code),
            hint="upgrade the Twilio account, or release its number",
        )
    if code in ACCOUNT_CODES:
        return ActionRequired(f"Twilio refuses: {text}", vendor_code=str(code), hint=ACCOUNT_CODES[code])
    if code in ADDRESS_CODES | BUNDLE_CODES:
        what = "an address" if code in ADDRESS_CODES else "a regulatory bundle"
        return ActionRequired(f"Twilio wants {what} for this number: {text}", vendor_code=str(code))
    if reply.status in (401, 403):
        return None
    return Rejected(f"Twilio refused the request ({code}): {text}", vendor_code=str(code))
