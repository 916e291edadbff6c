"""What goes wrong on request: refusals, lost, late and doubled purchases, wrong lists, per provider and operation."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

from pydantic import Field

from trunkline.sandbox.world import EXACT

When = Literal["before", "after"]
NotNegative = Annotated[int, Field(ge=0)]

KINDS = {
    "latency": "waits `seconds` before the work or (`after`) before the answer; applies beside another kind",
    "status": "answers `status` with `headers` and `body` (JSON; a text goes as HTML), else in the vendor's words",
    "drop": "closes the connection without an answer",
    "hold": "keeps the request until the rule is deleted or its client goes away, then closes the connection",
    "late": "closes the connection at once, and carries the request out `seconds` later",
    "rival": "somebody else sends the same with other `fields` to the same account first (`before`) or right `after`",
    "other_number": "the purchase sells another number of the same country and type than asked, and says so",
    "lag": "the list does not have its first `rows` rows yet, and does not count them",
    "miss": "the list lacks its first `rows` rows, and counts them",
    "repeat": "the list has its first `rows` rows twice",
    "shrink": "the list ends before the last `rows` rows of this page and says that there is no more",
    "endless": "each page names a next one, and all of them are the first page",
}
# A list is an operation that ends in one of these; only its answers can be wrong in the ways of a list.
LISTS = ("*.list", "*.list_v2", "*.slim", "*.search", "account.numbers")
LIST_KINDS = ("lag", "miss", "repeat", "shrink", "endless")
PURCHASES = ("incoming_numbers.create", "number_orders.create", "number.buy")
ONLY_FOR = {**dict.fromkeys(LIST_KINDS, LISTS), "other_number": PURCHASES}


class UnknownName(ValueError):
    """A fault that could never apply; the text names what is known."""


@dataclass
class Fault:
    """One rule. The first rule that matches a request and still has something left to spend applies.

    `kind` is one of KINDS. `when` says for latency, status, drop and hold whether the vendor's work happens first
    (`after`) or never (`before`): a status after the work is a refusal of what was carried out. The first `skip`
    matching requests pass; `times` limits how often it applies (None: always); `probability` is drawn from the book's
    seeded generator. `lacking` narrows lag, miss and repeat to rows whose JSON contains this text.
    """

    __pydantic_config__ = EXACT

    provider: str
    operation: str = "*"
    kind: str = "status"
    when: When = "before"
    skip: NotNegative = 0
    times: NotNegative | None = None
    probability: Annotated[float, Field(ge=0, le=1)] = 1.0
    seconds: Annotated[float, Field(ge=0)] = 0.0
    status: Annotated[int, Field(ge=200, le=599)] = 503
    body: dict[str, Any] | list[Any] | str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    contains: str | None = None
    fields: dict[str, str] = field(default_factory=dict)
    rows: NotNegative = 1
    lacking: str | None = None
    id: int = 0
    passed: int = 0
    hits: int = 0

    def matches(self, provider: str, operation: str, text: str) -> bool:
        """`provider` and `operation` are shell patterns; `contains` must occur in the query or the body."""
        return (
            fnmatchcase(provider, self.provider)
            and fnmatchcase(operation, self.operation)
            and self.applies_to(operation)
            and (self.times is None or self.hits < self.times)
            and (self.contains is None or self.contains in text)
        )

    def applies_to(self, operation: str) -> bool:
        """Lists can be wrong as lists are, purchases as purchases; the other kinds apply to every operation."""
        only = ONLY_FOR.get(self.kind)
        return only is None or any(fnmatchcase(operation, pattern) for pattern in only)

    def check(self, operations: Mapping[str, set[str]]) -> None:
        """Raise UnknownName where nothing of `operations` (by provider) could ever meet this rule."""
        if self.kind not in KINDS:
            raise UnknownName(f"unknown kind {self.kind!r}; known are {', '.join(KINDS)}")
        providers = [name for name in operations if fnmatchcase(name, self.provider)]
        if not providers:
            raise UnknownName(f"unknown provider {self.provider!r}; known are {', '.join(sorted(operations))}")
        known = {name for provider in providers for name in operations[provider] if self.applies_to(name)}
        if not any(fnmatchcase(name, self.operation) for name in known):
            raise UnknownName(
                f"unknown operation {self.operation!r} for a {self.kind} at {', '.join(sorted(providers))}; "
                f"known are {', '.join(sorted(known)) or 'none'}"
            )


class FaultBook:
    """The armed rules, in the order they were added, and one seeded source of chance."""

    def __init__(self, seed: int = 0) -> None:
        self._rules: dict[int, Fault] = {}
        self._changed = asyncio.Event()
        self._next = 1
        self.seed(seed)

    def seed(self, seed: int) -> None:
        self._random = random.Random(seed)

    def add(self, fault: Fault) -> Fault:
        fault.id, self._next = self._next, self._next + 1
        self._rules[fault.id] = fault
        return fault

    def remove(self, fault_id: int) -> bool:
        gone = self._rules.pop(fault_id, None)
        self._wake()
        return gone is not None

    def clear(self) -> None:
        self._rules.clear()
        self._wake()

    def rules(self) -> list[dict[str, Any]]:
        return [asdict(rule) for rule in self._rules.values()]

    def draw(self, provider: str, operation: str, text: str) -> list[Fault]:
        """The rules that apply to this request: every latency rule, and at most one other."""
        drawn: list[Fault] = []
        for rule in self._rules.values():
            if not rule.matches(provider, operation, text):
                continue
            if rule.kind != "latency" and any(other.kind != "latency" for other in drawn):
                continue
            if rule.probability < 1 and self._random.random() >= rule.probability:
                continue
            if rule.passed < rule.skip:
                rule.passed += 1
                continue
            rule.hits += 1
            drawn.append(rule)
        return drawn

    async def held(self, fault: Fault) -> None:
        """Wait until the rule is removed."""
        while fault.id in self._rules:
            changed = self._changed
            await changed.wait()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
