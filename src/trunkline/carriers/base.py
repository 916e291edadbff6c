"""The port that every carrier implements: search, buy one exact number, find, list, release."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

from pydantic import SecretStr

from trunkline.domain.choosing import Criteria, Offer, OwnedNumber
from trunkline.domain.marks import OwnerMark
from trunkline.domain.money import Money
from trunkline.domain.numbers import E164, NumberType
from trunkline.errors import Missing


@dataclass(frozen=True)
class Capabilities:
    """What a carrier can and cannot do, for the flow to read instead of asking which vendor it is.

    `exact_number`: offers name the number. `owner_mark`: the mark is written at purchase and can be found again.
    `countries`: None for any. `credential`: "none" where Vapi's import carries the keys itself and a credential is
    optional, "needed" where the import refers to one. `imported`: its numbers are imported into the voice platform,
    which has the others from the start. `sells_held`: a purchase of a number that the account holds already is answered
    like any other, so that who buys looks first. `sells` is false where numbers are only brought along;
    `most` is how many numbers an account may hold, None for any.
    """

    exact_number: bool = True
    owner_mark: bool = True
    countries: frozenset[str] | None = None
    types: frozenset[NumberType] | None = None
    credential: str = "none"
    imported: bool = True
    sells_held: bool = False
    sells: bool = True
    most: int | None = None


@dataclass(frozen=True)
class AccountState:
    """The account as its carrier shows it; None stands for what the carrier does not say or lets our keys not read.
    `usable` is false where the carrier has suspended or closed it; `refills`: its balance is filled up by itself."""

    kind: Literal["trial", "full"] | None = None
    usable: bool = True
    balance: Decimal | None = None
    currency: str | None = None
    refills: bool = False


@dataclass(frozen=True)
class ImportSource:
    """What the voice platform needs to import this carrier's numbers and to find or create its credential.

    `account` is the account or key id by which a credential is recognised; `secrets` are in the provider's own
    field names (Vapi's), e.g. twilioAuthToken; `credential_id` is set where an operator configured one. `details`
    are further fields of the credential that are no secrets, e.g. the gateways of a SIP trunk.
    """

    provider: str
    account: str
    secrets: dict[str, SecretStr]
    sms_enabled: bool = False
    credential_id: str | None = None
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def keys(self) -> str:
        """A fingerprint of the secrets, empty where there are none: another one once they were changed."""
        told = "\n".join(f"{name} {secret.get_secret_value()}" for name, secret in sorted(self.secrets.items()))
        return fingerprint(told) if told else ""


@dataclass(frozen=True)
class Restored:
    """What became of a number's settings: `number` as it stands now (its `used_by` is what answers it), and the names
    of the settings that were written, none where all of them stood as they should."""

    number: OwnedNumber
    changed: tuple[str, ...] = ()


class Carrier(Protocol):
    """One account at one carrier. Every method raises a ProviderError subclass, whose class says what to do next:
    RetryLater (nothing happened), OutcomeUnknown (only from buy: look first), Rejected and its subclasses OfferGone,
    WrongNumber and TrialLimit (next offer, then next carrier), Missing (not in this account), ActionRequired (a person
    must act). Nothing is said to be missing but by the carrier's own words, never by a page of something between."""

    name: ClassVar[str]
    capabilities: ClassVar[Capabilities]

    async def search(self, want: Criteria, country: str, limit: int) -> list[Offer]:
        """Up to `limit` voice-capable numbers for sale, priced where the carrier can say. [] if it has none.
        Rejected if the carrier cannot serve these criteria at all."""

    async def buy(self, offer: Offer, mark: OwnerMark) -> OwnedNumber:
        """Buy this exact number once, marked in the same request. Never retries and never asks for a substitute.

        OfferGone where the account holds it already, if the reply tells: only the caller knows whether an earlier
        request of its own may have bought it. WrongNumber carries a number that was sold instead. Where a reply does
        not tell a purchase from a number that was held before, the mark that `lookup` reads afterwards says whose it
        is.
        """

    async def find(self, number: E164 | None, mark: OwnerMark) -> OwnedNumber | None:
        """The truth about one purchase: the number that we hold and that is `number`, or that carries `mark` where
        `number` is None. None: we do not hold it (yet). RetryLater while an order for it is still under way."""

    async def lookup(self, number: E164) -> OwnedNumber | None:
        """The truth about one number, asked for by the number and compared exactly, all pages read.

        None proves that the account of our keys does not hold it, and no more: it may have been given back, or be in an
        account that these keys do not show. HeldElsewhere names the account that holds it where they do.
        """

    def owned(self) -> AsyncIterator[OwnedNumber]:
        """Every number of the account: all pages, or an error; never a silent part."""

    async def elsewhere(self) -> list[OwnedNumber]:
        """Every number of the other accounts that the same keys show, complete as `owned` is; [] where they show
        none."""

    async def mark(self, owned: OwnedNumber, mark: OwnerMark) -> OwnedNumber:
        """Write the owner mark on a number that the account holds; the number as it stands then. A carrier without
        owner marks (`Capabilities.owner_mark`) returns it as it is. Missing if the account does not hold it."""

    async def release(self, owned: OwnedNumber) -> None:
        """Give the number back, which ends its monthly price. Without a `ref` it is looked up first. Missing if the
        account does not hold it: whether that means "gone" is for the caller to find out, see `lookup`."""

    async def restore(self, owned: OwnedNumber, urls: dict[str, str]) -> Restored:
        """Put back the settings that an import overwrote. `urls` is what they were, empty where that is not known:
        then what leads to Vapi is taken off (by `owned.by_vapi`, too, where the carrier itself does not tell). What
        somebody else has set meanwhile is left alone, where the carrier shows it. Missing if the account does not hold
        the number."""

    async def unhook(self, owned: OwnedNumber) -> OwnedNumber:
        """Take off what the carrier asks in place of what an import sets, where it has such; the number as it stands
        then. For a number of ours that somebody has led elsewhere. Missing if the account does not hold it."""

    async def offered_types(self, country: str) -> frozenset[NumberType] | None:
        """The types that the carrier sells in the country, empty where it sells none there, None if it cannot say."""

    async def price(self, country: str, number_type: NumberType) -> Money | None:
        """What a number of this kind costs a month by the carrier's list; None where it publishes none."""

    async def account_id(self) -> str:
        """Which account the keys open: its id at the carrier, else a fingerprint of the keys. Never a secret; empty
        where nothing tells it yet."""

    async def account(self) -> AccountState | None:
        """The account, None where there is none of its own to ask about. ActionRequired if the keys are wrong."""

    def import_source(self) -> ImportSource: ...

    async def close(self) -> None: ...


@runtime_checkable
class HoldsOffers(Protocol):
    """What a carrier has besides, where it can keep an offered number from everybody else for a while."""

    async def hold(self, number: E164, mark: OwnerMark) -> datetime:
        """Until when the number is kept for this account; nothing is bought or paid. With the same mark it is kept
        once, however often this is asked. OfferGone where it cannot be had, RetryLater where it is not known yet."""


def amount(value: Any) -> Decimal | None:
    """Money as a carrier writes it; None where that is no number."""
    try:
        money = Decimal(str(value))
    except InvalidOperation:
        return None
    return money if money.is_finite() else None


def due_at_once(value: Any) -> Decimal | None:
    """What a carrier wants at once and on top of the first month; None where it wants nothing."""
    return amount(value) or None


def fingerprint(text: str) -> str:
    """A name for what has no public id, by which it is recognised again."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def sold_as(owned: OwnedNumber, offer: Offer) -> OwnedNumber:
    """A number that was just bought, with what its offer said of it."""
    return replace(
        owned,
        country=offer.country,
        number_type=offer.number_type,
        monthly_price=offer.monthly_price,
        currency=offer.currency,
    )


def answered_by_vapi(held: OwnedNumber, known: OwnedNumber) -> bool:
    """Whether Vapi answers a number as it stands: by the carrier's word, or because the caller knows the application
    that answers it for Vapi's."""
    return held.by_vapi or (known.by_vapi and known.application is not None and known.application == held.application)


def not_in_account(number: str, **context: Any) -> Missing:
    return Missing(f"{number} is not in this account", **context)


def as_e164(text: Any) -> E164 | None:
    """A number as a carrier writes it, with or without a plus, blanks or brackets; None where it is none."""
    digits = re.sub(r"[\s().+-]", "", str(text))
    return E164(f"+{digits}") if re.fullmatch(r"[1-9]\d{6,14}", digits) else None
