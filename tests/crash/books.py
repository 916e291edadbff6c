"""The comparison after every fault: what the carriers hold, what Vapi has, who is mapped, what is owed."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx2
import sqlalchemy as sa

from tests.support.sandbox_server import SandboxServer
from trunkline.db.addresses import driver_url
from trunkline.db.models import Assignment, Debt, Mapping, Number, PurchaseIntent, Release
from trunkline.sandbox import vapi

CARRIERS = ("twilio", "telnyx", "vonage", "vapi")


@dataclass
class Books:
    """A snapshot of both sides."""

    assignments: list[Any]
    numbers: dict[str, Any]
    mappings: list[Any]
    intents: list[Any]
    debts: list[Any]
    releases: list[Any]
    held: dict[str, list[dict[str, Any]]]
    in_vapi: list[dict[str, Any]] = field(default_factory=list)

    def settled(self) -> bool:
        return (
            not any(a.status == "running" for a in self.assignments)
            and not any(i.status == "open" for i in self.intents)
            and not any(r.status == "running" for r in self.releases)
            and not self.debts
        )

    def wrongs(self) -> list[str]:
        """Everything that must not be, in words; empty when the books balance."""
        held = [n["number"] for numbers in self.held.values() for n in numbers]
        mapped = [m.number for m in self.mappings]
        found = [f"{n} is held twice" for n, count in Counter(held).items() if count > 1]
        bought = Counter(i.assignment_id for i in self.intents if i.status == "bought" and i.assignment_id)
        ours = ("idle", "in_service", "cooling_down", "releasing")
        kept = {n for n, row in self.numbers.items() if row.state in ours}
        found += [f"{a} bought {count} numbers" for a, count in bought.items() if count > 1]
        found += [f"orphan: {n} is held and unknown to us" for n in held if n not in self.numbers]
        known_ours = {i.number for i in self.intents if i.status == "bought"}
        found += [
            f"lost: {n} was bought, is {self.numbers[n].state}" for n in known_ours if n not in kept and n in held
        ]
        found += [f"{n} is mapped and nobody holds it" for n in mapped if n not in held]
        active = Counter(m.number for m in self.mappings if m.active)
        found += [f"{n} has {active[n]} active mappings" for n in set(mapped) if active[n] != 1]
        owed = {d.subject for d in self.debts} | {i.number for i in self.intents if i.status == "open"}
        claimed = {n: row.claimed_by for n, row in self.numbers.items() if row.claimed_by and n not in owed}
        found += [f"{n} is claimed by {assignment} for ever" for n, assignment in claimed.items()]
        found += [f"{n} is {self.numbers[n].state} and mapped" for n in mapped if self.numbers[n].state != "in_service"]
        records = Counter(r.get("number") for r in self.in_vapi)
        found += [f"{n} stands {count} times in Vapi" for n, count in records.items() if count > 1]
        answered = {r.get("number"): r.get("assistantId") for r in self.in_vapi}
        found += [f"{n} is mapped and not connected" for n in set(mapped) if not answered.get(n)]
        return found


def read_books(sandbox: SandboxServer, database_url: str) -> Books:
    engine = sa.create_engine(driver_url(database_url, asynchronous=False))
    try:
        with engine.connect() as connection:

            def rows(table: Any, *where: Any) -> list[Any]:
                return list(connection.execute(sa.select(table.__table__).where(*where)))

            books = Books(
                rows(Assignment),
                {n.number: n for n in rows(Number)},
                rows(Mapping, Mapping.ended_at.is_(None)),
                rows(PurchaseIntent),
                rows(Debt, Debt.settled_at.is_(None)),
                rows(Release),
                {carrier: sandbox.held(carrier) for carrier in CARRIERS},
            )
    finally:
        engine.dispose()
    with httpx2.Client(base_url=sandbox.url, headers={"Authorization": f"Bearer {vapi.DEFAULT_SECRET}"}) as client:
        books.in_vapi = client.get("/phone-number", params={"limit": 1000}).json()
    return books


def settled_books(sandbox: SandboxServer, database_url: str, seconds: float = 30) -> Books:
    """The books once nothing is under way or owed any more; as they stand when the time is over."""
    deadline = time.monotonic() + seconds
    while not (books := read_books(sandbox, database_url)).settled() and time.monotonic() < deadline:
        time.sleep(0.1)
    return books
