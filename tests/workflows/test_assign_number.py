"""Every path of the chart, with what the carrier holds and who is mapped afterwards."""

from __future__ import annotations

import asyncio

import httpx2
import pytest

from tests.support.desk import Desk, Opener
from tests.support.sandbox_server import SandboxServer
from trunkline.db.models import Number
from trunkline.domain.numbers import NumberState
from trunkline.sandbox import twilio, vapi
from trunkline.workflows.manage_restaurant import delete_restaurant
from trunkline.workflows.settle_debts import work_off

pytestmark = pytest.mark.anyio

PURCHASE = [
    "find_existing",
    "check_carrier",
    "get_credential",
    "list_owned",
    "search",
    "purchase",
    "import_number",
    "assign_assistant",
    "create_mapping",
]


def vapi_client(sandbox: SandboxServer) -> httpx2.Client:
    return httpx2.Client(base_url=sandbox.url, headers={"Authorization": f"Bearer {vapi.DEFAULT_SECRET}"})


def shared_assistant(sandbox: SandboxServer) -> str:
    with vapi_client(sandbox) as client:
        return str(client.get("/assistant").json()[0]["id"])


def own(sandbox: SandboxServer, number: str, **wire: str) -> None:
    """Put a number into the Twilio account's hands."""
    data = {"carrier": "twilio", "number": number, "account": twilio.DEFAULT_ACCOUNT, "wire": wire}
    sandbox.control.post("/numbers", json=data).raise_for_status()


def import_number(sandbox: SandboxServer, number: str, assistant: str | None = None) -> str:
    body = {"provider": "twilio", "number": number, "twilioAccountSid": twilio.DEFAULT_ACCOUNT}
    body |= {"twilioAuthToken": twilio.DEFAULT_SECRET} | ({"assistantId": assistant} if assistant else {})
    with vapi_client(sandbox) as client:
        answer = client.post("/phone-number", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def set_trial(sandbox: SandboxServer, trial: bool) -> None:
    sandbox.control.put(f"/accounts/twilio/{twilio.DEFAULT_ACCOUNT}", json={"trial": trial}).raise_for_status()


async def test_a_number_is_bought_imported_connected_and_mapped(desk: Desk) -> None:
    assignment = await desk.assign()
    assert (assignment.status, assignment.source) == ("assigned", "purchased")
    assert await desk.path(assignment) == PURCHASE
    (held,) = desk.sandbox.held("twilio")
    assert held["number"] == assignment.number
    assert held["wire"]["friendly_name"].endswith(assignment.id)
    with vapi_client(desk.sandbox) as client:
        (record,) = client.get("/phone-number").json()
    assert record["number"] == assignment.number
    assert record["assistantId"] == shared_assistant(desk.sandbox)
    (mapping,) = await desk.mappings()
    assert (mapping.number, mapping.restaurant_id, mapping.active) == (
        assignment.number,
        assignment.restaurant_id,
        True,
    )
    row = await desk.number(assignment.number)
    assert (row.state, row.claimed_by, row.voice_id) == (NumberState.IN_SERVICE, None, record["id"])
    assert "1.15 USD a month" in ((await desk.details(assignment))["purchase"] or "")


async def test_sms_stays_with_the_owner_of_the_number(desk: Desk) -> None:
    assignment = await desk.assign()
    (held,) = desk.sandbox.held("twilio")
    assert "vapi" in held["wire"]["voice_url"]
    assert not held["wire"].get("sms_url")
    assert (await desk.number(assignment.number)).saved_urls is not None


@pytest.mark.usefixtures("unhurried")
async def test_purchase_path_takes_six_requests_with_the_credential_known(desk: Desk) -> None:
    await desk.assign("first")
    before = desk.seen()
    await desk.assign("second")
    assert desk.operations(before) == [
        "vapi phone_numbers.list_v2",
        "twilio incoming_numbers.list",
        "twilio available_numbers.search",
        "twilio incoming_numbers.create",
        "vapi phone_numbers.create",
        "twilio incoming_numbers.list",  # whose mark stands there now
    ]


@pytest.mark.usefixtures("unhurried")
async def test_a_number_of_ours_is_reused_with_three_requests(desk: Desk) -> None:
    first = await desk.assign()
    await delete_restaurant(desk.services, first.restaurant_id)
    while await desk.debts():
        await work_off(desk.services)
    before = desk.seen()
    assignment = await desk.assign("second")
    assert (assignment.source, assignment.number) == ("existing", first.number)
    assert desk.operations(before) == [
        "vapi phone_numbers.list_v2",
        "twilio incoming_numbers.list",  # the carrier still holds it
        "vapi phone_numbers.update",
    ]


@pytest.mark.usefixtures("unhurried")
async def test_an_idle_number_of_vapi_is_marked_and_looked_at_again(desk: Desk) -> None:
    await desk.assign("warm up")
    own(desk.sandbox, "+14155550199")
    import_number(desk.sandbox, "+14155550199")
    before = desk.seen()
    assignment = await desk.assign("second")
    assert (assignment.source, assignment.number) == ("existing", "+14155550199")
    assert await desk.path(assignment) == ["find_existing", "assign_existing"]
    assert desk.operations(before) == [
        "vapi phone_numbers.list_v2",
        "twilio incoming_numbers.list",  # the carrier still holds it
        "vapi phone_numbers.get",
        "vapi phone_numbers.update",
        "vapi phone_numbers.get",  # whose mark stands there now
    ]
    assert len(desk.sandbox.held("twilio")) == 2


async def test_a_number_that_serves_another_assistant_is_never_touched(desk: Desk) -> None:
    with vapi_client(desk.sandbox) as client:
        other = client.post("/assistant", json={"name": "Somebody else's"}).json()["id"]
    own(desk.sandbox, "+14155550199")
    import_number(desk.sandbox, "+14155550199", other)
    assignment = await desk.assign()
    assert assignment.source == "purchased"
    with vapi_client(desk.sandbox) as client:
        records = {r["number"]: r["assistantId"] for r in client.get("/phone-number").json()}
    assert records["+14155550199"] == other


async def test_an_owned_idle_number_is_used_before_one_is_bought(desk: Desk) -> None:
    own(desk.sandbox, "+14155550199")
    assignment = await desk.assign()
    assert (assignment.source, assignment.number) == ("owned", "+14155550199")
    assert await desk.path(assignment) == [
        "find_existing",
        "check_carrier",
        "get_credential",
        "list_owned",
        "use_owned",
        "import_number",
        "assign_assistant",
        "create_mapping",
    ]
    assert len(desk.sandbox.held("twilio")) == 1


@pytest.mark.parametrize(
    "wire",
    [
        {"voice_url": "https://example.com/another-product"},
        {"friendly_name": "trunkline-0badcafe-asg_0000000000000000"},
    ],
    ids=["in use", "marked by another installation"],
)
async def test_an_owned_number_that_is_not_ours_is_left_alone(desk: Desk, wire: dict[str, str]) -> None:
    own(desk.sandbox, "+14155550199", **wire)
    assignment = await desk.assign()
    assert assignment.source == "purchased"
    (left,) = [h for h in desk.sandbox.held("twilio") if h["number"] == "+14155550199"]
    assert {k: left["wire"][k] for k in wire} == wire


async def test_a_full_account_buys_each_restaurant_its_own(desk: Desk) -> None:
    first, second = await desk.assign("first"), await desk.assign("second")
    assert {first.source, second.source} == {"purchased"}
    assert first.number != second.number


async def test_force_twilio_skips_what_exists_in_vapi(desk: Desk) -> None:
    own(desk.sandbox, "+14155550199", voice_url="https://example.com/another-product")
    import_number(desk.sandbox, "+14155550199")
    assignment = await desk.assign(force_twilio=True)
    assert assignment.source == "purchased"
    assert (await desk.path(assignment))[0] == "check_carrier"


async def test_without_a_carrier_the_restaurant_exists_and_says_why_it_has_no_number(open_desk: Opener) -> None:
    async with open_desk(twilio_account_sid=None, twilio_auth_token=None) as desk:
        assignment = await desk.assign()
        assert (assignment.status, assignment.reason) == ("unassigned", "carrier_not_configured")
        assert await desk.path(assignment) == ["find_existing", "check_carrier"]
        assert assignment.hint
    async with open_desk() as desk:
        assert (await desk.again(assignment.restaurant_id)).status == "assigned"


async def test_purchase_first_buys_although_a_number_is_idle(open_desk: Opener, sandbox: SandboxServer) -> None:
    own(sandbox, "+14155550199")
    import_number(sandbox, "+14155550199")
    async with open_desk(number_strategy="purchase_first") as desk:
        assignment = await desk.assign()
        assert assignment.source == "purchased"
        assert "find_existing" not in await desk.path(assignment)


async def test_purchase_first_falls_back_to_an_idle_number_on_a_trial(
    open_desk: Opener, sandbox: SandboxServer
) -> None:
    set_trial(sandbox, True)
    own(sandbox, "+14155550199")
    import_number(sandbox, "+14155550199")
    async with open_desk(number_strategy="purchase_first") as desk:
        assignment = await desk.assign()
        assert (assignment.source, assignment.number) == ("existing", "+14155550199")


@pytest.mark.parametrize(("policy", "answering"), [("newest", "second"), ("keep", "first")])
async def test_a_trial_shares_its_one_number(open_desk: Opener, policy: str, answering: str) -> None:
    async with open_desk(trial_sharing=policy) as desk:
        set_trial(desk.sandbox, True)
        first, second = await desk.assign("first"), await desk.assign("second")
        assert (first.source, second.source) == ("purchased", "shared")
        assert first.number == second.number
        assert (await desk.path(second))[-1] == "reuse_trial_number"
        active = {m.restaurant_id: m.active for m in await desk.mappings()}
        expected = second if answering == "second" else first
        assert active == {a.restaurant_id: a is expected for a in (first, second)}
        assert len(desk.sandbox.held("twilio")) == 1


async def test_sharing_off_leaves_the_restaurant_without_a_number(open_desk: Opener) -> None:
    async with open_desk(trial_sharing="off") as desk:
        set_trial(desk.sandbox, True)
        first, second = await desk.assign("first"), await desk.assign("second")
        assert (second.status, second.reason) == ("unassigned", "trial_limit")
        (mapping,) = await desk.mappings()
        assert mapping.restaurant_id == first.restaurant_id


async def test_who_waits_in_vain_for_the_number_of_a_trial_is_told_of_the_trial(open_desk: Opener) -> None:
    async with open_desk(retry_for_seconds=0.5, activation_seconds=600) as desk:
        set_trial(desk.sandbox, True)
        desk.sandbox.control.put("/switches", json={"vapi_seconds_until_active": {"twilio": 600}}).raise_for_status()
        desk.services.trust.worked("twilio")  # else the second one buys when the first one's is in service
        first = await desk.create("first")
        while not await desk.rows(Number, Number.state == "idle", Number.claimed_by == first):
            await asyncio.sleep(0.05)
        second = await desk.assign("second")
        assert (second.status, second.reason) == ("unassigned", "trial_limit")
        assert "number is about to be put in service, and" in (second.message or "")
        assert len(desk.sandbox.held("twilio")) == 1


async def test_after_an_upgrade_the_sharer_gets_its_own_number(desk: Desk) -> None:
    set_trial(desk.sandbox, True)
    first, second = await desk.assign("first"), await desk.assign("second")
    set_trial(desk.sandbox, False)
    own_number = await desk.again(second.restaurant_id)
    assert own_number.source == "purchased"
    active = {m.restaurant_id: (m.number, m.active) for m in await desk.mappings()}
    assert active == {
        first.restaurant_id: (first.number, True),
        second.restaurant_id: (own_number.number, True),
    }


async def test_a_trial_that_must_verify_first_says_what_to_do(desk: Desk) -> None:
    desk.sandbox.fault(
        provider="twilio",
        operation="incoming_numbers.create",
        status=400,
        body={
            "code": 21404,
            "message": "Trial accounts must verify a phone number before purchasing a Twilio number.",
            "status": 400,
        },
    )
    assignment = await desk.assign()
    assert (assignment.status, assignment.reason) == ("unassigned", "carrier_action_required")
    assert "verif" in (assignment.hint or "").lower()
    assert await desk.open_intents() == []


async def test_the_next_offer_is_bought_when_the_first_is_gone(desk: Desk) -> None:
    gone = {"code": 21422, "message": "+15005550000 is not available", "status": 400}
    desk.sandbox.fault(provider="twilio", operation="incoming_numbers.create", status=400, body=gone, times=2)
    assignment = await desk.assign()
    assert assignment.status == "assigned"
    assert desk.operations().count("twilio incoming_numbers.create") == 3
    assert len(desk.sandbox.held("twilio")) == 1


async def test_a_bounded_number_of_offers_is_tried(desk: Desk) -> None:
    gone = {"code": 21422, "message": "+15005550000 is not available", "status": 400}
    desk.sandbox.fault(provider="twilio", operation="incoming_numbers.create", status=400, body=gone)
    assignment = await desk.assign()
    assert (assignment.status, assignment.reason) == ("unassigned", "no_numbers_found")
    assert desk.operations().count("twilio incoming_numbers.create") == 5


async def test_no_stock_is_said_and_a_later_try_succeeds(desk: Desk) -> None:
    desk.sandbox.control.delete("/numbers")
    assignment = await desk.assign(area_code="415")
    assert (assignment.status, assignment.reason) == ("unassigned", "no_numbers_found")
    assert "area_code 415" in (assignment.message or "")
    desk.sandbox.control.post("/numbers", json={"carrier": "twilio", "number": "+14155550123"})
    assert (await desk.again(assignment.restaurant_id, area_code="415")).number == "+14155550123"


async def test_a_number_dearer_than_the_limit_is_not_bought(open_desk: Opener) -> None:
    async with open_desk(max_monthly_price="0.50") as desk:
        assignment = await desk.assign()
        assert assignment.status == "unassigned"
        assert "MAX_MONTHLY_PRICE" in (assignment.hint or "")
        assert desk.sandbox.held("twilio") == []


async def test_a_carrier_that_is_down_is_retried_then_named(desk: Desk) -> None:
    fault = desk.sandbox.fault(provider="twilio", operation="incoming_numbers.list", status=503)
    assignment = await desk.assign()
    assert (assignment.status, assignment.reason) == ("failed", "carrier_unavailable")
    assert desk.operations().count("twilio incoming_numbers.list") > 1
    desk.sandbox.control.delete(f"/faults/{fault}")
    assert (await desk.again(assignment.restaurant_id)).status == "assigned"


async def test_a_listing_that_fails_is_never_read_as_none(desk: Desk) -> None:
    desk.sandbox.fault(provider="vapi", operation="phone_numbers.list_v2", status=502)
    assignment = await desk.assign()
    assert (assignment.status, assignment.reason) == ("failed", "voice_platform_unavailable")
    assert desk.sandbox.held("twilio") == []


async def test_a_bought_number_that_vapi_refuses_is_owed_and_used_later(desk: Desk) -> None:
    fault = desk.sandbox.fault(provider="vapi", operation="phone_numbers.create", status=503)
    assignment = await desk.assign()
    assert assignment.status == "failed"
    (debt,) = await desk.debts()
    assert debt.kind == "bought_not_imported"
    desk.sandbox.control.delete(f"/faults/{fault}")
    later = await desk.again(assignment.restaurant_id)
    assert (later.status, later.source) == ("assigned", "purchased")
    assert [h["number"] for h in desk.sandbox.held("twilio")] == [later.number]
    assert await desk.debts() == []


async def test_an_import_that_vapi_already_has_is_adopted(desk: Desk) -> None:
    own(desk.sandbox, "+14155550199")
    desk.sandbox.fault(provider="vapi", operation="phone_numbers.create", kind="drop", when="after", times=1)
    assignment = await desk.assign()
    assert (assignment.status, assignment.number) == ("assigned", "+14155550199")
    with vapi_client(desk.sandbox) as client:
        assert len(client.get("/phone-number").json()) == 1


async def test_a_number_is_in_service_only_when_vapi_has_activated_it(desk: Desk) -> None:
    switch = {"vapi_seconds_until_active": {"twilio": 0.4}}
    desk.sandbox.control.put("/switches", json=switch).raise_for_status()
    assignment = await desk.assign()
    assert assignment.status == "assigned"
    assert "vapi phone_numbers.get" in desk.operations()


async def test_criteria_are_met_by_reuse_too(desk: Desk) -> None:
    own(desk.sandbox, "+14155550199")
    import_number(desk.sandbox, "+14155550199")
    assignment = await desk.assign(area_code="212")
    assert assignment.source == "purchased"
    assert (assignment.number or "").startswith("+1212")
