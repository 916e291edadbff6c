"""Your own SIP trunk: the numbers are configured, nothing is bought and nothing is given back."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator
from typing import ClassVar

from trunkline.carriers.base import AccountState, Capabilities, ImportSource, Restored, fingerprint, not_in_account
from trunkline.domain.choosing import Criteria, Offer, OwnedNumber
from trunkline.domain.marks import OwnerMark
from trunkline.domain.money import Money
from trunkline.domain.numbers import E164, NumberType, parse_number
from trunkline.errors import ActionRequired, InvalidInput, Rejected, SettingsError
from trunkline.providers.account import Account
from trunkline.settings import Settings

NOTHING_FOR_SALE = "numbers on your own SIP trunk are not bought: list them in BYO_NUMBERS"


class ByoCarrier:
    """The numbers of BYO_NUMBERS, on the trunk behind BYO_GATEWAY_IPS or BYO_VAPI_CREDENTIAL_ID.

    Vapi knows the trunk as a credential of kind byo-sip-trunk. It is recognised by a fingerprint of its gateways, so
    that other gateways mean another credential.
    """

    name: ClassVar[str] = "byo"
    capabilities: ClassVar[Capabilities] = Capabilities(owner_mark=False, credential="needed", sells=False)

    def __init__(self, settings: Settings, account: Account | None = None) -> None:
        self._numbers = configured_numbers(settings.byo_numbers)
        self._gateways = gateways(settings.byo_gateway_ips)
        self._credential_id = settings.byo_vapi_credential_id
        self._account = f"byo-{fingerprint(','.join(self._gateways) or self._credential_id or '')}"
        if not self._gateways and not self._credential_id:
            raise SettingsError("BYO_NUMBERS needs BYO_GATEWAY_IPS, or BYO_VAPI_CREDENTIAL_ID of a trunk made in Vapi")

    @classmethod
    def configured(cls, settings: Settings) -> bool:
        """A trunk may have no number (any more): the one that was taken out of BYO_NUMBERS is given up all the same."""
        return bool(settings.byo_numbers or settings.byo_gateway_ips or settings.byo_vapi_credential_id)

    async def search(self, want: Criteria, country: str, limit: int) -> list[Offer]:
        raise Rejected(NOTHING_FOR_SALE, provider=self.name, operation="search")

    async def buy(self, offer: Offer, mark: OwnerMark) -> OwnedNumber:
        raise Rejected(NOTHING_FOR_SALE, provider=self.name, operation="buy")

    async def find(self, number: E164 | None, mark: OwnerMark) -> OwnedNumber | None:
        return await self.lookup(number) if number is not None else None

    async def lookup(self, number: E164) -> OwnedNumber | None:
        return OwnedNumber(number, number, account=self._account) if number in self._numbers else None

    async def owned(self) -> AsyncIterator[OwnedNumber]:
        for number in self._numbers:
            yield OwnedNumber(number, number, account=self._account)

    async def elsewhere(self) -> list[OwnedNumber]:
        return []

    async def mark(self, owned: OwnedNumber, mark: OwnerMark) -> OwnedNumber:
        """There is nobody's record to write it in."""
        return owned

    async def release(self, owned: OwnedNumber) -> None:
        """ActionRequired while the number is listed: nobody else can take it off your trunk."""
        await self._listed(owned, "release")
        raise ActionRequired(
            f"{owned.number} is on your own SIP trunk and is not given back by us",
            provider=self.name,
            operation="release",
            hint="take it out of BYO_NUMBERS",
        )

    async def restore(self, owned: OwnedNumber, urls: dict[str, str]) -> Restored:
        """An import changes nothing on the trunk."""
        return Restored(await self._listed(owned, "restore"))

    async def unhook(self, owned: OwnedNumber) -> OwnedNumber:
        """There is nothing beside what an import sets."""
        return owned

    async def offered_types(self, country: str) -> frozenset[NumberType] | None:
        return frozenset()

    async def price(self, country: str, number_type: NumberType) -> Money | None:
        return None

    async def account_id(self) -> str:
        """A fingerprint of the trunk: of its gateways, or of the credential that stands for them."""
        return self._account

    async def account(self) -> AccountState | None:
        """The trunk is yours."""
        return None

    def import_source(self) -> ImportSource:
        details = {"gateways": [{"ip": ip} for ip in self._gateways]}
        return ImportSource("byo-phone-number", self._account, {}, False, self._credential_id, details)

    async def _listed(self, owned: OwnedNumber, operation: str) -> OwnedNumber:
        listed = await self.lookup(owned.number)
        if listed is None:
            raise not_in_account(owned.number, provider=self.name, operation=operation)
        return listed

    async def close(self) -> None:
        """No connection is held."""


def configured_numbers(texts: list[str]) -> list[E164]:
    """Each number once, in the order given; SettingsError names one that is not E.164."""
    try:
        return list(dict.fromkeys(parse_number(text) for text in texts))
    except InvalidInput as error:
        raise SettingsError(f"BYO_NUMBERS: {error.detail}", hint=error.hint) from None


def gateways(texts: list[str]) -> list[str]:
    """Vapi takes inbound calls from numeric IPv4 addresses only (its SIP trunk guide)."""
    for text in texts:
        try:
            ipaddress.IPv4Address(text)
        except ValueError:
            raise SettingsError(f"BYO_GATEWAY_IPS: {text!r} is not an IPv4 address", hint="use 192.0.2.1") from None
    return sorted(set(texts))
