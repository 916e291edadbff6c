"""Who answers which number, read for a memory of it: plain SQL, in slices, by number, or by one look-up."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import String, TextClause, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.domain.numbers import NumberState

FORMER_STATES = {NumberState.COOLING_DOWN.value, NumberState.RELEASING.value}
NUMBERS = "SELECT number, voice_id, state, former_restaurant_id FROM numbers WHERE "


def _query(condition: str, *lists: str) -> TextClause:
    """Some numbers with everyone who is mapped to them now, the active one first, then the newest; without anyone, with
    whose they were."""
    statement = f"""
        SELECT n.number, n.voice_id, n.state, r.id, r.name, m.active
        FROM ({NUMBERS} {condition}) n
        LEFT JOIN mappings m ON m.number = n.number AND m.ended_at IS NULL
        LEFT JOIN restaurants r ON r.id = COALESCE(m.restaurant_id, n.former_restaurant_id)
        ORDER BY n.number, m.active DESC, m.id DESC
        """  # noqa: S608 - constants only
    return text(statement).bindparams(*(bindparam(name, expanding=True, type_=String) for name in lists))


PART = _query("number > :after ORDER BY number LIMIT :count")
NAMED = _query("number IN :numbers", "numbers")
ONE = _query("number = :number OR voice_id IN :ids", "ids")
CALLERS = text("SELECT restaurant_id, caller FROM callers WHERE restaurant_id IN :ids").bindparams(
    bindparam("ids", expanding=True, type_=String)
)


class User(NamedTuple):
    """A restaurant that a number is or was mapped to."""

    restaurant_id: str
    name: str
    callers: tuple[str, ...] = ()


class Route(NamedTuple):
    """A number and who answers it: `active`, and of `others` who share it those whose registered callers call; or
    nobody, and `former` is whose it was until it began to cool down."""

    number: str
    voice_id: str | None
    active: User | None = None
    others: tuple[User, ...] = ()
    former: User | None = None


async def part(session: AsyncSession, after: str, count: int) -> list[Route]:
    """The next numbers in order, whoever answers them; one row for ever each, so none is left out because it ended."""
    return await _routes(session, (await session.execute(PART, {"after": after, "count": count})).all())


async def named(session: AsyncSession, numbers: Collection[str]) -> list[Route]:
    return await _routes(session, (await session.execute(NAMED, {"numbers": list(numbers)})).all())


async def one(session: AsyncSession, voice_ids: Sequence[str], number: str | None) -> Route | None:
    """The route of a call: by the first id that a number has, else by the number itself."""
    rows = (await session.execute(ONE, {"ids": list(voice_ids), "number": number})).all()
    routes = await _routes(session, rows)
    by_id = {route.voice_id: route for route in routes}
    found = [by_id[voice_id] for voice_id in voice_ids if voice_id in by_id]
    found += [route for route in routes if route.number == number]
    return next((route for route in found if route.active or route.former), None)


async def _routes(session: AsyncSession, rows: Sequence[Sequence[Any]]) -> list[Route]:
    groups = [list(group) for _, group in groupby(rows, key=itemgetter(0))]
    shared = [row[3] for group in groups if len(group) > 1 for row in group]
    callers = await _callers(session, shared) if shared else {}
    return [_route(group, callers) for group in groups]


def _route(group: list[Sequence[Any]], callers: dict[str, list[str]]) -> Route:
    number, voice_id, state, restaurant_id, name, active = group[0]
    if active is None:
        former = User(restaurant_id, name) if state in FORMER_STATES and restaurant_id else None
        return Route(number, voice_id, former=former)
    users = tuple(User(row[3], row[4], tuple(callers.get(row[3], ()))) for row in group)
    return Route(number, voice_id, users[0], users[1:]) if active else Route(number, voice_id, None, users)


async def _callers(session: AsyncSession, restaurant_ids: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for restaurant_id, caller in await session.execute(CALLERS, {"ids": restaurant_ids}):
        found.setdefault(restaurant_id, []).append(caller)
    return found
