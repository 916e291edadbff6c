"""The comparison after every fault: what the carriers hold, what Vapi has, who is mapped, what is owed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2
import sqlalchemy as sa

from tests.support.retold import untold
from tests.support.sandbox_server import SandboxServer
from trunkline.db.addresses import driver_url
from trunkline.db.models import (
    Assignment,
    Debt,
    Installation,
    Mapping,
    Move,
    Number,
    PurchaseIntent,
    Release,
    Repoint,
    Restaurant,
    StockPurchase,
)
from trunkline.domain.marks import OwnerMark, parse_mark
from trunkline.sandbox import vapi

CARRIERS = ("twilio", "telnyx", "vonage", "vapi")
MARK_FIELDS = {"twilio": "friendly_name", "telnyx": "customer_reference"}
KEPT = ("idle", "in_service", "cooling_down", "releasing")
RUNS = (Assignment, Release, StockPurchase, Move, Repoint)


@dataclass
class Books:
    """A snapshot of both sides. `mappings` are the current ones, `ended` those that were; `installation` is the name
    that our marks carry, `running` the runs of every kind that have not ended, `untold` what the events do not tell."""

    assignments: list[Any]
    numbers: dict[str, Any]
    mappings: list[Any]
    intents: list[Any]
    debts: list[Any]
    releases: list[Any]
    held: dict[str, list[dict[str, Any]]]
    in_vapi: list[dict[str, Any]] = field(default_factory=list)
    ended: list[Any] = field(default_factory=list)
    deleted: set[str] = field(default_factory=set)
    installation: str | None = None
    running: set[str] = field(default_factory=set)
    untold: list[str] = field(default_factory=list)

    def settled(self) -> bool:
        return not self.running and not any(i.status == "open" for i in self.intents) and not self.debts

    def wrongs(self) -> list[str]:
        """Everything that must not be, in words; empty when the books balance."""
        parts = (self._wrong_holdings, self._wrong_mappings, self._wrong_ends, self._wrong_claims, self._wrong_records)
        return [wrong for part in parts for wrong in part()] + self.untold

    def _wrong_holdings(self) -> Iterator[str]:
        """What the carriers hold against what we call ours."""
        held, marks = self._held_numbers(), self._marks()
        yield from (f"{n} is held twice" for n, count in Counter(held).items() if count > 1)
        bought = {i.number for i in self.intents if i.status == "bought"}
        for number in held:
            row, mark = self.numbers.get(number), marks.get(number)
            others = mark is not None and mark.installation != self.installation
            if row is None and not others:
                yield f"orphan: {number} is held and unknown to us"
            elif row is not None and row.state not in KEPT:
                if mark is not None and not others and not self._is_being_bought(number):
                    yield f"disowned: {number} is held, carries our mark, is {row.state}"
                elif number in bought and not others:
                    yield f"lost: {number} was bought, is {row.state}"
                elif row.state == "released" and not others:
                    yield f"{number} is released and still held"

    def _wrong_mappings(self) -> Iterator[str]:
        """Who is mapped to what."""
        held, mapped = self._held_numbers(), {m.number for m in self.mappings}
        active = Counter(m.number for m in self.mappings if m.active)
        yield from (f"{n} is mapped and nobody holds it" for n in mapped if n not in held)
        yield from (f"{n} has {active[n]} active mappings" for n in mapped if active[n] != 1)
        served = {n for n, row in self.numbers.items() if row.state == "in_service"}
        yield from (f"{n} is {self.numbers[n].state} and mapped" for n in mapped - served)
        yield from (f"{n} is in service and serves nobody" for n in served - mapped)
        gone = [m for m in self.mappings if m.restaurant_id in self.deleted]
        yield from (f"{m.number} is mapped to {m.restaurant_id}, which is deleted" for m in gone)
        yield from (f"{m.number}: a mapping has ended and is active" for m in self.ended if m.active)
        homes = Counter(m.restaurant_id for m in self.mappings)
        yield from (f"{restaurant} has {count} numbers" for restaurant, count in homes.items() if count > 1)

    def _wrong_ends(self) -> Iterator[str]:
        """What was told of assignments."""
        had = {(m.restaurant_id, m.number) for m in (*self.mappings, *self.ended)}
        for run in self.assignments:
            if run.reason == "internal_error":
                yield f"{run.id} was stopped by an error of ours"
            elif run.status == "assigned" and (run.restaurant_id, run.number) not in had:
                yield f"{run.id} is said to have got {run.number}, which its restaurant never had"

    def _wrong_claims(self) -> Iterator[str]:
        """What was bought for whom, and what is left under way with nobody at work on it."""
        bought = Counter(i.assignment_id for i in self.intents if i.status == "bought" and i.assignment_id)
        yield from (f"{a} bought {count} numbers" for a, count in bought.items() if count > 1)
        subjects = {d.subject for d in self.debts}
        owed = subjects | {i.number for i in self.intents if i.status == "open"}
        claimed = {n: row.claimed_by for n, row in self.numbers.items() if row.claimed_by and n not in owed}
        yield from (f"{n} is claimed by {assignment} for ever" for n, assignment in claimed.items())
        for intent in self.intents:
            mark = parse_mark(intent.mark)
            at_work = mark is not None and mark.assignment_id in self.running
            if intent.status == "open" and intent.id not in subjects and not at_work:
                yield f"{intent.id} for {intent.number} is open, and nobody works on it or owes it"
        left = [n for n, row in self.numbers.items() if row.state == "purchasing" and not self._is_being_bought(n)]
        yield from (f"{n} is being bought by nobody" for n in left)

    def _wrong_records(self) -> Iterator[str]:
        """What Vapi has, and numbers that we know under two names."""
        mapped = {m.number for m in self.mappings}
        records = Counter(_digits(r.get("number")) for r in self.in_vapi)
        yield from (f"{n} stands {count} times in Vapi" for n, count in records.items() if count > 1)
        rows = Counter(_digits(n) for n in self.numbers)
        yield from (f"{n} has {count} rows" for n, count in rows.items() if count > 1)
        answered = {r.get("number"): r.get("assistantId") for r in self.in_vapi}
        yield from (f"{n} is mapped and not connected" for n in mapped if not answered.get(n))

    def _held_numbers(self) -> list[str]:
        return [n["number"] for numbers in self.held.values() for n in numbers]

    def _is_being_bought(self, number: str) -> bool:
        return any(i.number == number and i.status == "open" for i in self.intents)

    def _marks(self) -> dict[str, OwnerMark | None]:
        """The mark that stands at the carrier on each held number; at Vapi it is the record's name."""
        names = {r.get("number"): r.get("name") for r in self.in_vapi}
        marks = {}
        for carrier, numbers in self.held.items():
            for held in numbers:
                text = names.get(held["number"]) if carrier == "vapi" else held["wire"].get(MARK_FIELDS.get(carrier))
                marks[held["number"]] = parse_mark(text)
        return marks


def _digits(number: str | None) -> str:
    return (number or "").lstrip("+")


def read_books(sandbox: SandboxServer, database_url: str) -> Books:
    engine = sa.create_engine(driver_url(database_url, asynchronous=False))
    try:
        with engine.connect() as connection:

            def rows(table: Any, *where: Any) -> list[Any]:
                return list(connection.execute(sa.select(table.__table__).where(*where)))

            def at_work() -> set[str]:
                return {run.id for kind in RUNS for run in rows(kind, kind.status == "running")}

            running = at_work()  # also before all else: what ends after this had not ended when the rest was read
            books = Books(
                rows(Assignment),
                {n.number: n for n in rows(Number)},
                rows(Mapping, Mapping.ended_at.is_(None)),
                rows(PurchaseIntent),
                rows(Debt, Debt.settled_at.is_(None)),
                rows(Release),
                {carrier: sandbox.held(carrier) for carrier in CARRIERS},
                ended=rows(Mapping, Mapping.ended_at.is_not(None)),
                deleted={r.id for r in rows(Restaurant, Restaurant.deleted_at.is_not(None))},
                installation=next((i.name for i in rows(Installation)), None),
                running=running | at_work(),
            )
    finally:
        engine.dispose()
    with httpx2.Client(base_url=sandbox.url, headers={"Authorization": f"Bearer {vapi.DEFAULT_SECRET}"}) as client:
        books.untold = untold(database_url)
        books.in_vapi = client.get("/phone-number", params={"limit": 1000}).json()
    return books


def settled_books(sandbox: SandboxServer, database_url: str, seconds: float = 120) -> Books:
    """The books once nothing is under way or owed any more; as they stand when the time is over."""
    deadline = time.monotonic() + seconds
    while not (books := read_books(sandbox, database_url)).settled() and time.monotonic() < deadline:
        time.sleep(0.1)
    return books
