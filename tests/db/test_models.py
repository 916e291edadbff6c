"""The invariants hold in the database itself, whatever the code above it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Index, func, select, update
from sqlalchemy.exc import IntegrityError

from trunkline.db.models import (
    Apply,
    Assignment,
    Base,
    Debt,
    Key,
    Mapping,
    Move,
    Number,
    PurchaseIntent,
    Release,
    Repoint,
    Restaurant,
    StockPurchase,
    utcnow,
)
from trunkline.db.session import Database

pytestmark = pytest.mark.anyio

ONE, TWO = "+12025550101", "+12025550102"


@dataclass(frozen=True)
class Invariant:
    """`first` and `clash` may not both be; `end` turns `first` into history; `beside` may be together with it."""

    model: type[Base]
    first: dict[str, Any]
    clash: dict[str, Any]
    end: dict[str, Any]
    beside: list[dict[str, Any]]


def mapping(number: str, restaurant: str, **changes: Any) -> dict[str, Any]:
    return {"number": number, "restaurant_id": restaurant, "active": True, "source": "owned", **changes}


def intent(number: str | None, restaurant: str, **changes: Any) -> dict[str, Any]:
    run = {"assignment_id": "asg_done", "carrier": "twilio", "mark": "tl:one"}
    return {"number": number, "restaurant_id": restaurant, **run, **changes}


def move(number: str, **changes: Any) -> dict[str, Any]:
    return {"number": number, "to_id": "rst_a", "own_number": "refuse", **changes}


def own_key(key_hash: str, restaurant_id: str, **columns: Any) -> dict[str, Any]:
    shown = {"prefix": "trk_", "hash": key_hash, "scopes": ["calls:read"]}
    return shown | {"restaurant_id": restaurant_id, "own": True} | columns


INVARIANTS = {
    "uq_mappings_active_number": Invariant(
        Mapping,
        first=mapping(ONE, "rst_a"),
        clash=mapping(ONE, "rst_b"),
        end={"active": False},
        beside=[
            mapping(ONE, "rst_b", active=False),
            mapping(ONE, "rst_c", ended_at=utcnow()),
            mapping(TWO, "rst_c"),
        ],
    ),
    "uq_mappings_current_restaurant": Invariant(
        Mapping,
        first=mapping(ONE, "rst_a"),
        clash=mapping(TWO, "rst_a", active=False),
        end={"ended_at": utcnow()},
        beside=[mapping(TWO, "rst_a", ended_at=utcnow()), mapping(ONE, "rst_a", ended_at=utcnow())],
    ),
    "uq_assignments_running_restaurant": Invariant(
        Assignment,
        first={"restaurant_id": "rst_a"},
        clash={"restaurant_id": "rst_a"},
        end={"status": "assigned"},
        beside=[{"restaurant_id": "rst_a", "status": "failed"}, {"restaurant_id": "rst_b"}],
    ),
    "uq_purchase_intents_open_number": Invariant(
        PurchaseIntent,
        first=intent(ONE, "rst_a"),
        clash=intent(ONE, "rst_b"),
        end={"status": "gone"},
        beside=[intent(ONE, "rst_b", status="gone"), intent(None, "rst_b"), intent(None, "rst_c")],
    ),
    "uq_purchase_intents_open_restaurant": Invariant(
        PurchaseIntent,
        first=intent(ONE, "rst_a"),
        clash=intent(None, "rst_a"),
        end={"status": "bought"},
        beside=[intent(TWO, "rst_a", status="refused"), intent(TWO, "rst_b")],
    ),
    "uq_debts_open": Invariant(
        Debt,
        first={"kind": "release", "subject": ONE},
        clash={"kind": "release", "subject": ONE},
        end={"settled_at": utcnow()},
        beside=[
            {"kind": "release", "subject": ONE, "settled_at": utcnow()},
            {"kind": "release", "subject": TWO},
            {"kind": "import", "subject": ONE},
        ],
    ),
    "uq_releases_running_number": Invariant(
        Release,
        first={"number": ONE, "give_back": True},
        clash={"number": ONE, "give_back": False},
        end={"status": "done"},
        beside=[{"number": ONE, "give_back": True, "status": "failed"}, {"number": TWO, "give_back": True}],
    ),
    "uq_moves_running_number": Invariant(
        Move,
        first=move(ONE),
        clash=move(ONE, to_id="rst_b"),
        end={"status": "done"},
        beside=[move(ONE, status="failed"), move(TWO)],
    ),
    "uq_restaurants_living_external_id": Invariant(
        Restaurant,
        first={"name": "a", "api_key_hash": "h1", "external_id": "7"},
        clash={"name": "b", "api_key_hash": "h2", "external_id": "7"},
        end={"deleted_at": utcnow()},
        beside=[
            {"name": "b", "api_key_hash": "h3", "external_id": "7", "deleted_at": utcnow()},
            {"name": "c", "api_key_hash": "h4", "external_id": "8"},
            {"name": "d", "api_key_hash": "h5"},
        ],
    ),
    "uq_keys_own_restaurant_id": Invariant(
        Key,
        first=own_key("a", "rst_a"),
        clash=own_key("b", "rst_a"),
        end={"revoked_at": utcnow()},
        beside=[
            own_key("c", "rst_a", own=False),
            own_key("d", "rst_a", revoked_at=utcnow()),
            own_key("e", "rst_b"),
        ],
    ),
    "uq_repoints_running": Invariant(
        Repoint, first={}, clash={}, end={"status": "done"}, beside=[{"status": "done"}, {"status": "failed"}]
    ),
    "uq_applies_running": Invariant(
        Apply,
        first={"plan_id": "pln_a"},
        clash={"plan_id": "pln_b"},
        end={"status": "done"},
        beside=[{"plan_id": "pln_c", "status": "done"}, {"plan_id": "pln_d", "status": "cancelled"}],
    ),
    "uq_stock_purchases_running_number": Invariant(
        StockPurchase,
        first={"number": ONE, "carrier": "twilio"},
        clash={"number": ONE, "carrier": "telnyx"},
        end={"status": "done"},
        beside=[{"number": ONE, "carrier": "twilio", "status": "failed"}, {"number": TWO, "carrier": "twilio"}],
    ),
}


def unique_indexes() -> dict[str, Index]:
    tables = Base.metadata.tables.values()
    return {str(index.name): index for table in tables for index in table.indexes if index.unique}


def names(index: Index, error: IntegrityError) -> bool:
    """Whether this index refused: PostgreSQL says its name, SQLite its columns."""
    columns = ", ".join(f"{column.table.name}.{column.name}" for column in index.columns)
    return f'"{index.name}"' in str(error.orig) or str(error.orig) == f"UNIQUE constraint failed: {columns}"


async def add(database: Database, *rows: Base) -> None:
    async with database.write() as session:
        session.add_all(rows)


@pytest.fixture
async def world(database: Database) -> Database:
    restaurants = [Restaurant(id=f"rst_{name}", name=name, api_key_hash=name) for name in "abc"]
    numbers = [Number(number=number, state="idle") for number in (ONE, TWO)]
    await add(database, *restaurants, *numbers)
    await add(database, Assignment(id="asg_done", restaurant_id="rst_c", status="assigned"))
    return database


def test_every_unique_index_is_tried_here() -> None:
    assert set(INVARIANTS) == set(unique_indexes())


@pytest.mark.parametrize("name", INVARIANTS)
async def test_a_second_one_is_refused(world: Database, name: str) -> None:
    case = INVARIANTS[name]
    await add(world, case.model(id="first", **case.first))
    with pytest.raises(IntegrityError) as caught:
        await add(world, case.model(id="second", **case.clash))
    assert names(unique_indexes()[name], caught.value), caught.value.orig
    async with world.read() as session:
        assert await session.get(case.model, "first")
        assert await session.get(case.model, "second") is None


@pytest.mark.parametrize("name", INVARIANTS)
async def test_a_second_one_is_accepted_once_the_first_is_history(world: Database, name: str) -> None:
    case = INVARIANTS[name]
    await add(world, case.model(id="first", **case.first))
    async with world.write() as session:
        await session.execute(update(case.model).values(**case.end))
    await add(world, case.model(id="second", **case.clash))
    async with world.read() as session:
        assert await session.get(case.model, "first")
        assert await session.get(case.model, "second")


@pytest.mark.parametrize("name", INVARIANTS)
async def test_history_and_others_stand_beside_the_first(world: Database, name: str) -> None:
    case = INVARIANTS[name]
    async with world.read() as session:
        before = await session.scalar(select(func.count()).select_from(case.model)) or 0
    await add(world, *[case.model(**row) for row in [case.first, *case.beside]])
    async with world.read() as session:
        assert await session.scalar(select(func.count()).select_from(case.model)) == before + 1 + len(case.beside)


async def test_two_restaurants_cannot_have_one_api_key(world: Database) -> None:
    with pytest.raises(IntegrityError):
        await add(world, Restaurant(name="another", api_key_hash="a"))


@pytest.mark.parametrize(
    "row",
    [
        Mapping(number="+12025550199", restaurant_id="rst_a", active=True, source="owned"),
        Mapping(number=ONE, restaurant_id="rst_nobody", active=True, source="owned"),
        Assignment(restaurant_id="rst_nobody"),
        Number(number="+12025550199", state="idle", claimed_by="asg_nobody"),
    ],
    ids=["mapping-of-unknown-number", "mapping-of-unknown-restaurant", "assignment", "claim"],
)
async def test_a_row_that_refers_to_nothing_is_refused(world: Database, row: Base) -> None:
    fields = {column.key: getattr(row, column.key) for column in row.__table__.columns if column.key in row.__dict__}
    with pytest.raises(IntegrityError, match=r"(?i)foreign key"):
        await add(world, type(row)(**fields))
