"""An offer that is held is bought by who names it and by nobody else, and nothing is bought by a hold."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from tests.support.desk import Desk, Opener
from trunkline.db.models import Hold, Number, PurchaseIntent, utcnow
from trunkline.domain.choosing import Criteria
from trunkline.domain.numbers import E164
from trunkline.domain.wishes import Wish
from trunkline.errors import CannotHold, Conflict, NotFound, OfferGone, RetryLater
from trunkline.workflows.hold_offer import HELD_FOR, end_hold, hold_offer, read_hold
from trunkline.workflows.manage_restaurant import create_restaurant
from trunkline.workflows.stock_number import buy_number, find_offer

pytestmark = pytest.mark.anyio
NUMBER = E164("+14155553001")  # the first that Telnyx sells there
CREATE = {"provider": "telnyx", "operation": "number_reservations.create"}


@pytest.fixture
def at_telnyx(open_desk: Opener) -> Any:
    return lambda **more: open_desk(carriers="telnyx", **more)


def switch(desk: Desk, **values: Any) -> None:
    desk.sandbox.control.put("/switches", json={f"telnyx_{k}": v for k, v in values.items()}).raise_for_status()


def reserved(desk: Desk) -> int:
    return desk.operations().count("telnyx number_reservations.create")


def times(held: Hold) -> tuple[datetime, datetime]:
    """Until when it is held, and until when Telnyx keeps it."""
    assert held.expires_at is not None
    assert held.carrier_until is not None
    return held.expires_at, held.carrier_until


async def assigned(desk: Desk, wish: Wish) -> str | None:
    created = await create_restaurant(desk.services, "Roma", wish)
    ended = await desk.end_of(created.assignment_id or "")
    return ended.number


@pytest.mark.parametrize("shown", [True, False])
async def test_a_held_number_is_bought_by_who_names_it_alone(at_telnyx: Any, shown: bool) -> None:
    async with at_telnyx() as desk:
        switch(desk, reserved_in_search=shown, reserved_needs_search=shown, reservation_polls=1)
        ours, theirs = times(await hold_offer(desk.services, NUMBER))
        assert utcnow() < ours <= utcnow() + HELD_FOR < theirs
        assert (await desk.rows(Number), await desk.rows(PurchaseIntent), desk.sandbox.held("telnyx")) == ([], [], [])
        other = await assigned(desk, Wish(Criteria(area_code="415")))
        assert other not in (None, NUMBER)
        for_sale = await find_offer(desk.services, NUMBER)
        assert (for_sale.carrier.name, for_sale.offer.monthly_price is not None) == ("telnyx", True)
        assert await assigned(desk, Wish().picking(NUMBER)) == NUMBER
        with pytest.raises(Conflict, match="is ours already"):
            await hold_offer(desk.services, NUMBER)


async def test_what_a_search_still_shows_is_not_bought_for_others_while_it_is_held(at_telnyx: Any) -> None:
    async with at_telnyx() as desk:
        await hold_offer(desk.services, NUMBER)
        # The reservation is gone at Telnyx, our word stands.
        desk.sandbox.control.post(
            "/numbers", json={"carrier": "telnyx", "number": NUMBER, "price": "1.00"}
        ).raise_for_status()
        assert await assigned(desk, Wish(Criteria(area_code="415", contains="5553001"))) is None
        assert await buy_number(desk.services, NUMBER)


async def test_a_lost_reply_is_looked_for_and_a_hold_is_prolonged_by_another(at_telnyx: Any) -> None:
    async with at_telnyx() as desk:
        desk.sandbox.fault(**CREATE, kind="drop", when="after", times=1)
        first = await hold_offer(desk.services, NUMBER)
        async with desk.services.database.write() as session:
            await session.execute(update(Hold).values(expires_at=utcnow() + timedelta(seconds=30)))
        again = await hold_offer(desk.services, NUMBER)
        assert (again.mark, times(again) > times(first), reserved(desk)) == (first.mark, True, 1)


@pytest.mark.parametrize(
    "fault",
    [{"kind": "drop", "when": "before"}, {"kind": "status", "status": 429, "headers": {"x-ratelimit-reset": "1"}}],
)
async def test_what_is_not_known_to_be_kept_is_not_held_and_is_asked_for_under_the_same_mark(
    at_telnyx: Any, fault: dict[str, Any]
) -> None:
    async with at_telnyx() as desk:
        desk.sandbox.fault(**CREATE, **fault, times=5)
        with pytest.raises(RetryLater):
            await hold_offer(desk.services, NUMBER)
        with pytest.raises(NotFound):
            await read_hold(desk.services, NUMBER)
        (begun,) = await desk.rows(Hold)
        desk.sandbox.control.delete("/faults").raise_for_status()
        assert (await hold_offer(desk.services, NUMBER)).mark == begun.mark
        assert desk.sandbox.held("telnyx") == []


async def test_what_somebody_else_has_reserved_is_refused_and_nothing_is_kept(at_telnyx: Any) -> None:
    async with at_telnyx() as desk:
        theirs = {"customer_reference": "of another program"}
        desk.sandbox.fault(**CREATE, kind="rival", fields=theirs, when="before", times=1)
        with pytest.raises(OfferGone, match="already on hold"):
            await hold_offer(desk.services, NUMBER)
        assert await desk.rows(Hold) == []


async def test_a_hold_is_over_when_it_is_let_go_or_its_time_is(at_telnyx: Any) -> None:
    async with at_telnyx() as desk:
        switch(desk, reservation_seconds=1)
        ours, theirs = times(await hold_offer(desk.services, NUMBER))
        assert ours == theirs < utcnow() + timedelta(seconds=5)
        switch(desk, reservation_seconds=1800)
        await hold_offer(desk.services, NUMBER)
        assert times(await end_hold(desk.services, NUMBER))[0] <= utcnow()
        with pytest.raises(NotFound, match="is not held"):
            await end_hold(desk.services, NUMBER)


async def test_a_carrier_without_holds_says_so(open_desk: Opener) -> None:
    async with open_desk(carriers="twilio,telnyx") as desk:
        with pytest.raises(CannotHold, match=r"twilio sells .* cannot hold it") as refused:
            await hold_offer(desk.services, E164("+14155550123"))
        assert refused.value.hint == "hold a number of telnyx, or buy this one: POST /api/numbers"
