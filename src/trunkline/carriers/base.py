"""The port that every carrier implements: search, buy one exact number, find, list, release."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar, Literal, Protocol

from pydantic import SecretStr

from trunkline.domain.choosing import Criteria, Offer, OwnedNumber
from trunkline.domain.marks import OwnerMark
from trunkline.domain.numbers import E164, NumberType


@dataclass(frozen=True)
class Capabilities:
    """What a carrier can and cannot do, for the flow to read instead of asking which vendor it is.

    `exact_number`: offers name the number. `owner_mark`: the mark is written at purchase and can be found again.
    `countries`: None for any. `credential`: "none" where Vapi's import carries the keys itself and a credential is
    optional, "needed" where the import refers to one.
    """

    exact_number: bool = True
    owner_mark: bool = True
    countries: frozenset[str] | None = None
    types: frozenset[NumberType] | None = None
    credential: str = "none"


@dataclass(frozen=True)
class AccountState:
    """The account as its carrier shows it; None stands for what the carrier does not say or lets our keys not read.
    `usable` is false where the carrier has suspended or closed it."""

    kind: Literal["trial", "full"] | None = None
    usable: bool = True
    balance: Decimal | None = None
    currency: str | None = None


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


class Carrier(Protocol):
    """One account at one carrier. Every method raises a ProviderError subclass, whose class says what to do next:
    RetryLater (nothing happened), OutcomeUnknown (only from buy: look first), Rejected and its subclasses OfferGone and
    TrialLimit (next offer, then next carrier), ActionRequired (a person must act)."""

    name: ClassVar[str]
    capabilities: ClassVar[Capabilities]

    async def search(self, want: Criteria, country: str, limit: int) -> list[Offer]:
        """Up to `limit` voice-capable numbers for sale, priced where the carrier can say. [] if it has none.
        Rejected if the carrier cannot serve these criteria at all."""

    async def buy(self, offer: Offer, mark: OwnerMark) -> OwnedNumber:
        """Buy this exact number once, marked in the same request. Never retries and never asks for a substitute."""

    async def find(self, number: E164 | None, mark: OwnerMark) -> OwnedNumber | None:
        """The truth about one purchase: the number that we hold and that is `number`, or that carries `mark` where
        `number` is None. None: we do not hold it (yet). RetryLater while an order for it is still under way."""

    def owned(self) -> AsyncIterator[OwnedNumber]:
        """Every number of the account: all pages, or an error; never a silent part."""

    async def release(self, owned: OwnedNumber) -> None:
        """Give the number back, which ends its monthly price. Already gone counts as success."""

    async def restore(self, owned: OwnedNumber, urls: dict[str, str]) -> None:
        """Put back the settings that an import overwrote. Already gone counts as success."""

    async def offered_types(self, country: str) -> frozenset[NumberType] | None:
        """The types that the carrier sells in the country, empty where it sells none there, None if it cannot say."""

    async def account(self) -> AccountState | None:
        """The account, None where there is none of its own to ask about. ActionRequired if the keys are wrong."""

    def import_source(self) -> ImportSource: ...

    async def close(self) -> None: ...


def amount(value: Any) -> Decimal | None:
    """Money as a carrier writes it; None where that is no number."""
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None
