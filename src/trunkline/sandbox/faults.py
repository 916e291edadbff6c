"""What goes wrong on request: latency, refusals, lost replies and held requests, per provider and operation."""

from __future__ import annotations

import asyncio
import random
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal

Kind = Literal["latency", "status", "drop", "hold"]
When = Literal["before", "after"]


@dataclass
class Fault:
    """One rule. The first rule that matches a request and still has something left to spend applies.

    `kind` latency waits `seconds` and goes on; `status` answers `status` with `body` and `headers`; `drop` closes
    the connection without an answer; `hold` keeps the request until the rule is deleted or its client goes away, and
    then closes the connection. `when` says whether the vendor's work happens first (`after`) or never (`before`).
    `times` limits how often it applies (None: always); `probability` is drawn from the book's seeded generator.
    """

    provider: str
    operation: str = "*"
    kind: Kind = "status"
    when: When = "before"
    times: int | None = None
    probability: float = 1.0
    seconds: float = 0.0
    status: int = 503
    body: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    contains: str | None = None
    id: int = 0
    hits: int = 0

    def matches(self, provider: str, operation: str, text: str) -> bool:
        """`provider` and `operation` are shell patterns; `contains` must occur in the query or the body."""
        return (
            fnmatchcase(provider, self.provider)
            and fnmatchcase(operation, self.operation)
            and (self.times is None or self.hits < self.times)
            and (self.contains is None or self.contains in text)
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
