"""A plan is carried out as it was shown, or not at all; afterwards nothing differs."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.crash.books import settled_books
from tests.support.desk import Desk
from tests.workflows.test_mend_number import drift, end, items, serve, shop, until_held
from trunkline.db import accounts, plans
from trunkline.db.models import Apply, PlannedDrift, PurchaseIntent, ReconcilePlan, utcnow
from trunkline.domain.acting import Acting, ActorKind, acting_as
from trunkline.domain.budgets import SpendingLimits
from trunkline.domain.drifts import Policy
from trunkline.domain.scopes import Scope
from trunkline.errors import Conflict, InvalidInput, NotFound, PlanChanged
from trunkline.workflows.identify import OPERATOR
from trunkline.workflows.manage_keys import Wanted as WantedKey
from trunkline.workflows.manage_keys import create_key
from trunkline.workflows.plan_reconcile import make_plan_once
from trunkline.workflows.request_apply import Wanted, request_apply

pytestmark = pytest.mark.anyio
__all__ = ["shop"]


async def plan(desk: Desk, **policy: bool) -> tuple[ReconcilePlan, list[PlannedDrift]]:
    plan_id = await make_plan_once(desk.services, Policy(**policy), None)
    async with desk.services.database.read() as session:
        return await plans.get(session, plan_id), list(await plans.rows_of(session, plan_id))


def changes(drifts: list[PlannedDrift]) -> list[tuple[str, str | None, str]]:
    return [(d.kind, d.number, d.change) for d in drifts if d.change is not None]


async def test_a_drifted_world_is_found_planned_applied_and_then_nothing_differs(shop: Desk, database_url: str) -> None:
    await serve(shop, 4, "twilio", "telnyx", "vonage")
    kinds = ("ghost", "missing_in_vapi", "twice_in_vapi", "misrouted", "webhook_drifted", "orphan", "moved")
    done = drift(shop, *kinds, changes=14)
    made, drifts = await plan(shop, buy=True, release=True)
    found = {(d.kind, d.number) for d in drifts if d.kind != "lost_number"}
    assert found == {(one["kind"], one["number"]) for one in done}
    wanted = Wanted(made.checksum, buy=True, release=True, confirm=shop.services.installation)
    apply_id = await request_apply(shop.services, made.id, wanted)
    assert (await end(shop, apply_id)).status == "done"
    assert {item.status for item in await items(shop, apply_id)} == {"done"}
    _, left = await plan(shop, buy=True, release=True)
    assert changes(left) == []
    assert settled_books(shop.sandbox, database_url).wrongs() == []


async def test_what_is_not_as_it_was_shown_is_refused_and_nothing_is_done(shop: Desk) -> None:
    """Another checksum, another world, an old plan, less said yes to, another installation; also an empty plan."""
    await serve(shop, 2, "twilio")
    empty, _ = await plan(shop)
    assert empty.changes == 0
    drift(shop, "orphan")
    made, drifts = await plan(shop, release=True)
    ((_, number, _),) = changes(drifts)
    yes = Wanted(made.checksum, release=True, confirm=shop.services.installation)
    before = shop.seen()
    for plan_id, wanted, refusal, said in (
        (empty.id, Wanted("0" * 64), PlanChanged, "the checksum is not this plan's"),
        (empty.id, Wanted(empty.checksum), PlanChanged, "1 changes more, 0 less"),
        (made.id, Wanted(made.checksum), InvalidInput, "gives 1 numbers back"),
        (made.id, replace(yes, confirm="another"), InvalidInput, "'another' is confirmed"),
        ("pln_0", yes, NotFound, "there is no plan"),
    ):
        with pytest.raises(refusal, match=said) as refused:
            await request_apply(shop.services, plan_id, wanted)
        if "changes more" in said:
            assert isinstance(refused.value, PlanChanged)
            assert refused.value.differences == (f"+ adopt {number} at twilio (orphan)",)
    async with shop.services.database.write() as session:
        (await plans.get(session, made.id)).created_at = utcnow() - timedelta(days=2)
    with pytest.raises(Conflict, match="the plan was made"):
        await request_apply(shop.services, made.id, yes)
    assert {r["method"] for r in shop.sandbox.requests(after=before)} == {"GET"}
    assert await shop.rows(Apply) == []


async def test_a_plan_is_applied_once_and_one_at_a_time(shop: Desk) -> None:
    await serve(shop, 2, "twilio")
    drift(shop, "missing_in_vapi")
    made, _ = await plan(shop)
    other, _ = await plan(shop)
    hold = shop.sandbox.fault(provider="vapi", operation="import", kind="hold")
    first = await request_apply(shop.services, made.id, Wanted(made.checksum))
    await until_held(shop, hold)
    with pytest.raises(Conflict, match=f"applied by {first}"):
        await request_apply(shop.services, made.id, Wanted(made.checksum))
    with pytest.raises(Conflict, match="another plan is being applied"):
        await request_apply(shop.services, other.id, Wanted(other.checksum))
    shop.sandbox.control.delete(f"/faults/{hold}")
    assert (await end(shop, first)).status == "done"
    empty, _ = await plan(shop)
    last = await request_apply(shop.services, empty.id, Wanted(empty.checksum, reason="to be sure"))
    ended = await end(shop, last)
    assert (ended.status, ended.why, await items(shop, last)) == ("done", "to be sure", [])


async def test_more_is_given_back_than_the_cap_only_by_force(shop: Desk) -> None:
    await serve(shop, 1, "twilio")
    drift(shop, "orphan", changes=6)
    with pytest.raises(Conflict, match="6 numbers would be given back"):
        await plan(shop, release=True)
    made, _ = await plan(shop, release=True, force=True)
    yes = Wanted(made.checksum, release=True, confirm=shop.services.installation)
    with pytest.raises(Conflict, match="6 numbers would be given back"):
        await request_apply(shop.services, made.id, yes)
    forced = await request_apply(shop.services, made.id, replace(yes, force=True))
    assert (await end(shop, forced)).status == "done"
    assert len(shop.sandbox.held("twilio")) == 1


async def test_vapi_is_given_the_present_keys_and_then_nothing_differs(shop: Desk) -> None:
    """Twilio's stand with each number, Vonage's in the credential that its numbers name."""
    await serve(shop, 2, "twilio", "vonage")
    assert changes((await plan(shop))[1]) == []
    async with shop.services.database.write() as session:
        for carrier in ("twilio", "vonage"):
            await accounts.keep_keys_in_voice(session, carrier, "former")
    made, drifts = await plan(shop)
    assert {(kind, change) for kind, _, change in changes(drifts)} == {("stale_credential", "renew_credential")}
    assert made.changes == 4
    before = shop.seen()
    apply_id = await request_apply(shop.services, made.id, Wanted(made.checksum))
    assert (await end(shop, apply_id)).status == "done"
    assert {item.status for item in await items(shop, apply_id)} == {"done"}
    given = {
        (r["operation"], name)
        for r in shop.sandbox.requests(after=before)
        if r["method"] == "PATCH"
        for name in ("twilioAuthToken", "apiSecret")
        if name in str(r)
    }
    assert given == {("phone_numbers.update", "twilioAuthToken"), ("credentials.update", "apiSecret")}
    assert changes((await plan(shop))[1]) == []


async def test_a_keys_budget_binds_what_it_lets_a_plan_buy(shop: Desk) -> None:
    await serve(shop, 1, "twilio")
    drift(shop, "ghost")
    made, _ = await plan(shop)
    await end(shop, await request_apply(shop.services, made.id, Wanted(made.checksum)))
    scopes = frozenset({Scope.RECONCILE_APPLY, Scope.NUMBERS_READ})
    key = await create_key(shop.services, OPERATOR, WantedKey(scopes, limits=SpendingLimits(max_purchases=0)))
    before = {intent.id for intent in await shop.rows(PurchaseIntent)}
    with acting_as(Acting(ActorKind.KEY, id=key.key_id, key_id=key.key_id)):
        made, drifts = await plan(shop, buy=True)
        assert [change for _, _, change in changes(drifts)] == ["buy"]
        apply_id = await request_apply(shop.services, made.id, Wanted(made.checksum, buy=True))
        await end(shop, apply_id)
    (item,) = await items(shop, apply_id)
    assert item.status == "failed"
    assert {intent.id for intent in await shop.rows(PurchaseIntent)} == before
