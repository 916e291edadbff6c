"""Lists in every order and narrowing, page by page: each row once, on both databases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from trunkline.db import assignments, calls, figures, mappings, number_lists, restaurants
from trunkline.db.calls import CallFilter
from trunkline.db.models import Assignment, Call, Mapping, Number, Restaurant, utcnow
from trunkline.db.number_lists import NumberFilter, NumberSort
from trunkline.db.session import Database

pytestmark = pytest.mark.anyio
NOW = utcnow()


def number(last: int, **values: Any) -> Number:
    return Number(**({"number": f"+1202555{last:04}", "state": "idle", "carrier": "twilio"} | values))


@pytest.fixture(autouse=True)
async def books(database: Database) -> None:
    rows = [number(n, idle_since=NOW - timedelta(days=n // 2), monthly_price=Decimal(n // 3)) for n in range(6)]
    rows += [
        number(10, state="in_service", carrier="telnyx", country="CA", number_type="toll_free", protected=True),
        number(11, state="released", monthly_price=Decimal("0.5"), currency="EUR"),
    ]
    async with database.write() as session:
        session.add_all(rows)
        for name in ("Trattoria ÄÖÜ", "STRASSE", "Ⅳ Seasons"):
            session.add(Restaurant(id=f"rst_{len(name):016}", name=name, api_key_hash=name))
        await session.flush()
        session.add(Mapping(number="+12025550010", restaurant_id="rst_0000000000000007", active=True, source="owned"))


async def every(database: Database, sort: NumberSort) -> list[str]:
    found: list[str] = []
    after: tuple[Any, str] | None = None
    async with database.read() as session:
        while page := await number_lists.page(session, NumberFilter(), sort, after, limit=2):
            found += [row.number[-2:] for row in page]
            last = page[-1]
            value = last.idle_since if sort is NumberSort.IDLE_SINCE else last.monthly_price
            after = (value, last.number)
    return found


async def test_each_order_has_each_number_once(database: Database) -> None:
    assert await every(database, NumberSort.NUMBER) == ["00", "01", "02", "03", "04", "05", "10", "11"]
    assert await every(database, NumberSort.IDLE_SINCE) == ["04", "05", "02", "03", "00", "01"]
    assert await every(database, NumberSort.PRICE) == ["05", "04", "03", "11", "02", "01", "00"]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (NumberFilter(states=["in_service", "released"]), ["10", "11"]),
        (NumberFilter(carrier="telnyx", country="CA", number_type="toll_free"), ["10"]),
        (NumberFilter(restaurant_id="rst_0000000000000007"), ["10"]),
        (NumberFilter(protected=True), ["10"]),
        (NumberFilter(idle_before=NOW - timedelta(days=1.5)), ["04", "05"]),
        (NumberFilter(min_price=Decimal("0.5"), currency="EUR"), ["11"]),
    ],
    ids=["states", "kind", "restaurant", "protected", "idle", "price"],
)
async def test_each_narrowing_leaves_what_matches(
    database: Database, wanted: NumberFilter, expected: Sequence[str]
) -> None:
    async with database.read() as session:
        found = await number_lists.page(session, wanted)
        counted = figures.by_state(await figures.counted(session, wanted))
    assert [row.number[-2:] for row in found] == expected
    assert sum(counted.values()) == len(expected)


@pytest.mark.parametrize(
    ("search", "name"), [("äöü", "Trattoria ÄÖÜ"), ("straße", "STRASSE"), ("iv s", "Ⅳ Seasons")], ids=ascii
)
async def test_a_name_is_found_in_any_case_of_any_language(database: Database, search: str, name: str) -> None:
    async with database.read() as session:
        assert [row.name for row in await restaurants.page(session, search=search)] == [name]
    async with database.write() as session:
        row = await restaurants.get(session, (await restaurants.page(session, search=search))[0].id, lock=True)
        row.name = "Renamed"
    async with database.read() as session:
        assert await restaurants.page(session, search=search) == []
        assert await restaurants.counts(session) == (3, 1)


async def test_calls_are_narrowed(database: Database) -> None:
    async with database.write() as session:
        for n in range(4):
            values = {"called": f"+1202555000{n % 2}", "caller": f"+1415555010{n}"}
            owner = "rst_0000000000000007" if n else None
            at = NOW - timedelta(hours=n)
            session.add(Call(id=f"call-{n}", restaurant_id=owner, first_seen_at=at, reported=True, **values))
    expected = {
        CallFilter(): ["call-0", "call-1", "call-2", "call-3"],
        CallFilter(unrouted=True): ["call-0"],
        CallFilter(unrouted=False, called="+12025550001"): ["call-1", "call-3"],
        CallFilter(caller="+14155550102"): ["call-2"],
        CallFilter(since=NOW - timedelta(hours=2), until=NOW): ["call-1", "call-2"],
        CallFilter(restaurant_id="rst_0000000000000007"): ["call-1", "call-2", "call-3"],
    }
    async with database.read() as session:
        for wanted, ids in expected.items():
            assert [row.id for row in await calls.page(session, wanted)] == ids, wanted
        page = await calls.page(session, CallFilter(), before=(NOW - timedelta(hours=1), "call-1"))
    assert [row.id for row in page] == ["call-2", "call-3"]


async def test_assignments_are_narrowed_and_who_had_a_number_is_known(database: Database) -> None:
    async with database.write() as session:
        ends = {"status": "failed", "reason": "internal_error"}
        session.add(Assignment(id="asg_0000000000000000", restaurant_id="rst_0000000000000007", **ends))
        session.add(Assignment(restaurant_id="rst_0000000000000007", status="failed", reason="trial_limit", nth=2))
    async with database.read() as session:
        assert len(await assignments.page(session, reason="trial_limit")) == 1
        assert len(await assignments.page(session, since=NOW - timedelta(hours=1))) == 1
        assert await mappings.at(session, "+12025550010", NOW - timedelta(days=1)) == []
        (held,) = await mappings.at(session, "+12025550010", utcnow())
    assert held.restaurant_id == "rst_0000000000000007"
