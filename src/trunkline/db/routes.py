"""Who answers which number, read for a memory of it: plain SQL, in slices, by number, or by one look-up."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import String, TextClause, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.domain.numbers import NumberState

FORMER_STATES = {NumberState.COOLING_DOWN.value, NumberState.RELEASING.value}
# Names and callers are looked up row by row: a join, or all of them hashed beforehand, which PostgreSQL may do for an
# EXISTS, is planned badly while a new database has no statistics.
NUMBERS = """SELECT number, voice_id, state, former_restaurant_id,
    (SELECT r.name FROM restaurants r WHERE r.id = former_restaurant_id) FROM numbers WHERE """
# Of the many who may share a number, a call can reach the active one and those whose callers are known.
MAPPED = """SELECT number, restaurant_id, active,
    (SELECT r.name FROM restaurants r WHERE r.id = restaurant_id) FROM mappings WHERE ended_at IS NULL
    AND (active OR (SELECT 1 FROM callers c WHERE c.restaurant_id = mappings.restaurant_id LIMIT 1) = 1) AND """
NEWEST_FIRST = " ORDER BY number, active DESC, id DESC"
Rows = Sequence[Sequence[Any]]


def _query(statement: str, *lists: str) -> TextClause:
    return text(statement).bindparams(*(bindparam(name, expanding=True, type_=String) for name in lists))


PART = _query(f"{NUMBERS} number > :after ORDER BY number LIMIT :count")
NAMED = _query(f"{NUMBERS} number IN :numbers ORDER BY number", "numbers")
ONE = _query(f"{NUMBERS} number = :number OR voice_id IN :ids", "ids")
MAPPED_BETWEEN = _query(f"{MAPPED} number >= :first AND number <= :last {NEWEST_FIRST}")
MAPPED_NAMED = _query(f"{MAPPED} number IN :numbers {NEWEST_FIRST}", "numbers")
CALLERS = _query("SELECT restaurant_id, caller FROM callers WHERE restaurant_id IN :ids", "ids")


class Served(NamedTuple):
    """A restaurant that a number is or was mapped to."""

    restaurant_id: str
    name: str
    callers: tuple[str, ...] = ()


class Route(NamedTuple):
    """A number and who answers it: `active`, and of `others` who share it those whose registered callers call; or
    nobody, and `former` is whose it was until it began to cool down."""

    number: str
    voice_id: str | None
    active: Served | None = None
    others: tuple[Served, ...] = ()
    former: Served | None = None


async def part(session: AsyncSession, after: str, count: int) -> list[Route]:
    """The next numbers in order, whoever answers them; one row for ever each, so none is left out because it ended."""
    rows = (await session.execute(PART, {"after": after, "count": count})).all()
    if not rows:
        return []
    mapped = await session.execute(MAPPED_BETWEEN, {"first": rows[0][0], "last": rows[-1][0]})
    return await _routes(session, rows, mapped.all())


async def named(session: AsyncSession, numbers: Collection[str]) -> list[Route]:
    wanted = {"numbers": list(numbers)}
    rows = (await session.execute(NAMED, wanted)).all()
    return await _routes(session, rows, (await session.execute(MAPPED_NAMED, wanted)).all())


async def one(session: AsyncSession, voice_ids: Sequence[str], number: str | None) -> Route | None:
    """The route of a call: by the first id that a number has, else by the number itself."""
    rows: Rows = (await session.execute(ONE, {"ids": list(voice_ids), "number": number})).all()
    mapped = (await session.execute(MAPPED_NAMED, {"numbers": [row[0] for row in rows]})).all()
    routes = await _routes(session, rows, mapped)
    by_id = {route.voice_id: route for route in routes}
    found = [by_id[voice_id] for voice_id in voice_ids if voice_id in by_id]
    found += [route for route in routes if route.number == number]
    return next((route for route in found if route.active or route.former), None)


async def _routes(session: AsyncSession, rows: Rows, mapped: Rows) -> list[Route]:
    """Nearly every number has one restaurant or none: only the others are put in groups."""
    first: dict[str, Sequence[Any]] = {}
    shared: dict[str, list[Sequence[Any]]] = {}
    for row in mapped:
        if (before := first.setdefault(row[0], row)) is not row:
            shared.setdefault(row[0], [before]).append(row)
    callers = await _callers(session, [row[1] for group in shared.values() for row in group]) if shared else {}
    found = []
    for number, voice_id, state, former_id, former_name in rows:
        if (group := shared.get(number)) is not None:
            served = tuple(Served(row[1], row[3], tuple(callers.get(row[1], ()))) for row in group)
        elif (one := first.get(number)) is not None:
            group, served = [one], (Served(one[1], one[3]),)
        elif state in FORMER_STATES and former_id is not None:
            found.append(Route(number, voice_id, former=Served(former_id, former_name)))
            continue
        else:
            found.append(Route(number, voice_id))
            continue
        active = bool(group[0][2])
        found.append(Route(number, voice_id, served[0] if active else None, served[1:] if active else served))
    return found


async def _callers(session: AsyncSession, restaurant_ids: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for restaurant_id, caller in await session.execute(CALLERS, {"ids": restaurant_ids}):
        found.setdefault(restaurant_id, []).append(caller)
    return found
