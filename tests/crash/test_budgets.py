"""Fifty restaurants at once and money for ten numbers: ten are bought, whatever dies meanwhile."""

from __future__ import annotations

import asyncio
from collections import Counter
from decimal import Decimal

import pytest

from tests.crash.books import read_books
from tests.crash.conftest import Site, ended, wait_until
from tests.support.desk import Opener
from trunkline.domain.budgets import ALL, SpendingLimits
from trunkline.workflows.manage_budgets import set_budget


@pytest.mark.anyio
async def test_fifty_at_once_with_money_for_ten(open_desk: Opener, database_url: str) -> None:
    async with open_desk(provider_concurrency=30) as desk:
        await set_budget(
            desk.services, ALL, SpendingLimits(max_spending=Decimal("12.00"), max_numbers=30, currency="USD")
        )
        runs = await asyncio.gather(*(desk.create(f"Restaurant {n}") for n in range(50)))
        ends = [await desk.end_of(run) for run in runs]
        assert Counter((a.status, a.reason) for a in ends) == {
            ("assigned", None): 10,
            ("unassigned", "budget_exceeded"): 40,
        }
        books = read_books(desk.sandbox, database_url)
        assert books.wrongs() == []
        assert len(books.held["twilio"]) == 10
        refused = next(a for a in ends if a.reason)
        assert "the budget for all allows 12 USD" in (refused.message or "")
        assert "0.5 USD left" in (refused.message or "")
        assert "trunkline budgets set all" in (refused.hint or "")


def test_twenty_at_once_with_money_for_five_and_kills(site: Site) -> None:
    """Of every process there is, with purchases that had not begun, others that were made, and lost replies."""
    fleet = 1 if site.database_url.startswith("sqlite") else 2
    servers = [site.start() for _ in range(fleet)]
    servers[0].client.put("/api/budgets/all", json={"max_monthly_price": "6.00"}).raise_for_status()
    buy = {"provider": "twilio", "operation": "incoming_numbers.create"}
    holds = [site.sandbox.fault(**buy, kind="hold", when=when, times=2) for when in ("before", "after")]
    site.sandbox.fault(**buy, kind="drop", when="after", times=2)
    made = [servers[n % fleet].post("/api/restaurants", name=f"Roma {n}")["assignment"]["id"] for n in range(20)]
    wait_until(lambda: site.held(holds[0]))
    for server in servers:
        server.kill()
    for hold in holds:
        site.sandbox.control.delete(f"/faults/{hold}")
    servers = [site.start() for _ in range(fleet)]
    found = Counter((end["status"], end["reason"]) for end in (ended(servers[0], run, 60) for run in made))
    assert found == {("assigned", None): 5, ("unassigned", "budget_exceeded"): 15}
    books = site.books()
    assert books.wrongs() == []
    assert len(books.held["twilio"]) == 5
    (budget,) = servers[0].get("/api/budgets")["items"]
    assert (budget["used"]["monthly_price"], budget["percent"]) == ("5.75", 95.8)
