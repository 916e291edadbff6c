"""Every outside call of the flow x every way to lose or refuse it: it is made good, and nothing is bought twice."""

from __future__ import annotations

from typing import Any

import pytest

from tests.crash.books import read_books
from tests.crash.scenarios import ALL_CARRIERS, CALLS, Call, prepare
from tests.support.desk import Desk, Opener
from trunkline.workflows import run
from trunkline.workflows.manage_restaurant import delete_restaurant

pytestmark = pytest.mark.anyio

LOSSES: dict[str, dict[str, Any]] = {
    "reply lost": {"kind": "drop", "when": "after"},
    "dropped": {"kind": "drop", "when": "before"},
    "429": {"status": 429, "headers": {"Retry-After": "0"}},
    "503": {"status": 503},
    "500 after the work": {"status": 500, "when": "after"},
    "timeout": {"kind": "latency", "seconds": 1.3},
}


async def detach_one(desk: Desk) -> None:
    """A number of ours in Vapi that serves nobody."""
    before = await desk.assign("Before", force_twilio=True)
    await delete_restaurant(desk.services, before.restaurant_id)
    await desk.settle()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("call", CALLS, ids=str)
async def test_lost(
    open_desk: Opener, database_url: str, call: Call, loss: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    patience = 1 if loss == "timeout" else 10
    if loss != "timeout":  # which is carried out a little later
        monkeypatch.setattr(run, "FIRST_WAIT", 0.05)
    async with open_desk(provider_timeout_seconds=patience, retry_for_seconds=30, carriers=list(ALL_CARRIERS)) as desk:
        if call.scenario == "trial":
            await desk.assign("Before")
        if call.scenario == "detached":
            await detach_one(desk)
        prepare(desk.sandbox, call.scenario)
        desk.sandbox.fault(provider=call.provider, operation=call.operation, times=1, **LOSSES[loss])
        assignment = await desk.assign("Roma", **call.wish)
        assert (assignment.status, assignment.reason) == ("assigned", None)
        assert {f["hits"] for f in desk.sandbox.control.get("/faults").json()} == {1}
        books = read_books(desk.sandbox, database_url)
        assert books.wrongs() == []
        assert books.settled()
        assert {name: len(numbers) for name, numbers in books.held.items() if numbers} == {call.carrier: 1}
        assert len(books.in_vapi) == 1


@pytest.mark.parametrize("loss", ["reply lost", "500 after the work", "timeout"])
async def test_a_listing_that_lags_is_waited_for_before_a_second_purchase(open_desk: Opener, loss: str) -> None:
    async with open_desk(listing_lag_seconds=7, provider_timeout_seconds=1, retry_for_seconds=20) as desk:
        desk.sandbox.control.put("/switches", json={"twilio_listing_lag_seconds": 2.0}).raise_for_status()
        desk.sandbox.fault(provider="twilio", operation="incoming_numbers.create", times=1, **LOSSES[loss])
        assignment = await desk.assign()
        assert assignment.status == "assigned"
        assert desk.operations().count("twilio incoming_numbers.create") == 1
        assert [h["number"] for h in desk.sandbox.held("twilio")] == [assignment.number]


async def test_while_the_outcome_is_unknown_no_other_carrier_is_tried(open_desk: Opener) -> None:
    async with open_desk(
        carriers=["twilio", "telnyx"], retry_for_seconds=0.8, number_strategy="purchase_first"
    ) as desk:
        desk.sandbox.fault(provider="twilio", operation="incoming_numbers.create", kind="drop", when="after", times=1)
        listing = desk.sandbox.fault(provider="twilio", operation="incoming_numbers.list", status=503, skip=1)
        assignment = await desk.assign()
        assert (assignment.status, assignment.reason) == ("failed", "purchase_unsettled")
        assert "telnyx number_orders.create" not in desk.operations()
        (debt,) = await desk.debts()
        assert debt.kind == "intent_unknown"
        again = await desk.again(assignment.restaurant_id)
        assert (again.status, again.reason) == ("failed", "purchase_unsettled")
        assert desk.operations().count("twilio incoming_numbers.create") == 1
        desk.sandbox.control.delete(f"/faults/{listing}")
        final = await desk.again(assignment.restaurant_id)
        assert final.status == "assigned"
        assert [h["number"] for h in desk.sandbox.held("twilio")] == [final.number]
        assert await desk.debts() == []
        assert await desk.open_intents() == []
