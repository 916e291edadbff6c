"""The world drifts: what the vendors hold is changed as consoles, support and other programs change it, by a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from trunkline.sandbox.app import Sandbox
from trunkline.sandbox.world import EXACT, Drift, Number


class UnknownKind(ValueError):
    """No vendor drifts so; the text says which kinds there are."""


@dataclass
class Asked:
    """How much is to change, by which seed. `kinds`: only these; None for all that are done to single numbers."""

    __pydantic_config__ = EXACT

    seed: int = 0
    changes: int = 40
    kinds: list[str] | None = None


@dataclass(frozen=True)
class Change:
    """What was done. `number` is None where it was done to the whole account; `provider` is who holds the number."""

    kind: str
    number: str | None
    provider: str
    account: str
    what: str


def drift(sandbox: Sandbox, asked: Asked) -> list[Change]:
    """Change so many things, each number at most once in the life of a world, kind after kind in turn, so that all of
    them happen. Fewer where nothing is left that could change so."""
    drawing = Drawing(sandbox, asked)
    found: list[Change] = []
    while drawing.ways and len(found) < asked.changes:
        for kind in list(drawing.ways)[: asked.changes - len(found)]:
            found += drawing.draw(kind)
    return found


class Drawing:
    """One seeded drift; `ways` are the kinds that may still happen, and how, by vendor."""

    def __init__(self, sandbox: Sandbox, asked: Asked) -> None:
        self.world, self.platform, self.chance = sandbox.world, sandbox.platform, random.Random(asked.seed)
        self.touched: set[Any] = sandbox.world.vendor("drift").setdefault("touched", set())
        found: dict[str, list[tuple[str, Drift]]] = {}
        for vendor in sandbox.vendors.values():
            for way in vendor.drifts:
                found.setdefault(way.kind, []).append((vendor.name, way))
        if unknown := sorted(set(asked.kinds or ()) - set(found)):
            raise UnknownKind(f"kinds: unknown {unknown[0]!r}; known are {', '.join(sorted(found))}")
        single = [kind for kind, ways in found.items() if not any(way.whole for _, way in ways)]
        wanted = sorted(set(asked.kinds)) if asked.kinds is not None else sorted(single)
        self.chance.shuffle(wanted)
        self.ways = {kind: found[kind] for kind in wanted}

    def draw(self, kind: str) -> list[Change]:
        """One change of this kind, if there still can be one; else the kind is over."""
        places = list(self._places(kind))
        self.chance.shuffle(places)
        for way, numbers in places:
            self.chance.shuffle(numbers)
            for number, account in numbers:
                if (said := way.change(self.world, number, account, self.chance)) is not None:
                    self.touched.add((kind, account) if way.whole else (number.carrier, number.number))
                    return [Change(kind, None if way.whole else number.number, number.carrier, account, said)]
        del self.ways[kind]
        return []

    def _places(self, kind: str) -> Iterator[tuple[Drift, list[tuple[Number, str]]]]:
        """The ways in which it may happen, and to which numbers of which accounts."""
        answered = [
            number
            for name in self.platform.served(self.world)
            if (number := self.world.numbers.get(name)) is not None and number.account is not None
        ]
        for vendor, way in self.ways[kind]:
            others = sorted({number.carrier for number in answered} - {vendor})
            for carrier in others if way.of == "imported" else [vendor]:
                mine = [(n, str(n.account)) for n in answered if n.carrier == carrier]
                if way.of in ("for_sale", "given_back"):
                    accounts = {account for n, account in mine if (carrier, n.number) not in self.touched}
                    numbers = self._loose(carrier, sorted(accounts), way.of == "given_back")
                else:
                    numbers = [(n, a) for n, a in mine if not self.touched & {(carrier, n.number), (kind, a)}]
                if numbers:
                    yield way, numbers

    def _loose(self, carrier: str, accounts: list[str], back: bool) -> list[tuple[Number, str]]:
        """Numbers that nobody has, for the hands of one of the accounts that are served."""
        loose = [n for n in self.world.for_sale(carrier) if (carrier, n.number) not in self.touched]
        loose = [n for n in loose if bool(n.history) is back]
        account = self.chance.choice(accounts) if accounts else ""
        return [(n, account) for n in loose if account]
