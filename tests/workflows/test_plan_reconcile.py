"""Plans: whatever has drifted in the world is found, nothing is invented, and a list that fails takes nothing away."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
from sqlalchemy import delete, insert, select

from tests.support.desk import Desk, Opener
from tests.support.fleet import ACCOUNTS, keep_books, seed
from trunkline.db import accounts, applies, plans
from trunkline.db.models import Base, ReconcilePlan
from trunkline.db.runs import APPLIES, RELEASES
from trunkline.domain.drifts import REPAIRS, Drift, Policy
from trunkline.errors import Conflict
from trunkline.workflows.plan_reconcile import make_plan_once
from trunkline.workflows.release_number import request_release
from trunkline.workflows.request_apply import Wanted, request_apply
from trunkline.workflows.run import end_of

pytestmark = pytest.mark.anyio
CARRIERS = ("twilio", "telnyx", "vonage", "vapi")
ALL = {"carriers": ",".join(CARRIERS), "vapi_routing": "assistant"}
# The requests that read each provider's lists, as the sandbox names them.
LISTS = {
    "twilio": ("incoming_numbers.list", "accounts.list"),
    "telnyx": ("phone_numbers.list",),
    "vonage": ("account.numbers",),
    "vapi": ("phone_numbers.list_v2", "assistants.list", "credentials.list"),
}


@pytest.fixture
async def shop(open_desk: Opener) -> AsyncIterator[Desk]:
    """All carriers at work."""
    async with open_desk(**ALL) as desk:
        yield desk


async def fill(desk: Desk, each: int) -> None:
    """So many numbers in service at each carrier."""
    await keep_books(desk, seed(desk.sandbox, desk.services.installation, each))


def drift(desk: Desk, **asked: Any) -> list[dict[str, Any]]:
    return list(desk.sandbox.control.post("/drift", json=asked).raise_for_status().json())


async def plan(desk: Desk, **policy: bool) -> tuple[ReconcilePlan, list[Drift]]:
    plan_id = await make_plan_once(desk.services, Policy(**policy), None)
    async with desk.services.database.read() as session:
        return await plans.get(session, plan_id), await plans.drifts_of(session, plan_id)


def told(found: Iterable[Drift]) -> Counter[tuple[str, str, str | None]]:
    """What differs; of numbers that others use only how many they are is told."""
    return Counter((one.kind.value, one.provider, one.number) for one in found if one.kind != "foreign")


async def test_forty_of_forty_are_found_and_none_is_invented(shop: Desk) -> None:
    await fill(shop, 250)
    clean, found = await plan(shop)
    assert (found, clean.failed, clean.changes) == ([], False, 0), [vars(one) for one in found[:3]]
    changed = drift(shop, seed=7, changes=40)
    before = shop.seen()
    made, found = await plan(shop)
    assert told(found) == Counter(
        (one["kind"], one["provider"], one["number"]) for one in changed if one["kind"] != "foreign"
    )
    used = Counter(one["provider"] for one in changed if one["kind"] == "foreign")
    assert {one.provider: one.carrier_says for one in found if one.kind == "foreign"} == {
        name: f"{count} of its numbers are used by somebody else" for name, count in used.items()
    }
    asked = Counter((r["provider"], r["operation"]) for r in shop.sandbox.requests(after=before))
    assert {operation for _, operation in asked} <= {name for names in LISTS.values() for name in names}
    # Vapi's own numbers are on Vapi's list; assistants and credentials are known by a list each, Twilio's by accounts.
    assert (asked["twilio", "incoming_numbers.list"], asked["vapi", "phone_numbers.list_v2"]) == (2, 2)
    assert (asked["telnyx", "phone_numbers.list"], asked["vonage", "account.numbers"]) == (2, 3)
    assert sum(asked.values()) <= 14
    again, repeated = await plan(shop)
    assert again.checksum == made.checksum != clean.checksum
    assert [one.since for one in repeated] == [one.since for one in found]
    await carry_out(shop, again)
    after, left = await plan(shop)
    assert (after.changes, after.failed) == (0, False), [vars(one) for one in left if one.change]
    assert [vars(one) for one in left if REPAIRS[one.kind] and not one.left_alone] == []


async def carry_out(desk: Desk, made: ReconcilePlan) -> None:
    run = await request_apply(desk.services, made.id, Wanted(made.checksum))
    await desk.wait(run)
    async with desk.services.database.read() as session:
        row, items = await APPLIES.get(session, run), await applies.page(session, run)
    assert row.status == "done", row.message
    assert {item.status for item in items} == {"done"}, [(item.number, item.message) for item in items]


async def test_twenty_clean_worlds_have_nothing_that_differs(shop: Desk) -> None:
    for number in range(20):
        chance = random.Random(number)
        carriers = chance.sample(CARRIERS, chance.randint(1, 4))
        shop.sandbox.reset()
        await restore_books(shop, {})
        await keep_books(shop, seed(shop.sandbox, shop.services.installation, chance.randint(1, 12), carriers))
        made, found = await plan(shop)
        assert (found, made.failed, made.changes) == ([], False, 0), (number, [vars(one) for one in found])


async def test_a_fault_on_any_page_changes_nothing_of_that_provider(shop: Desk) -> None:
    back = seed(shop.sandbox, shop.services.installation, 101, ["vonage"])  # two pages
    await keep_books(shop, back + seed(shop.sandbox, shop.services.installation, 12, ["twilio", "telnyx", "vapi"]))
    drift(shop, seed=3, changes=22)
    before = shop.seen()
    whole, found = await plan(shop)
    assert whole.changes > 10
    asked = Counter((r["provider"], r["operation"]) for r in shop.sandbox.requests(after=before))
    del asked["vapi", "credentials.list"]  # is kept for a while
    for (provider, operation), pages in asked.items():
        for skip in range(pages):
            fault = shop.sandbox.fault(provider=provider, operation=operation, status=500, skip=skip, times=1)
            made, now = await plan(shop)
            shop.sandbox.control.delete(f"/faults/{fault}")
            assert made.failed, (provider, operation, skip)
            doubted = {listed["provider"] for listed in made.lists if not listed["whole"]}
            assert doubted & ({provider} if provider != "vapi" else {"vapi", "voice"}), (provider, operation, skip)
            assert told(now) <= told(found)
            mended = {(one.provider, one.change) for one in now if one.change is not None}
            assert provider not in {name for name, _ in mended}
            if "voice" in doubted:  # nearly every change is about Vapi
                assert mended == set()


async def test_what_happens_to_a_whole_account_is_found(open_desk: Opener) -> None:
    async with open_desk(**ALL, max_monthly_price="9.00 USD") as desk:  # so that prices are those of the moment
        await fill(desk, 4)
        drift(desk, kinds=["price_changed"], changes=1)
        _, found = await plan(desk)
        dearer = {(str(one.kind), one.provider, str(one.change), f"{one.monthly:.2f} {one.currency}") for one in found}
        assert (dearer, len(found)) == ({("price_changed", "twilio", "record", "1.00 USD")}, 4)
        made, _ = await plan(desk)
        await carry_out(desk, made)
        assert (await plan(desk))[1] == []
        drift(desk, kinds=["dead_target"], changes=1)
        (dead,) = [one for one in (await plan(desk))[1] if one.kind == "dead_target"]
        assert (dead.number, dead.change, "no assistant" in dead.voice_says) == (None, None, True)


async def test_keys_of_another_account_and_half_a_list_take_nothing_away(shop: Desk) -> None:
    await fill(shop, 9)
    async with shop.services.database.write() as session:
        await accounts.accept(session, "telnyx", "telnyx-of-before")
    shop.sandbox.fault(provider="vonage", operation="account.numbers", kind="lag", rows=6)
    made, found = await plan(shop)
    why = {listed["provider"]: listed["doubt"] for listed in made.lists if not listed["whole"]}
    assert made.failed
    assert "until now they were of telnyx-of-before" in why["telnyx"]
    assert why["vonage"] == "6 of the 9 numbers that the books hold there are not on its list"
    assert found == []


async def test_what_is_under_way_is_no_drift(shop: Desk) -> None:
    """Restaurants get numbers and lose them while plan after plan is made."""
    shop.sandbox.control.put("/switches", json={"vapi_free_number_limit": 99}).raise_for_status()

    async def work(carrier: str) -> None:
        for n in range(2):
            ended = await shop.assign(f"{carrier} {n}", carrier=carrier)
            assert ended.number is not None
            run = await request_release(shop.services, ended.number, give_back=n == 0, force=True)
            await end_of(shop.services, RELEASES, run, 20)

    working = [asyncio.create_task(work(carrier)) for carrier in CARRIERS]
    while not all(task.done() for task in working):
        made, found = await plan(shop)
        assert (found, made.failed) == ([], False), [vars(one) for one in found]
    await asyncio.gather(*working)
    await asyncio.sleep(shop.services.settings.listing_lag_seconds)
    assert told((await plan(shop))[1]) == Counter()


async def test_books_of_yesterday_find_everything_that_happened_since(shop: Desk) -> None:
    await fill(shop, 3)
    yesterday = await copy_books(shop)
    bought = [(await shop.assign(f"new {name}", carrier=name)).number for name in ("twilio", "telnyx", "vonage")]
    back = [f"{prefix}0001" for _, prefix in list(ACCOUNTS.values())[:2]]
    for number in back:
        run = await request_release(shop.services, number, give_back=True, force=True)
        await end_of(shop.services, RELEASES, run, 20)
    await restore_books(shop, yesterday)
    _, found = await plan(shop)
    expected = [("orphan", name, number) for name, number in zip(CARRIERS, bought, strict=False)]
    expected += [("ghost", name, number) for name, number in zip(CARRIERS, back, strict=False)]
    assert told(found) == Counter(expected)
    assert {one.kind: one.change for one in found} == {"orphan": "adopt", "ghost": "mark_released"}
    await restore_books(shop, {})
    with pytest.raises(Conflict, match="the books are empty"):
        await plan(shop, release=True)


async def copy_books(desk: Desk) -> dict[str, list[dict[str, Any]]]:
    async with desk.services.database.read() as session:
        return {
            table.name: [dict(row) for row in (await session.execute(select(table))).mappings()]
            for table in Base.metadata.sorted_tables
        }


async def restore_books(desk: Desk, copied: dict[str, list[dict[str, Any]]]) -> None:
    """As a copy of the database that was put back; {}: a new one of the same installation."""
    async with desk.services.database.write() as session:
        for table in reversed(Base.metadata.sorted_tables):
            if table.name not in ("installation", "provider_accounts"):
                await session.execute(delete(table))
        for table in Base.metadata.sorted_tables:
            if table.name not in ("installation", "provider_accounts") and copied.get(table.name):
                await session.execute(insert(table), copied[table.name])
