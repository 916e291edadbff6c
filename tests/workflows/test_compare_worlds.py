"""What drifts in the world is found, as what it is, and nothing else is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from tests.support.desk import Desk, Opener
from trunkline.db.models import Number, utcnow
from trunkline.domain.drifts import Policy
from trunkline.workflows.plan_reconcile import Compared, compare

pytestmark = pytest.mark.anyio
CARRIERS = ("twilio", "telnyx", "vonage", "vapi")
EACH = 8


@pytest.fixture
async def shop(open_desk: Opener) -> AsyncIterator[Desk]:
    """Restaurants at every carrier, in service."""
    async with open_desk(carriers=",".join(CARRIERS), listing_lag_seconds=0) as desk:
        desk.sandbox.control.put("/switches", json={"vapi_free_number_limit": 99}).raise_for_status()
        runs = [await desk.create(f"{name} {n}", carrier=name) for name in CARRIERS for n in range(EACH)]
        ended = [await desk.end_of(run) for run in runs]
        assert all(run.number for run in ended), [run.message for run in ended]
        await long_ago(desk)
        yield desk


async def long_ago(desk: Desk) -> None:
    """No list can lag behind these purchases."""
    async with desk.services.database.write() as session:
        await session.execute(update(Number).values(bought_at=utcnow() - timedelta(days=1)))


def drift(desk: Desk, changes: int, *kinds: str) -> list[dict[str, Any]]:
    asked: dict[str, Any] = {"seed": 7, "changes": changes} | ({"kinds": list(kinds)} if kinds else {})
    return list(desk.sandbox.control.post("/drift", json=asked).raise_for_status().json())


def shown(compared: Compared) -> set[tuple[str, str, str | None]]:
    return {(d.kind.value, d.provider, d.number) for d in compared.drifts}


async def test_every_drift_is_found_and_none_is_invented(shop: Desk) -> None:
    clean = await compare(shop.services, Policy())
    assert (shown(clean), clean.failed) == (set(), False)
    done = drift(shop, 40)
    found = await compare(shop.services, Policy())
    assert shown(found) == {(one["kind"], one["provider"], one["number"]) for one in done}
    assert len(done) == 40
    assert found.checksum == (await compare(shop.services, Policy())).checksum
