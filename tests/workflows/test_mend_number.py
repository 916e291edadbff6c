"""One change of a plan: it looks first, does what the machines do elsewhere, and leaves alone what does not apply."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from tests.crash.books import settled_books
from tests.support.desk import Desk, Opener
from tests.support.lists import bought_before
from trunkline.db import applies, assignments, numbers
from trunkline.db.models import Apply, ApplyItem, Call, Mapping, PlannedDrift, ReconcilePlan
from trunkline.db.runs import APPLIES, RELEASES
from trunkline.domain.drifts import REPAIRS, ChangeKind, DriftKind
from trunkline.domain.notes import NumberNotes
from trunkline.domain.numbers import NumberState
from trunkline.domain.wishes import Wish
from trunkline.errors import Conflict
from trunkline.workflows.apply_plan import ApplyPlan, cancel_apply, resume_apply
from trunkline.workflows.manage_restaurant import create_restaurant
from trunkline.workflows.purchase_outcome import look_after
from trunkline.workflows.release_number import request_release
from trunkline.workflows.run import end_of

pytestmark = pytest.mark.anyio
CARRIERS = ("twilio", "telnyx", "vonage", "vapi")
MENDED = ("ghost", "missing_in_vapi", "twice_in_vapi", "misrouted", "webhook_drifted", "moved", "orphan")


@pytest.fixture
async def shop(open_desk: Opener) -> AsyncIterator[Desk]:
    """All carriers at work."""
    async with open_desk(carriers=",".join(CARRIERS), retry_for_seconds=20) as opened:
        opened.sandbox.control.put("/switches", json={"vapi_free_number_limit": 99}).raise_for_status()
        yield opened


async def serve(desk: Desk, each: int, *carriers: str) -> dict[str, str]:
    """So many restaurants at each carrier, in service, which lists show by now; restaurant by number."""
    runs = [await desk.create(f"{carrier} {n}", carrier=carrier) for carrier in carriers for n in range(each)]
    ended = [await desk.end_of(run) for run in runs]
    assert all(run.number for run in ended), [run.message for run in ended]
    async with desk.services.database.write() as session:
        await session.execute(bought_before(look_after(desk.services)))
    return {str(run.number): run.restaurant_id for run in ended}


def drift(desk: Desk, *kinds: str, changes: int = 1) -> list[dict[str, Any]]:
    asked = {"kinds": list(kinds), "changes": changes}
    return list(desk.sandbox.control.post("/drift", json=asked).raise_for_status().json())


def planned(changed: Sequence[dict[str, Any]], change: ChangeKind | None = None) -> list[PlannedDrift]:
    """What a plan has of it: its repair, unless told."""
    return [
        PlannedDrift(
            seq=seq,
            kind=one["kind"],
            change=change or REPAIRS[DriftKind(one["kind"])],
            number=one["number"],
            provider=one["provider"],
        )
        for seq, one in enumerate(changed)
    ]


async def begin(desk: Desk, drifts: Sequence[PlannedDrift]) -> str:
    async with desk.services.database.write() as session:
        plan = ReconcilePlan(checksum="", lists=[])
        session.add(plan)
        await session.flush()
        row = await APPLIES.add(session, plan_id=plan.id)
        await applies.add_items(session, row.id, drifts)
    await desk.services.engine.start(ApplyPlan.kind, row.id)
    return row.id


async def end(desk: Desk, apply_id: str) -> Apply:
    await desk.wait(apply_id)
    async with desk.services.database.read() as session:
        return await APPLIES.get(session, apply_id)


async def apply(desk: Desk, drifts: Sequence[PlannedDrift]) -> list[ApplyItem]:
    """Carry these changes out; what became of each."""
    apply_id = await begin(desk, drifts)
    assert (await end(desk, apply_id)).status == "done"
    return await items(desk, apply_id)


async def items(desk: Desk, apply_id: str) -> list[ApplyItem]:
    async with desk.services.database.read() as session:
        return list(await applies.page(session, apply_id))


def told(found: Sequence[ApplyItem]) -> list[tuple[str, str, str | None]]:
    return [(item.kind, item.status, item.message) for item in found]


async def test_each_kind_is_mended_and_a_second_time_nothing_is_done(shop: Desk, database_url: str) -> None:
    await serve(shop, 4, *CARRIERS)
    found = drift(shop, *MENDED, changes=2 * len(MENDED))
    assert {one["kind"] for one in found} == set(MENDED)
    changes = planned(found)
    first = await apply(shop, changes)
    assert {item.status for item in first} == {"done"}, told(first)
    before = shop.seen()
    again = await apply(shop, changes)
    assert {item.status for item in again} == {"skipped"}, told(again)
    assert {r["method"] for r in shop.sandbox.requests(after=before)} == {"GET"}
    assert settled_books(shop.sandbox, database_url).wrongs() == []
    lost = {one["number"] for one in found if one["kind"] == "ghost"}
    assert {m.end_reason for m in await shop.rows(Mapping, Mapping.number.in_(lost))} == {"number_gone"}
    assert {row.state for row in [await shop.number(n) for n in lost]} == {"released"}


async def test_what_is_given_back_is_what_nobody_uses_or_keeps(shop: Desk, database_url: str) -> None:
    """Of orphans and of numbers that are still held: not the protected, the called, the claimed."""
    await serve(shop, 1, "twilio", "telnyx")
    for carrier in ("twilio", "telnyx"):
        given = await shop.assign(f"gone {carrier}", carrier=carrier)
        assert given.number is not None
        release = await request_release(shop.services, given.number, give_back=True, force=True)
        assert (await end_of(shop.services, RELEASES, release, 20)).status == "done"
    found = drift(shop, "orphan", "still_billed", changes=5)
    assert sorted(one["kind"] for one in found) == ["orphan"] * 3 + ["still_billed"] * 2
    kept, called, *others = [one["number"] for one in found]
    async with shop.services.database.write() as session:
        await numbers.ensure(session, kept, NumberState.RELEASED)
        numbers.describe(await numbers.get(session, kept), NumberNotes(protected=True))
        session.add(Call(id="c1", called=called))
    first = await apply(shop, planned(found, ChangeKind.RELEASE))
    said = {item.number: item.message for item in first if item.status == "skipped"}
    assert said == {kept: f"{kept} is protected", called: f"{called} was called in the last 24 hours"}
    held = {n["number"] for carrier in CARRIERS for n in shop.sandbox.held(carrier)}
    assert held & {kept, called, *others} == {kept, called}
    assert {(await shop.number(number)).state for number in others} == {"released"}
    assert {item.status for item in await apply(shop, planned(found, ChangeKind.RELEASE))} == {"skipped"}
    wrongs = settled_books(shop.sandbox, database_url).wrongs()
    assert [wrong for wrong in wrongs if kept not in wrong and called not in wrong] == []


async def test_who_has_lost_a_number_gets_another_one_once(shop: Desk, database_url: str) -> None:
    served = await serve(shop, 2, "twilio")
    found = drift(shop, "ghost", changes=2)
    drifts = planned(found)
    for seq, one in enumerate(found, start=2):
        lost = {"number": None, "restaurant_id": served[one["number"]], "provider": "twilio"}
        drifts.append(PlannedDrift(seq=seq, kind="lost_number", change="buy", **lost))
    ended = await apply(shop, drifts)
    assert [item.status for item in ended] == ["done"] * 4, told(ended)
    assert {m.restaurant_id for m in await shop.mappings()} == set(served.values())
    assert len(shop.sandbox.requests(operation="incoming_numbers.create")) == 4
    again = await apply(shop, drifts[2:])
    assert {item.status for item in again} == {"skipped"}
    assert settled_books(shop.sandbox, database_url).wrongs() == []


async def test_a_purchase_that_failed_is_tried_again_when_the_run_is_resumed(open_desk: Opener) -> None:
    async with open_desk(carriers="twilio", retry_for_seconds=1.0) as desk:
        served = await serve(desk, 1, "twilio")
        drifts = planned(found := drift(desk, "ghost"))
        lost = {"number": None, "restaurant_id": served[found[0]["number"]], "provider": "twilio"}
        drifts.append(PlannedDrift(seq=1, kind="lost_number", change="buy", **lost))
        down = desk.sandbox.fault(provider="twilio", operation="available_numbers.search", kind="status", status=503)
        apply_id = await begin(desk, drifts)
        await end(desk, apply_id)
        assert [item.status for item in await items(desk, apply_id)] == ["done", "failed"]
        desk.sandbox.control.delete(f"/faults/{down}").raise_for_status()
        while await desk.services.engine.under_way(apply_id):
            await asyncio.sleep(0.02)
        await resume_apply(desk.services, apply_id)
        await end(desk, apply_id)
        assert [item.status for item in await items(desk, apply_id)] == ["done", "done"]


async def test_an_assignment_that_is_faster_keeps_the_number(shop: Desk) -> None:
    """The number that was to be given back is claimed while the change looks."""
    await serve(shop, 1, "twilio")
    (found,) = drift(shop, "orphan")
    number = found["number"]
    hold = shop.sandbox.fault(provider="twilio", operation="list", kind="hold", when="after", contains=number[1:])
    apply_id = await begin(shop, planned([found], ChangeKind.RELEASE))
    await until_held(shop, hold)
    waiting = await create_restaurant(shop.services, "waits", Wish(), assign=False)
    async with shop.services.database.write() as session:
        assignment = await assignments.add(session, waiting.restaurant_id)
        assert await numbers.claim(session, number, assignment.id, "owned")
    shop.sandbox.control.delete(f"/faults/{hold}")
    assert (await end(shop, apply_id)).status == "done"
    ((_, status, message),) = told(await items(shop, apply_id))
    assert (status, message) == ("skipped", f"{number} is about to be put in service")
    assert number in {n["number"] for n in shop.sandbox.held("twilio")}


FAULTS = [
    {"kind": "status", "status": 429},
    {"kind": "status", "status": 503, "when": "after"},
    {"kind": "drop", "when": "after"},
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault['kind']} {fault.get('status', '')}")
async def test_what_fails_once_is_done_all_the_same(shop: Desk, database_url: str, fault: dict[str, Any]) -> None:
    """Each operation of each change, once: refused for now, refused after the work, and its reply lost."""
    await serve(shop, 4, "twilio")
    await serve(shop, 1, "telnyx")
    kinds = ("ghost", "missing_in_vapi", "twice_in_vapi", "webhook_drifted", "orphan")
    changes = planned(drift(shop, *kinds, changes=len(kinds)))
    for provider, operation in (
        *(("vapi", f"phone_numbers.{name}") for name in ("create", "delete", "list_v2")),
        *(("twilio", f"incoming_numbers.{name}") for name in ("list", "update")),
        ("telnyx", "phone_numbers.list"),
    ):
        shop.sandbox.fault(provider=provider, operation=operation, times=1, **fault)
    ended = await apply(shop, changes)
    assert {item.status for item in ended} == {"done"}, told(ended)
    assert settled_books(shop.sandbox, database_url).wrongs() == []


async def test_a_provider_that_refuses_stops_alone_and_the_run_goes_on_when_it_is_resumed(open_desk: Opener) -> None:
    async with open_desk(carriers="twilio,telnyx", retry_for_seconds=0) as desk:
        await serve(desk, 2, "twilio")
        desk.services.settings.retry_for_seconds = 20
        await serve(desk, 1, "telnyx")
        desk.services.settings.retry_for_seconds = 0
        changes = planned(drift(desk, "webhook_drifted", changes=3))
        fault = desk.sandbox.fault(provider="twilio", operation="list", kind="status", status=503)
        apply_id = await begin(desk, changes)
        stopped = await end(desk, apply_id)
        assert stopped.status == "failed"
        assert stopped.hint is not None
        assert stopped.hint.endswith("resume the run")
        by_provider = {(item.provider, item.status) for item in await items(desk, apply_id)}
        assert ("telnyx", "done") in by_provider
        assert ("twilio", "failed") in by_provider
        desk.sandbox.control.delete(f"/faults/{fault}")
        while await desk.services.engine.under_way(apply_id):
            await asyncio.sleep(0.02)
        await resume_apply(desk.services, apply_id)
        assert (await end(desk, apply_id)).status == "done"
        assert {item.status for item in await items(desk, apply_id)} == {"done"}
        with pytest.raises(Conflict, match="every change of the plan is done"):
            await resume_apply(desk.services, apply_id)


async def test_a_cancelled_run_begins_nothing_more_until_it_is_resumed(shop: Desk) -> None:
    await serve(shop, 3, "twilio")
    changes = planned(drift(shop, "missing_in_vapi", changes=3))
    hold = shop.sandbox.fault(provider="vapi", operation="import", kind="hold", when="before")
    apply_id = await begin(shop, changes)
    await until_held(shop, hold)
    await cancel_apply(shop.services, apply_id)
    with pytest.raises(Conflict, match="the run is cancelled"):
        await cancel_apply(shop.services, apply_id)
    shop.sandbox.control.delete(f"/faults/{hold}")
    assert (await end(shop, apply_id)).status == "cancelled"
    while await shop.services.engine.under_way(apply_id):
        await asyncio.sleep(0.02)
    assert {item.status for item in await items(shop, apply_id)} <= {"queued", "running"}
    await resume_apply(shop.services, apply_id)
    assert (await end(shop, apply_id)).status == "done"
    assert {item.status for item in await items(shop, apply_id)} == {"done"}


async def until_held(desk: Desk, fault: int) -> None:
    """A request has arrived and is being held."""
    while not any(rule["id"] == fault and rule["hits"] for rule in desk.sandbox.control.get("/faults").json()):
        await asyncio.sleep(0.02)
