"""Vapi is two providers in one: what fails where it sells a number is no failure of the voice platform."""

from __future__ import annotations

import pytest

from tests.support.desk import Opener
from tests.workflows.test_ends import release
from tests.workflows.test_plan_reconcile import plan
from trunkline.db.models import Release
from trunkline.errors import RetryLater
from trunkline.workflows.settle_debts import tidy

pytestmark = pytest.mark.anyio


async def test_a_purchase_at_vapi_whose_outcome_stays_open_is_called_unsettled(open_desk: Opener) -> None:
    async with open_desk(carriers="vapi", activation_seconds=0.1, retry_for_seconds=0.5) as desk:
        desk.sandbox.control.put("/switches", json={"vapi_seconds_until_active": {"vapi": 3600}})
        assignment = await desk.assign()
        assert (assignment.status, assignment.reason) == ("failed", "purchase_unsettled")
        assert len(await desk.open_intents()) == 1


async def test_a_pause_that_the_voice_platform_was_asked_for_holds_for_the_seller(open_desk: Opener) -> None:
    async with open_desk(carriers="vapi") as desk:
        voice, seller = desk.services.voice, desk.services.carriers["vapi"]
        desk.sandbox.fault(provider="vapi", kind="status", status=429, headers={"Retry-After": "60"})
        with pytest.raises(RetryLater):
            await voice.numbers()
        asked = len(desk.sandbox.requests(provider="vapi"))  # what begins with the server may have asked with it
        for ask in (lambda: anext(seller.owned()), voice.assistant):
            with pytest.raises(RetryLater):
                await ask()
        assert len(desk.sandbox.requests(provider="vapi")) == asked


async def test_what_vapi_itself_provides_is_kept_in_vapi_or_given_back_there(open_desk: Opener) -> None:
    async with open_desk(carriers="vapi") as desk:
        bought = await desk.assign()
        assert await release(desk, bought.number, give_back=False, force=True) == "done"
        assert [record.number for record in await desk.services.voice.numbers()] == [bought.number]
        assert (await plan(desk))[1] == []
        await tidy(desk.services)
        again = await desk.again(bought.restaurant_id)
        assert (again.source, again.number) == ("existing", bought.number)
        assert await release(desk, bought.number, give_back=True, force=True) == "done"
        assert await desk.services.voice.numbers() == []
        (last,) = await desk.rows(Release, Release.give_back)
        assert last.message == f"{bought.number} given back to the carrier"
        assert (await desk.number(bought.number)).state == "released"


async def test_a_seller_that_is_not_configured_keeps_what_it_has(open_desk: Opener) -> None:
    async with open_desk(carriers="vapi") as desk:
        bought = await desk.assign()
    async with open_desk(carriers="twilio") as desk:
        assert await release(desk, bought.number, give_back=True, force=True) == "owed"
        assert [record.number for record in await desk.services.voice.numbers()] == [bought.number]
