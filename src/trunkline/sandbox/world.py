"""The state that all sandbox vendors share: accounts, what is for sale, who holds what, and the switches."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

from pydantic import ConfigDict

SEED = 20260822
# What the control API makes of JSON has these fields and no others.
EXACT = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class Switch:
    """Behaviour that no source tells, or that is had on request: `of` is the type of its values, as pydantic takes one.

    docs/sandbox.md repeats `about`, and a test compares.
    """

    default: Any
    of: Any
    about: str


@dataclass
class Account:
    """An account at one carrier. `id` is the vendor's account id, or its API key where that is all there is."""

    __pydantic_config__ = EXACT

    carrier: str
    id: str
    secret: str = ""
    trial: bool = False
    balance: Decimal = Decimal("100.00")
    currency: str = "USD"
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class Number:
    """One telephone number at one carrier: for sale while `account` is None, else held by that account.

    `type` is local, toll_free, mobile or national; `address` is none, any, local or foreign (what the vendor wants on
    file); `bundle` is True where regulation asks for approved documents. `wire` is the vendor's own record of the
    number while it is held (ids, URLs, marks), in whatever form that vendor's file likes. `price` is a month's;
    `upfront` is due at once, None for what the vendor asks by itself.
    """

    __pydantic_config__ = EXACT

    carrier: str
    number: str
    country: str = "US"
    type: str = "local"
    locality: str = ""
    region: str = ""
    price: Decimal = Decimal("1.15")
    upfront: Decimal | None = None
    currency: str = "USD"
    voice: bool = True
    sms: bool = True
    address: str = "none"
    bundle: bool = False
    account: str | None = None
    held_for: str | None = None
    wire: dict[str, Any] = field(default_factory=dict)
    history: list[str] = field(default_factory=list)


@dataclass
class Received:
    """One request as it arrived; secrets are not kept."""

    at: str
    provider: str
    operation: str
    method: str
    path: str
    query: str
    body: str
    status: int | None = None
    fault: str | None = None


class World:
    """Everything the vendors know. A vendor's file keeps what only it needs under `vendor(name)`."""

    def __init__(self, seed: int = SEED) -> None:
        self.random = random.Random(seed)
        self.accounts: dict[tuple[str, str], Account] = {}
        self.numbers: dict[tuple[str, str], Number] = {}
        self.switches: dict[str, Any] = {}
        self.requests: list[Received] = []
        self._vendors: dict[str, dict[str, Any]] = {}

    def vendor(self, name: str) -> dict[str, Any]:
        return self._vendors.setdefault(name, {})

    def account(self, carrier: str, account_id: str) -> Account | None:
        return self.accounts.get((carrier, account_id))

    def number(self, carrier: str, number: str) -> Number | None:
        return self.numbers.get((carrier, number))

    def add_account(self, account: Account) -> Account:
        self.accounts[account.carrier, account.id] = account
        return account

    def add_number(self, number: Number) -> Number:
        self.numbers[number.carrier, number.number] = number
        return number

    def for_sale(self, carrier: str) -> list[Number]:
        return [n for n in self.numbers.values() if n.carrier == carrier and n.account is None]

    def held(self, carrier: str, account_id: str | None = None) -> list[Number]:
        return [
            n
            for n in self.numbers.values()
            if n.carrier == carrier and n.account is not None and account_id in (None, n.account)
        ]

    def hex(self, length: int) -> str:
        """Random lower-case hexadecimal from the world's seeded generator."""
        return f"{self.random.getrandbits(length * 4):0{length}x}"

    @staticmethod
    def now() -> datetime:
        return datetime.now(UTC)


@dataclass(frozen=True)
class Drift:
    """One way in which the world changes behind the back of whoever uses it.

    `kind` is what a comparison would call it. `of` are the numbers that may change so: this vendor's that something
    answers in Vapi (served), those of all others (imported), this vendor's that nobody has (for_sale) or that somebody
    has given back. `change` does it to a number, of or for the named account, and says what it did; None where it
    cannot be done to this one. `whole`: it is done to all of an account, so it names no number and happens only where
    it is asked for.
    """

    kind: str
    of: Literal["served", "imported", "for_sale", "given_back"]
    change: Callable[[World, Number, str, random.Random], str | None]
    whole: bool = False
