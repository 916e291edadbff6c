"""Who answers which number, in memory: compact, and without an object that the garbage collector has to visit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from trunkline.db.routes import Route, Served
from trunkline.domain.callers import forms, full_number
from trunkline.routing.voice_ids import VoiceIds

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
Key = int | str  # of a number
BEFORE_ID, BEFORE_NAME, BEFORE_NUMBER = b'{"restaurant_id":"', b'","restaurant_name":"', b'","called_number":"'
read_values = msgspec.json.Decoder(Values).decode


class Directory:
    """Finds the restaurant of a call. The answer is the JSON of its `Values`, put together from what is in memory.

    A million numbers are a dictionary of integers and bytes, and one of bytes: such objects hold no others, so neither
    they nor the dictionaries are ever visited by a garbage collection, and nothing stalls when one runs. The few
    numbers that need more than one answer are kept apart.
    """

    def __init__(self) -> None:
        self._served: dict[Key, bytes] = {}
        self._special: dict[Key, Shared | Former] = {}
        self._ids = VoiceIds()  # also those of a number that it once had, for ever

    def __len__(self) -> int:
        return len(self._served) + len(self._special)

    def find(
        self, first_id: str | None, second_id: str | None, number: str | None, caller: str | None
    ) -> Answer | None:
        """By the voice platform's ids of the called number, else by the number; None where nobody is known."""
        for voice_id in (first_id, second_id):
            if voice_id is not None:
                known = self._ids.get(voice_id)
                if known is not None and (found := self._of(known, caller)) is not None:
                    return found
        if number is None:
            return None
        return self._of(key_of(number), caller)

    def _of(self, number: Key, caller: str | None) -> Answer | None:
        served = self._served.get(number)
        if served is not None:
            return whole(number, served)
        special = self._special.get(number)
        if isinstance(special, Shared):
            return special.callers.get(full_number(caller, text_of(number)) or "", special.answers)
        return special

    def update(self, routes: Iterable[Route]) -> None:
        """Take over how these numbers are answered now."""
        for route in routes:
            number, active = key_of(route.number), route.active
            plain = active is not None and not route.others and route.former is None
            answer = None if plain else resolve(route)
            if active is not None and (plain or isinstance(answer, bytes)):
                served = short(active)
                if self._served.get(number) != served:
                    self._served[number] = served
                if self._special:
                    self._special.pop(number, None)
            else:
                self._served.pop(number, None)
                self._special.pop(number, None)
                if isinstance(answer, Shared | Former):
                    self._special[number] = answer
            if route.voice_id is not None and (plain or answer is not None):
                self._ids.set(route.voice_id, number)


def key_of(number: str) -> Key:
    """An E.164 number as an integer, which takes half the memory of its text."""
    digits = number[1:]
    if digits.isdecimal() and number[0] == "+" and digits[0] != "0" and len(digits) < 19 and digits.isascii():
        return int(digits)
    return number


def text_of(number: Key) -> str:
    return number if isinstance(number, str) else f"+{number}"


def short(served: Served) -> bytes:
    """What differs from one answer to the next, as it stands in the JSON: there no line ends within a text."""
    return encode(served.restaurant_id)[1:-1] + b"\n" + encode(served.name)[1:-1]


def whole(number: Key, served: bytes) -> bytes:
    restaurant_id, _, name = served.partition(b"\n")
    called = b"+%d" % number if isinstance(number, int) else encode(number)[1:-1]
    return b"".join((BEFORE_ID, restaurant_id, BEFORE_NAME, name, BEFORE_NUMBER, called, b'"}'))


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


def known_by(served: Served) -> list[str]:
    """Its callers' numbers, in every form in which they may call."""
    return [form for caller in served.callers for form in forms(caller)]
