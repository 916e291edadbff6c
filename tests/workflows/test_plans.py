"""The plan of a batch is what the batch then does, in whatever world, and what was said yes to is kept."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.desk import Desk, Opener, sandbox_settings
from tests.support.sandbox_server import SandboxServer
from tests.support.sqlite import copied
from tests.workflows.test_assign_number import import_number, own, set_trial, vapi_client
from tests.workflows.test_run_batch import end_of, restaurants
from trunkline.bootstrap import running_services
from trunkline.db import batches
from trunkline.db.models import Assignment, PurchaseIntent
from trunkline.domain.budgets import SpendingLimits
from trunkline.domain.choosing import Criteria
from trunkline.domain.wishes import Wish
from trunkline.sandbox import telnyx
from trunkline.workflows.run_batch import BatchRequest, plan_batch, start_batch


def number(carrier: str, place: int, n: int) -> str:
    """Every other one is in area 415."""
    return f"+1{(415, 212)[n % 2]}555{(1 if carrier == 'twilio' else 2)}{place}{n:02}"


def furnish(sandbox: SandboxServer, world: dict[str, Any]) -> None:
    """Make the sandbox that world."""
    sandbox.reset()
    sandbox.control.put("/switches", json={"vapi_seconds_until_active": {"vapi": 0}}).raise_for_status()
    for carrier, prices in world["stock"].items():
        sandbox.control.delete("/numbers", params={"carrier": carrier}).raise_for_status()
        stock = [{"carrier": carrier, "number": number(carrier, 1, n), "price": p} for n, p in enumerate(prices)]
        sandbox.control.post("/numbers", json=stock).raise_for_status()
    for n in range(world["in_vapi"]["twilio"]):
        own(sandbox, number("twilio", 2, n))
        import_number(sandbox, number("twilio", 2, n))
    with vapi_client(sandbox) as client:
        for _ in range(world["in_vapi"]["vapi"]):
            client.post("/phone-number", json={"provider": "vapi"}).raise_for_status()
    for n in range(world["owned"]["twilio"]):
        own(sandbox, number("twilio", 3, n))
    for n in range(world["owned"]["telnyx"]):
        held = {"carrier": "telnyx", "number": number("telnyx", 3, n), "account": telnyx.DEFAULT_ACCOUNT}
        sandbox.control.post("/numbers", json=held).raise_for_status()
    set_trial(sandbox, world["trial"])


async def planned_and_done(desk: Desk, world: dict[str, Any]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """How many are reused, bought, shared and short, and for how much a month: by the plan, and by the batch."""
    await restaurants(desk, world["restaurants"])
    carrier = None if world["force"] else world["pinned"]
    request = BatchRequest(Wish.asked(Criteria.checked(area_code=world["area_code"], carrier=carrier), world["force"]))
    plan = await plan_batch(desk.services, request)
    await end_of(desk, await start_batch(desk.services, request))
    sources = Counter(row.source or "none" for row in await desk.rows(Assignment))
    bought = await desk.rows(PurchaseIntent, PurchaseIntent.status == "bought")
    monthly = sum((i.monthly_price for i in bought), Decimal()) if bought else None
    done = (sources["existing"] + sources["owned"], sources["purchased"], sources["shared"], sources["none"], monthly)
    return (plan.reused, plan.bought, plan.shared, plan.short, plan.monthly_price), done


async def play(sandbox: SandboxServer, empty: Path, world: dict[str, Any]) -> None:
    furnish(sandbox, world)
    changes = {"carriers": world["carriers"], "number_strategy": world["strategy"], "retry_for_seconds": 3}
    with tempfile.TemporaryDirectory() as folder:
        url = copied(empty, Path(folder))
        chosen = sandbox_settings(sandbox, url, max_monthly_price=world["max_price"], **changes)
        async with running_services(chosen) as services:
            planned, done = await planned_and_done(Desk(services, sandbox), world)
    assert planned == done


PRICES = st.sampled_from(["1.00", "1.50", "3.00"])
PLAIN: dict[str, Any] = {
    "carriers": ["twilio", "telnyx"],
    "strategy": "reuse_first",
    "max_price": None,
    "trial": False,
    "in_vapi": {"twilio": 0, "vapi": 0},
    "owned": {"twilio": 0, "telnyx": 0},
    "stock": {"twilio": [], "telnyx": []},
    "restaurants": 2,
    "pinned": None,
    "force": False,
    "area_code": None,
}


@pytest.mark.parametrize(
    "special",
    [
        {
            "strategy": "purchase_first",
            "in_vapi": {"twilio": 1, "vapi": 1},
            "stock": {"twilio": ["1"] * 2, "telnyx": []},
        },
        {"pinned": "twilio", "in_vapi": {"twilio": 0, "vapi": 1}, "stock": {"twilio": ["1"] * 2, "telnyx": []}},
        {"stock": {"twilio": ["1.15"], "telnyx": ["1.50"]}},
        {"stock": {"twilio": [], "telnyx": ["3.00", "1.50", "1.00"]}},
        {"max_price": "2", "stock": {"twilio": [], "telnyx": ["3.00", "1.50", "1.00"]}},
        {"carriers": ["twilio"], "trial": True, "in_vapi": {"twilio": 0, "vapi": 1}},
        {"carriers": ["twilio"], "trial": True, "restaurants": 3, "stock": {"twilio": ["1"] * 3, "telnyx": []}},
        {"carriers": ["twilio"], "trial": True, "restaurants": 4, "stock": {"twilio": ["1"] * 2, "telnyx": []}},
        {"carriers": ["twilio"], "trial": True, "restaurants": 3, "stock": {"twilio": ["1"], "telnyx": []}},
    ],
    ids=[
        "purchase first although some are idle",
        "idle at another provider than the pinned one",
        "the next carrier when one is sold out",
        "the cheapest ones",
        "those within the limit",
        "a number that cannot be shared",
        "one of a trial for all",
        "one of a trial for more than there is for sale",
        "the only one of a trial",
    ],
)
def test_the_plan_is_what_the_batch_does(
    sandbox_server: SandboxServer, migrated_sqlite: Path, special: dict[str, Any]
) -> None:
    asyncio.run(play(sandbox_server, migrated_sqlite, PLAIN | special))


WORLDS = st.fixed_dictionaries(
    {
        "carriers": st.sampled_from(
            [["twilio"], ["telnyx"], ["twilio", "telnyx"], ["telnyx", "twilio"], ["twilio", "vapi"]]
        ),
        "strategy": st.sampled_from(["reuse_first", "purchase_first"]),
        "max_price": st.sampled_from([None, None, "2"]),
        "trial": st.sampled_from([False, False, True]),
        "in_vapi": st.fixed_dictionaries({"twilio": st.integers(0, 2), "vapi": st.integers(0, 2)}),
        "owned": st.fixed_dictionaries({"twilio": st.integers(0, 2), "telnyx": st.integers(0, 2)}),
        "stock": st.fixed_dictionaries(dict.fromkeys(("twilio", "telnyx"), st.lists(PRICES, max_size=4))),
        "restaurants": st.integers(1, 5),
        "pinned": st.sampled_from([None, None, None, "twilio", "telnyx"]),
        "force": st.sampled_from([False, False, False, True]),
        "area_code": st.sampled_from([None, None, "415"]),
    }
)


def test_in_a_random_world_the_plan_is_what_the_batch_does(
    sandbox_server: SandboxServer, migrated_sqlite: Path
) -> None:
    """`PLAN_WORLDS` (default 8, the same ones each time) tries more, other ones each time."""
    more = os.environ.get("PLAN_WORLDS")

    @settings(
        max_examples=int(more or 8),
        derandomize=more is None,
        deadline=None,
        database=None,
        phases=[Phase.generate] + ([Phase.shrink] if more else []),
        suppress_health_check=list(HealthCheck),
    )
    @given(world=WORLDS)
    def any_world(world: dict[str, Any]) -> None:
        asyncio.run(play(sandbox_server, migrated_sqlite, world))

    any_world()


@pytest.mark.anyio
@pytest.mark.parametrize(
    "bounds",
    [SpendingLimits(max_purchases=4), SpendingLimits(max_monthly_price=Decimal("5.00"), currency="USD")],
    ids=["numbers", "price"],
)
async def test_a_batch_keeps_what_was_said_yes_to_with_all_items_at_once(
    open_desk: Opener, bounds: SpendingLimits
) -> None:
    async with open_desk(provider_concurrency=30) as desk:
        await restaurants(desk, 30)
        batch = await start_batch(desk.services, BatchRequest(Wish(), bounds=bounds))
        assert await end_of(desk, batch) == {"assigned": 4, "unassigned": 26}
        assert len(desk.sandbox.held("twilio")) == 4
        async with desk.services.database.read() as session:
            items = await batches.items(session, batch, status="unassigned")
        assert {item.reason for item, _, _ in items} == {"budget_exceeded"}
