"""What the events tell, against what the tables say: every committed change is told, once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from trunkline.db.addresses import driver_url
from trunkline.db.models import (
    Assignment,
    Batch,
    Debt,
    Event,
    Mapping,
    Move,
    Number,
    PurchaseIntent,
    Release,
    Repoint,
    Restaurant,
    StockPurchase,
)

RUNS = (Assignment, Release, Move, Batch, Repoint, StockPurchase)


def untold(database_url: str) -> list[str]:
    """Every difference, in words, as of one moment; empty where the events tell what has happened and nothing else."""
    engine = sa.create_engine(driver_url(database_url, asynchronous=False))
    embedded = database_url.startswith("sqlite")
    options = {} if embedded else {"isolation_level": "REPEATABLE READ"}
    try:
        with engine.connect().execution_options(**options) as connection:
            if embedded:
                connection.exec_driver_sql("BEGIN")
            return list(_untold(connection))
    finally:
        engine.dispose()


def committed(database_url: str, since: str) -> dict[str, str | None]:
    """All events behind the first of this type, in their order: whose restaurant's each is, by its id."""
    engine = sa.create_engine(driver_url(database_url, asynchronous=False))
    with engine.connect() as connection:
        placed = sa.select(Event.id, Event.type, Event.restaurant_id)
        events = list(connection.execute(placed.order_by(Event.position.nulls_last(), Event.seq)))
    engine.dispose()
    first = [event.type for event in events].index(since)
    return {event.id: event.restaurant_id for event in events[first:]}


def _untold(connection: sa.Connection) -> Iterator[str]:
    def rows(table: Any) -> list[Any]:
        return list(connection.execute(sa.select(table.__table__)))

    events = list(connection.execute(sa.select(Event.__table__).order_by(Event.seq)))
    yield from _states(events, {n.number: n.state for n in rows(Number)})
    for kind in RUNS:
        yield from _statuses(events, {run.id: run.status for run in rows(kind)}, kind.__name__)
    mappings, intents, debts, restaurants = (rows(t) for t in (Mapping, PurchaseIntent, Debt, Restaurant))
    told = Counter((e.type, e.restaurant_id, e.number) for e in events)
    had = Counter(("number.assigned", m.restaurant_id, m.number) for m in mappings)
    had += Counter(("number.unassigned", m.restaurant_id, m.number) for m in mappings if m.ended_at)
    yield from _differ({key: n for key, n in told.items() if key[0] in ("number.assigned", "number.unassigned")}, had)
    facts = Counter(("restaurant.created", r.id) for r in restaurants)
    facts += Counter(("restaurant.deleted", r.id) for r in restaurants if r.deleted_at)
    facts += Counter(("debt.opened", d.id) for d in debts)
    facts += Counter(("debt.settled", d.id) for d in debts if d.settled_at)
    facts += Counter(("purchase.intended", i.id) for i in intents)
    kinds = {kind for kind, _ in facts}
    yield from _differ(Counter((e.type, e.other_id or e.restaurant_id) for e in events if e.type in kinds), facts)
    closed = {e.other_id: e.after["status"] for e in events if e.type in ("purchase.bought", "purchase.failed")}
    yield from _differ(closed, {i.id: i.status for i in intents if i.status != "open"})


def _states(events: list[Any], now: dict[str, str]) -> Iterator[str]:
    """Each number's states follow one another as they are told, up to the one that it has."""
    state: dict[str, str | None] = {}
    for event in events:
        before, after = (event.before or {}).get("state"), (event.after or {}).get("state")
        if event.number and (before or after):
            if state.get(event.number) != before:
                yield f"{event.number} was {state.get(event.number)}, and is told to go from {before} to {after}"
            state[event.number] = after
    yield from _differ({number: told for number, told in state.items() if told}, now)


def _statuses(events: list[Any], now: dict[str, str], kind: str) -> Iterator[str]:
    of_run = defaultdict(list)
    for event in events:
        if event.run_id in now and "status" in (event.after or {}) and event.other_id is None:
            of_run[event.run_id].append(event)
    for run_id, told in of_run.items():
        status = None
        for event in told:
            if (event.before or {}).get("status") != status:
                yield f"{kind} {run_id} was {status}, and {event.type} tells it was {event.before}"
            status = event.after["status"]
    yield from _differ({run_id: told[-1].after["status"] for run_id, told in of_run.items()}, now)


def _differ(told: dict[Any, Any], had: Any) -> Iterator[str]:
    for key in {*told, *had}:
        if told.get(key) != had.get(key):
            yield f"{key}: told {told.get(key)}, and it is {had.get(key)}"
