"""Who answers which number, in memory: compact, and without an object that the garbage collector has to visit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from trunkline.db.routes import Route, Served
from trunkline.domain.callers import forms, full_number

encode = msgspec.json.encode


class Values(msgspec.Struct, frozen=True):
    """What the assistant gets to know of a call's restaurant."""

    restaurant_id: str
    restaurant_name: str
    called_number: str


@dataclass(frozen=True)
class Former:
    """Nobody answers this number; until a short time ago, these did."""

    values: Values


@dataclass(frozen=True)
class Shared:
    """A number on which some callers have registered with a restaurant, and who answers all others."""

    answers: bytes | None
    callers: dict[str, bytes] = field(default_factory=dict)


Answer = bytes | Former
read_values = msgspec.json.Decoder(Values).decode


class Directory:
    """Finds the restaurant of a call. The answer is the JSON of its `Values`, as it stands in memory.

    A million numbers are two dictionaries of text, bytes and integers: such objects hold no others, so neither they
    nor the dictionaries are ever visited by a garbage collection, and nothing stalls when one runs. The few numbers
    that need more than one answer are kept apart.
    """

    def __init__(self) -> None:
        self._answers: dict[str, bytes] = {}
        self._special: dict[str, Shared | Former] = {}
        self._numbers: dict[int | str, str] = {}  # by the voice platform's id; of a number it once had, for ever

    def __len__(self) -> int:
        return len(self._answers) + len(self._special)

    def find(
        self, first_id: str | None, second_id: str | None, number: str | None, caller: str | None
    ) -> Answer | None:
        """By the voice platform's ids of the called number, else by the number; None where nobody is known."""
        for voice_id in (first_id, second_id):
            if voice_id is not None:
                known = self._numbers.get(voice_key(voice_id))
                if known is not None and (found := self._of(known, caller)) is not None:
                    return found
        if number is None:
            return None
        return self._of(number, caller)

    def _of(self, number: str, caller: str | None) -> Answer | None:
        answer = self._answers.get(number)
        if answer is not None:
            return answer
        special = self._special.get(number)
        if isinstance(special, Shared):
            return special.callers.get(full_number(caller, number) or "", special.answers)
        return special

    def update(self, routes: Iterable[Route]) -> None:
        """Take over how these numbers are answered now."""
        for route in routes:
            number, answer = route.number, resolve(route)
            if isinstance(answer, bytes):
                if self._answers.get(number) != answer:
                    self._answers[number] = answer
                self._special.pop(number, None)
            else:
                self._answers.pop(number, None)
                if answer is None:
                    self._special.pop(number, None)
                else:
                    self._special[number] = answer
            if answer is not None and route.voice_id is not None:
                self._numbers[voice_key(route.voice_id)] = number


def answer_of(route: Route, caller: str | None) -> Answer | None:
    """What the directory would answer if it knew this route."""
    found = resolve(route)
    if isinstance(found, Shared):
        return found.callers.get(full_number(caller, route.number) or "", found.answers)
    return found


def resolve(route: Route) -> bytes | Shared | Former | None:
    """A caller registered with several restaurants of one number gets the active one, else the newest."""

    def values(served: Served) -> Values:
        return Values(served.restaurant_id, served.name, route.number)

    answers = encode(values(route.active)) if route.active else None
    if route.former:
        return Former(values(route.former))
    callers: dict[str, bytes] = {}
    for served in reversed(route.others):
        callers |= dict.fromkeys(known_by(served), encode(values(served)))
    if not callers:
        return answers
    if route.active and answers:
        callers |= dict.fromkeys(known_by(route.active), answers)
    return Shared(answers, callers)


def voice_key(voice_id: str) -> int | str:
    """A UUID as an integer: half the memory of its text."""
    if len(voice_id) == 36:
        try:
            return int(voice_id.replace("-", ""), 16)
        except ValueError:
            return voice_id
    return voice_id


def known_by(served: Served) -> list[str]:
    """Its callers' numbers, in every form in which they may call."""
    return [form for caller in served.callers for form in forms(caller)]
