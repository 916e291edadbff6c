"""What vendors share: their numbers by country and prefix, who bought which in what order, and requests a second."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from trunkline.sandbox.world import Number, World

PREFIX = len("+1415")
Label = tuple[str, ...]


class Shelves:
    """All numbers of a carrier, sold or not, by what a search asks for: `labels` says on which shelves a number stands.

    Numbers come and go behind our back (control API, other vendors), so each use first takes in what is new: additions
    come at the end of the world's table; anything else (fewer numbers than expected) means sorting afresh.
    """

    def __init__(self, carrier: str, labels: Callable[[Number], Iterable[Label]]) -> None:
        self.carrier, self._labels = carrier, labels
        self._shelf: dict[Label, list[str]] = {}
        self._count = 0
        self._last: Number | None = None

    def labels(self, world: World) -> Iterable[Label]:
        """Every shelf that there is."""
        self._update(world)
        return self._shelf.keys()

    def smallest(self, world: World, *labels: Label) -> list[str]:
        """The shortest of these shelves: each holds every number with all of the labels."""
        self._update(world)
        return min((self._shelf.get(label, []) for label in labels), key=len)

    def _update(self, world: World) -> None:
        fresh: list[Number] = []
        for number in reversed(world.numbers.values()):
            if number is self._last:
                break
            fresh.append(number)
        if self._count + len(fresh) != len(world.numbers):
            self._shelf.clear()
            fresh = list(reversed(world.numbers.values()))
        for number in reversed(fresh):
            for label in self._labels(number) if number.carrier == self.carrier else ():
                self._shelf.setdefault(label, []).append(number.number)
        if fresh:
            self._last = fresh[0]
        self._count = len(world.numbers)


def by_prefix(number: Number) -> list[Label]:
    return [(number.country,), (number.country, number.number[:PREFIX])]


def starting(shelves: Shelves, world: World, country: str, prefix: str = "", containing: str = "") -> Iterator[Number]:
    """The country's numbers that start with `prefix` and contain `containing`, from shelves by_prefix."""
    label = (country, prefix[:PREFIX]) if len(prefix) >= PREFIX else (country,)
    for digits in shelves.smallest(world, label):
        if containing in digits and digits.startswith(prefix):
            number = world.number(shelves.carrier, digits)
            if number is not None and number.country == country:
                yield number


class Holdings:
    """`Number.account` is the truth; this remembers the order, so that a listing need not look at all stock."""

    def __init__(self, carrier: str) -> None:
        self.carrier = carrier
        self._bought: dict[str, dict[str, None]] = {}

    def add(self, number: Number) -> None:
        assert number.account is not None
        bought = self._bought.setdefault(number.account, {})
        bought.pop(number.number, None)
        bought[number.number] = None

    def newest_first(self, world: World, account: str) -> list[Number]:
        """What the account holds now; a number that left it in any way is not shown."""
        found = (world.number(self.carrier, number) for number in reversed(self._bought.get(account, {})))
        return [number for number in found if number is not None and number.account == account]


class Pace:
    """How many requests each key has sent in the second that is now."""

    def __init__(self) -> None:
        self._spent: dict[str, tuple[int, int]] = {}

    def spend(self, key: str) -> int:
        """One more; how many there are now."""
        second = int(time.monotonic())
        since, used = self._spent.get(key, (second, 0))
        used = used + 1 if since == second else 1
        self._spent[key] = second, used
        return used
