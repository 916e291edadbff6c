"""Vonage: form bodies, numbers without a plus, the country with every write, and one error code for everything."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any, ClassVar

from pydantic import SecretStr

from trunkline.carriers.base import (
    AccountState,
    Capabilities,
    ImportSource,
    Restored,
    amount,
    answered_by_vapi,
    as_e164,
    due_at_once,
    not_in_account,
    sold_as,
)
from trunkline.domain.choosing import AREA_CODE_COUNTRIES, Criteria, Offer, OwnedNumber
from trunkline.domain.marks import OwnerMark
from trunkline.domain.money import Money
from trunkline.domain.numbers import E164, NumberType
from trunkline.errors import (
    ActionRequired,
    OfferGone,
    OutcomeUnknown,
    ProviderError,
    Rejected,
    RetryLater,
    SettingsError,
)
from trunkline.providers.account import Account
from trunkline.providers.http import ProviderClient, Reply, short_text
from trunkline.providers.paging import Page, every
from trunkline.settings import Settings

PAGE = 100
CURRENCY = "EUR"
TYPES = {
    NumberType.LOCAL: "landline",
    NumberType.MOBILE: "mobile-lvn",
    NumberType.TOLL_FREE: "landline-toll-free",
}
# Everything that a listing shows of a number's settings; an update replaces all of it.
SETTINGS = (
    "app_id",
    "moHttpUrl",
    "voiceCallbackType",
    "voiceCallbackValue",
    "messagesCallbackType",
    "messagesCallbackValue",
)
IMPORTED = "app_id"  # what Vapi's import sets
STARTS_WITH, CONTAINS = "0", "1"
KEYS = "check VONAGE_API_KEY and VONAGE_API_SECRET; an account that was never topped up may search and not buy"
CREDIT = "add credit to the Vonage account"
BY_HAND = "buy a number of this country in the Vonage dashboard, which takes the address that it needs"


class Failed(Rejected):
    """420 "method failed": no credit, number gone, number already ours, or anything else."""


class VonageCarrier:
    """One Vonage account.

    Vonage stores no text of ours with a number, so a purchase cannot be marked and is recognised by ownership alone: a
    number that the account held before looks like one that it has just bought. Whoever buys must therefore write down
    the exact number first and leave out numbers that it knows already.
    """

    name: ClassVar[str] = "vonage"
    capabilities: ClassVar[Capabilities] = Capabilities(owner_mark=False, types=frozenset(TYPES), credential="needed")

    def __init__(self, settings: Settings, account: Account | None = None) -> None:
        if settings.vonage_api_key is None or settings.vonage_api_secret is None:
            raise SettingsError("Vonage needs VONAGE_API_KEY and VONAGE_API_SECRET")
        self._key, self._secret = settings.vonage_api_key, settings.vonage_api_secret
        self._credential_id = settings.vonage_vapi_credential_id
        self._client = ProviderClient(
            account or Account.of(self.name, settings),
            settings.vonage_base_url,
            auth=(self._key, self._secret.get_secret_value()),
            classify=refusal,
            is_own=is_own,
        )

    @classmethod
    def configured(cls, settings: Settings) -> bool:
        return bool(settings.vonage_api_key and settings.vonage_api_secret)

    async def search(self, want: Criteria, country: str, limit: int) -> list[Offer]:
        """Not toll-free where no type is asked. One pattern can be sent: of an area code and digits to contain, the
        area code is, and pages are read until enough numbers contain the digits."""
        if want.number_type is not None and want.number_type not in TYPES:
            raise Rejected(f"Vonage sells no {want.number_type} numbers", provider=self.name, operation="number.search")
        if want.area_code and country not in AREA_CODE_COUNTRIES:
            detail = f"area codes are for the US and Canada, not {country}"
            raise Rejected(detail, provider=self.name, operation="number.search")
        params = {"country": country, "features": "VOICE"}
        # US and CA local numbers are of type mobile-lvn (Vonage's CLI documentation), so local is not asked for there.
        if want.number_type and (want.number_type is not NumberType.LOCAL or country not in AREA_CODE_COUNTRIES):
            params["type"] = TYPES[want.number_type]
        if want.area_code:
            params |= {"pattern": f"1{want.area_code}", "search_pattern": STARTS_WITH}
        elif want.contains:
            params |= {"pattern": want.contains, "search_pattern": CONTAINS}
        offers: list[Offer] = []
        async for row in self._pages("number.search", "/number/search", params):
            offer = read_offer(row, country, want.number_type)
            if offer is not None and (not want.contains or want.contains in str(offer.number)):
                offers.append(offer)
            if len(offers) >= limit:
                break
        return offers

    async def buy(self, offer: Offer, mark: OwnerMark) -> OwnedNumber:
        """A 420 is decided by ownership, and where the number is not ours by the balance. A number that the account
        holds already may be another buyer's, so it is not taken for bought."""
        number = offer.number
        if number is None:
            raise Rejected("Vonage sells exact numbers only", provider=self.name, operation="number.buy")
        try:
            await self._write("number.buy", offer.country, number, creates=True)
        except Failed as failed:
            if await self._row(number) is not None:
                detail = f"the Vonage account already holds {number}"
                raise OfferGone(detail, provider=self.name, operation="number.buy", vendor_code="420") from None
            raise await self._why(failed, offer) from None
        bought = OwnedNumber(number, ref_of(offer.country, number), urls=dict.fromkeys(SETTINGS, ""), account=self._key)
        return sold_as(bought, offer)

    async def find(self, number: E164 | None, mark: OwnerMark) -> OwnedNumber | None:
        return await self.lookup(number) if number is not None else None

    async def lookup(self, number: E164) -> OwnedNumber | None:
        row = await self._row(number)
        return read_owned(row, self._key) if row is not None else None

    async def owned(self) -> AsyncIterator[OwnedNumber]:
        async for row in self._pages("account.numbers", "/account/numbers", {}):
            if as_e164(row["msisdn"]):
                yield read_owned(row, self._key)

    async def elsewhere(self) -> list[OwnedNumber]:
        return []

    async def mark(self, owned: OwnedNumber, mark: OwnerMark) -> OwnedNumber:
        """Vonage stores no text of ours."""
        return owned

    async def release(self, owned: OwnedNumber) -> None:
        """Cancelling a number that is not ours is the same 420 as any failure (its SDK's tests), so we look."""
        country = owned.ref.partition(":")[0] or (await self._there(owned, "number.cancel"))["country"]
        try:
            await self._write("number.cancel", country, owned.number)
        except Failed:
            await self._there(owned, "number.cancel")
            raise

    async def restore(self, owned: OwnedNumber, urls: dict[str, str]) -> Restored:
        """An update replaces what it does not name, so the present settings are read and sent along. Vonage does not
        say which application is Vapi's, but the caller may know. Of the rest only what an update by Vapi may have lost
        is put back, and what somebody has set since stays."""
        row = await self._there(owned, "number.update")
        present = settings_of(row)
        if answered_by_vapi(read_owned(row, self._key), owned) and urls.get(IMPORTED) in (None, present[IMPORTED]):
            urls = urls | {IMPORTED: ""}
        put_back = {n: v for n, v in urls.items() if n == IMPORTED or (n in SETTINGS and not present[n])}
        wanted = present | put_back
        if wanted == present:
            return Restored(read_owned(row, self._key))
        form = {name: value for name, value in wanted.items() if value}
        try:
            await self._write("number.update", row["country"], owned.number, form)
        except Failed:
            await self._there(owned, "number.update")
            raise
        changed = tuple(name for name in SETTINGS if wanted[name] != present[name])
        return Restored(read_owned(row | wanted, self._key), changed)

    async def unhook(self, owned: OwnedNumber) -> OwnedNumber:
        """There is nothing beside what an import sets."""
        return owned

    async def offered_types(self, country: str) -> frozenset[NumberType] | None:
        return None

    async def price(self, country: str, number_type: NumberType) -> Money | None:
        return None

    async def account_id(self) -> str:
        return self._key

    async def account(self) -> AccountState:
        row = await self._credit()
        return AccountState(balance=amount(row.get("value")), currency=CURRENCY, refills=row.get("autoReload") is True)

    def import_source(self) -> ImportSource:
        secrets = {"apiKey": SecretStr(self._key), "apiSecret": self._secret}
        return ImportSource("vonage", self._key, secrets, credential_id=self._credential_id)

    async def close(self) -> None:
        await self._client.close()

    async def _write(
        self, operation: str, country: str, number: E164, more: dict[str, str] | None = None, creates: bool = False
    ) -> None:
        form = {"country": country, "msisdn": number.removeprefix("+"), **(more or {})}
        reply = await self._client.request(
            operation, "POST", f"/{operation.replace('.', '/')}", form=form, creates=creates
        )
        # Its own SDK is ready for a 200 whose body says otherwise.
        code = str(reply.body.get("error-code", "")) if isinstance(reply.body, dict) else ""
        if code == "200":
            return
        error = refusal(Reply(int(code), reply.body)) if code.isdecimal() and code.startswith("4") else None
        if error is None:
            kind = OutcomeUnknown if creates else RetryLater
            error = kind("Vonage's answer cannot be read")
        error.provider, error.operation = self.name, operation
        raise error

    async def _why(self, failed: Failed, offer: Offer) -> ProviderError:
        """The reason for a purchase that failed and left us without the number."""
        row = await self._credit()
        balance = None if row.get("autoReload") is True else amount(row.get("value"))
        where: dict[str, Any] = {"provider": self.name, "operation": "number.buy", "vendor_code": "420"}
        due = (offer.monthly_price or Decimal(0)) + (offer.upfront_price or Decimal(0))
        if balance is not None and balance < max(due, Decimal("0.01")):
            detail = f"the Vonage account holds {balance} {CURRENCY} of {due} that are due"
            return ActionRequired(detail, hint=CREDIT, account_wide=True, **where)
        return OfferGone(f"Vonage no longer sells {offer.number}: {failed.detail}", **where)

    async def _credit(self) -> dict[str, Any]:
        reply = await self._client.request("account.balance", "GET", "/account/get-balance")
        return reply.body if isinstance(reply.body, dict) else {}

    async def _there(self, owned: OwnedNumber, operation: str) -> dict[str, Any]:
        """The record of a number that we hold; Missing if we do not."""
        row = await self._row(owned.number)
        if row is None:
            raise not_in_account(owned.number, provider=self.name, operation=operation)
        return row

    async def _row(self, number: E164) -> dict[str, Any] | None:
        """Our record of exactly this number. The pattern also matches longer numbers."""
        msisdn = number.removeprefix("+")
        params = {"pattern": msisdn, "search_pattern": CONTAINS}
        async for row in self._pages("account.numbers", "/account/numbers", params):
            if row["msisdn"] == msisdn:
                return row
        return None

    def _pages(self, operation: str, path: str, params: dict[str, str]) -> AsyncIterator[dict[str, Any]]:
        """Every row of a listing. Nothing found is `{}`."""

        async def read(index: int) -> Page[int]:
            query = {**params, "size": str(PAGE), "index": str(index)}
            rows, count = rows_of(await self._client.request(operation, "GET", path, params=query))
            return Page(rows, index + 1 if index * PAGE < count else None, count)

        return every(self._client, operation, read, 1, "msisdn")


def is_own(reply: Reply) -> bool:
    """Vonage's refusals have many forms, of which none is the `message` of gateways; 420 nobody else sends."""
    return reply.status == 420 or (isinstance(reply.body, dict) and "message" not in reply.body)


def refusal(reply: Reply) -> ProviderError | None:
    """By status; of the 420s only the one about a local address can be told apart, by its words. The general rule for
    what is not Vonage's own, but for the two statuses that nothing but Vonage would send."""
    text, code = short_text(reply.body), str(reply.status)
    if reply.status == 420 and "address" in text:
        return ActionRequired(f"Vonage wants an address: {text}", vendor_code=code, hint=BY_HAND)
    if reply.status == 420:
        return Failed(f"Vonage: {text}", vendor_code=code)
    if reply.status == 402:
        return ActionRequired(f"Vonage refuses: {text}", vendor_code=code, hint=CREDIT, account_wide=True)
    if not isinstance(reply.body, dict):
        return None
    if reply.status in (401, 403):
        told = {"error-code", "error-code-label", "title"} & reply.body.keys()
        wrong = ActionRequired(f"Vonage refuses: {text}", vendor_code=code, hint=KEYS, account_wide=True)
        return wrong if told else None
    if reply.status == 429:
        return RetryLater("vonage asks us to slow down")
    return Rejected(f"Vonage refused the request ({code}): {text}", vendor_code=code)


def rows_of(reply: Reply) -> tuple[list[dict[str, Any]], int]:
    """The rows and how many there are in all."""
    body = reply.body if isinstance(reply.body, dict) else {"numbers": None}
    rows: Any = body.get("numbers", [])
    count = body.get("count", 0)
    fine = isinstance(rows, list) and all(isinstance(r, dict) and r.get("msisdn") and r.get("country") for r in rows)
    if not fine or not isinstance(count, int):
        raise RetryLater("Vonage's answer cannot be read", provider="vonage")
    return rows, count


def ref_of(country: str, number: str) -> str:
    """Vonage has no id for a number; every write names the country and the number."""
    return f"{country}:{number.removeprefix('+')}"


def read_offer(row: dict[str, Any], country: str, asked: NumberType | None) -> Offer | None:
    kind = next((kind for kind, name in TYPES.items() if name == row.get("type")), NumberType.LOCAL)
    if kind is NumberType.MOBILE and country in AREA_CODE_COUNTRIES:
        kind = asked or NumberType.LOCAL
    number = as_e164(row["msisdn"])
    if number is None or not takes_calls(row) or kind is not (asked or kind):
        return None
    if asked is None and kind is NumberType.TOLL_FREE:
        return None
    price, at_once = amount(row.get("cost")), due_at_once(row.get("initialPrice"))
    currency = CURRENCY if price is not None or at_once is not None else None
    return Offer(number, country, kind, price, currency, upfront_price=at_once)


def takes_calls(row: dict[str, Any]) -> bool:
    """By its list of features, where there is one."""
    features = row.get("features")
    return features is None or "VOICE" in features


def settings_of(row: dict[str, Any]) -> dict[str, str]:
    return {name: str(row.get(name) or "") for name in SETTINGS}


def read_owned(row: dict[str, Any], account: str) -> OwnedNumber:
    """A callback of another kind (to a SIP address, a telephone, a VXML page) wins over the application, Vapi's too,
    and silences it."""
    callback, value = row.get("voiceCallbackType") or "", row.get("voiceCallbackValue")
    elsewhere = callback not in ("", "app") or (value and not callback)
    application = row.get("app_id") or (value if callback == "app" else None)
    uses = {
        f"a {callback or 'voice'} callback": elsewhere,
        f"the application {application}": application,
        "an address for texts": row.get("moHttpUrl") or row.get("messagesCallbackValue"),
    }
    warning = f"calls go to a {callback or 'voice'} callback, not to Vapi: take it off in the dashboard"
    kind = next((kind for kind, name in TYPES.items() if name == row.get("type")), None)
    return OwnedNumber(
        number=E164(f"+{row['msisdn']}"),
        ref=ref_of(row["country"], row["msisdn"]),
        used_by=next((what for what, used in uses.items() if used), None),
        urls=settings_of(row),
        warnings=(warning,) if elsewhere else (),
        voice=takes_calls(row),
        account=account,
        application=application,
        country=row["country"],
        # US and CA local numbers are of type mobile-lvn, so that type says nothing there.
        number_type=None if kind is NumberType.MOBILE and row["country"] in AREA_CODE_COUNTRIES else kind,
    )
