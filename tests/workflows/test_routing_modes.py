"""What answers a number: the shared assistant, or our server, from its import to its end and after a change of mode."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from tests.support.desk import SECRET, Desk, Opener
from tests.support.sandbox_server import SandboxServer
from tests.support.webhook import Webhook
from tests.workflows.test_assign_number import import_number, own, shared_assistant, vapi_client
from trunkline.db.models import Repoint, Restaurant
from trunkline.db.runs import REPOINTS
from trunkline.errors import Conflict, SettingsError
from trunkline.workflows.manage_restaurant import delete_restaurant
from trunkline.workflows.release_number import request_release
from trunkline.workflows.repoint_numbers import find_drift, start_repoint
from trunkline.workflows.settle_debts import work_off

pytestmark = pytest.mark.anyio


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with Webhook() as server:
        server.answers["assistant-request"] = lambda message: (200, {"error": f"{message['phoneNumber']['number']}"})
        yield server


def at_server(open_desk: Opener, webhook: Webhook, **changes: Any) -> AbstractAsyncContextManager[Desk]:
    base = webhook.url.removesuffix("/api/vapi/server")
    return open_desk(vapi_routing="server", public_backend_url=base, **changes)


def record(sandbox: SandboxServer, number: str | None) -> dict[str, Any]:
    with vapi_client(sandbox) as client:
        (found,) = [row for row in client.get("/phone-number").json() if row.get("number") == number]
    return dict(found)


def call(sandbox: SandboxServer, number: str | None) -> dict[str, Any]:
    answer = sandbox.control.post("/calls", json={"to": number})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def until(desk: Desk, settled: Any) -> None:
    """Debts are worked off in the background."""
    for _ in range(1200):
        if not await desk.debts() and settled():
            return
        await asyncio.sleep(0.05)
    raise AssertionError([(debt.kind, debt.reason) for debt in await desk.debts()])


async def test_in_server_mode_a_bought_number_asks_our_server_and_has_no_assistant(
    open_desk: Opener, webhook: Webhook
) -> None:
    async with at_server(open_desk, webhook) as desk:
        assignment = await desk.assign()
        assert (assignment.status, assignment.source) == ("assigned", "purchased")
        assert desk.operations().count("vapi phone_numbers.update") == 0
        row = record(desk.sandbox, assignment.number)
        assert (row.get("assistantId"), row["server"]["url"]) == (None, webhook.url)
        assert call(desk.sandbox, assignment.number)["heard"] == assignment.number
        assert webhook.got[0].headers["x-vapi-secret"] == SECRET.get_secret_value()


async def test_in_assistant_mode_the_number_carries_the_assistant_and_no_server(desk: Desk) -> None:
    assignment = await desk.assign()
    row = record(desk.sandbox, assignment.number)
    assert (row["assistantId"], row.get("server")) == (shared_assistant(desk.sandbox), None)


async def test_the_webhooks_credential_is_made_once_for_many_numbers(open_desk: Opener, webhook: Webhook) -> None:
    async with at_server(open_desk, webhook) as desk:
        for name in ("Roma", "Milano"):
            assert (await desk.assign(name)).status == "assigned"
    async with at_server(open_desk, webhook) as desk:
        assert (await desk.assign("Napoli")).status == "assigned"
        with vapi_client(desk.sandbox) as client:
            kinds = [row["provider"] for row in client.get("/credential").json()]
        assert kinds.count("custom-credential") == 1


@pytest.mark.usefixtures("unhurried")
async def test_an_idle_number_is_pointed_at_our_server_with_three_requests(open_desk: Opener, webhook: Webhook) -> None:
    """And with two more looks, before and after its first mark, where it had none of ours."""
    async with at_server(open_desk, webhook) as desk:
        await desk.assign("warm up")
        own(desk.sandbox, "+14155550199")
        import_number(desk.sandbox, "+14155550199", shared_assistant(desk.sandbox))
        before = desk.seen()
        assignment = await desk.assign("second")
        assert (assignment.source, assignment.number) == ("existing", "+14155550199")
        look, change = "vapi phone_numbers.get", "vapi phone_numbers.update"
        found = ["vapi phone_numbers.list_v2", "twilio incoming_numbers.list"]
        assert desk.operations(before) == [*found, look, change, look]
        assert call(desk.sandbox, "+14155550199")["heard"] == "+14155550199"
        await delete_restaurant(desk.services, assignment.restaurant_id)
        while await desk.debts():
            await work_off(desk.services)
        before = desk.seen()
        assert (await desk.assign("third")).number == "+14155550199"
        assert desk.operations(before) == [*found, change]


async def test_without_a_credential_nothing_is_bought_and_the_step_is_named(
    open_desk: Opener, webhook: Webhook
) -> None:
    async with at_server(open_desk, webhook) as desk:
        desk.sandbox.control.put("/switches", json={"vapi_credential_endpoint": False}).raise_for_status()
        assignment = await desk.assign()
        assert (assignment.status, assignment.reason) == ("unassigned", "carrier_action_required")
        assert "VAPI_WEBHOOK_CREDENTIAL_ID" in str(assignment.hint)
        assert desk.sandbox.held("twilio") == []


@pytest.mark.parametrize("then_server", [True, False])
async def test_a_restaurants_end_detaches_its_number_also_after_a_change_of_mode(
    open_desk: Opener, webhook: Webhook, then_server: bool
) -> None:
    assistant_mode, server_mode = open_desk(), at_server(open_desk, webhook)
    first, then = (assistant_mode, server_mode) if then_server else (server_mode, assistant_mode)
    async with first as desk:
        assignment = await desk.assign()
    async with then as desk:
        await delete_restaurant(desk.services, assignment.restaurant_id)

        def detached() -> bool:
            row = record(desk.sandbox, assignment.number)
            return (row.get("assistantId"), row.get("server")) == (None, None)

        if not then_server:
            # Without PUBLIC_BACKEND_URL it is the address's path that shows whose server answers.
            assert desk.services.server_url is None
        await until(desk, detached)


@pytest.mark.parametrize("changed", [False, True])
async def test_a_number_that_asks_our_server_is_released(open_desk: Opener, webhook: Webhook, changed: bool) -> None:
    async with at_server(open_desk, webhook) as desk:
        assignment = await desk.assign()
        number = str(assignment.number)
        if not changed:
            await released(desk, number)
            return
    async with open_desk() as desk:
        await released(desk, number)


async def released(desk: Desk, number: str) -> None:
    release = await request_release(desk.services, number, give_back=True, force=True)
    await desk.wait(release)
    assert (await desk.number(number)).state == "released"
    with vapi_client(desk.sandbox) as client:
        assert client.get("/phone-number").json() == []
    assert desk.sandbox.held("twilio") == []


async def test_a_number_that_asks_somebody_elses_server_is_never_touched(open_desk: Opener, webhook: Webhook) -> None:
    async with at_server(open_desk, webhook) as desk:
        own(desk.sandbox, "+14155550199")
        voice_id = import_number(desk.sandbox, "+14155550199")
        theirs = {"url": "https://another.example.com/api/vapi/server"}
        with vapi_client(desk.sandbox) as client:
            client.patch(f"/phone-number/{voice_id}", json={"provider": "twilio", "server": theirs}).raise_for_status()
        assert (await desk.assign()).source == "purchased"
        assert record(desk.sandbox, "+14155550199")["server"] == theirs
        assert len(await desk.rows(Restaurant)) == 1


async def test_server_mode_needs_an_address(open_desk: Opener) -> None:
    with pytest.raises(SettingsError, match="PUBLIC_BACKEND_URL"):
        async with open_desk(vapi_routing="server"):
            pass


# Switching


async def repoint(desk: Desk) -> Repoint:
    """One run, after its end."""
    run_id = await start_repoint(desk.services)
    await desk.wait(run_id)
    return await repoint_row(desk, run_id)


async def repoint_row(desk: Desk, run_id: str) -> Repoint:
    async with desk.services.database.read() as session:
        return await REPOINTS.get(session, run_id)


def counts(run: Repoint) -> tuple[str, int, int, int, int]:
    return run.status, run.total, run.moved, run.left_alone, run.failed


async def test_a_change_of_mode_is_followed_by_every_number_in_service_and_back_again(
    open_desk: Opener, webhook: Webhook
) -> None:
    async with open_desk() as desk:
        taken = [(await desk.assign(name)).number for name in ("Roma", "Milano", "Napoli")]
    async with at_server(open_desk, webhook) as desk:
        drift = await find_drift(desk.services)
        assert (drift.in_service, sorted(drift.wrong)) == (3, sorted(map(str, taken)))
        assert counts(await repoint(desk)) == ("done", 3, 3, 0, 0)
        for number in taken:
            assert call(desk.sandbox, number)["heard"] == number
            assert record(desk.sandbox, number).get("assistantId") is None
        before = desk.seen()
        assert counts(await repoint(desk)) == ("done", 0, 0, 0, 0)
        assert desk.operations(before) == ["vapi assistants.list", "vapi phone_numbers.list_v2"]
    async with open_desk() as desk:
        assert counts(await repoint(desk)) == ("done", 3, 3, 0, 0)
        for number in taken:
            assert record(desk.sandbox, number)["assistantId"] == shared_assistant(desk.sandbox)


async def test_another_address_or_another_secret_is_followed(open_desk: Opener, webhook: Webhook) -> None:
    async with open_desk(vapi_routing="server", public_backend_url="https://before.example.com") as desk:
        number = (await desk.assign()).number
    async with at_server(open_desk, webhook) as desk:
        assert counts(await repoint(desk)) == ("done", 1, 1, 0, 0)
        assert call(desk.sandbox, number)["heard"] == number
    async with at_server(open_desk, webhook, vapi_secret_key="a-new-secret-of-the-tests") as desk:
        assert counts(await repoint(desk)) == ("done", 1, 1, 0, 0)
        webhook.got.clear()
        call(desk.sandbox, number)
        assert webhook.got[0].headers["x-vapi-secret"] == "a-new-secret-of-the-tests"


async def test_a_number_that_serves_somebody_else_is_left_alone_and_named_and_one_that_is_gone_comes_back(
    open_desk: Opener, webhook: Webhook
) -> None:
    async with open_desk() as desk:
        numbers = [str((await desk.assign(name)).number) for name in ("Roma", "Milano", "Napoli")]
        with vapi_client(desk.sandbox) as client:
            other = client.post("/assistant", json={"name": "Somebody else's"}).json()["id"]
            changed = client.patch(
                f"/phone-number/{record(desk.sandbox, numbers[0])['id']}", json={"assistantId": other}
            )
            changed.raise_for_status()
            client.delete(f"/phone-number/{record(desk.sandbox, numbers[1])['id']}").raise_for_status()
    async with at_server(open_desk, webhook) as desk:
        run = await repoint(desk)
        assert counts(run) == ("done", 3, 2, 1, 0)
        assert numbers[0] in str(run.message)
        assert call(desk.sandbox, numbers[1])["heard"] == numbers[1]
        assert record(desk.sandbox, numbers[0])["assistantId"] == other


async def test_a_refused_number_is_counted_and_the_others_go_on(open_desk: Opener, webhook: Webhook) -> None:
    async with open_desk() as desk:
        for name in ("Roma", "Milano", "Napoli"):
            await desk.assign(name)
    async with at_server(open_desk, webhook) as desk:
        refusal = {"message": ["server should not be"], "error": "Bad Request", "statusCode": 400}
        desk.sandbox.fault(
            provider="vapi", operation="phone_numbers.update", kind="status", status=400, body=refusal, times=1
        )
        run = await repoint(desk)
        assert counts(run) == ("done", 3, 2, 0, 1)
        assert "server should not be" in str(run.message)
        assert counts(await repoint(desk)) == ("done", 1, 1, 0, 0)


async def begun(desk: Desk) -> str:
    """A run that has moved some of its numbers and has far to go."""
    desk.sandbox.fault(provider="vapi", operation="phone_numbers.update", kind="latency", seconds=0.1)
    run_id = await start_repoint(desk.services)
    while (await repoint_row(desk, run_id)).moved < 2:
        await asyncio.sleep(0.02)
    return run_id


async def test_a_platform_that_is_down_ends_the_run_and_the_next_one_goes_on(
    open_desk: Opener, webhook: Webhook
) -> None:
    async with open_desk() as desk:
        for n in range(10):
            await desk.assign(f"Restaurant {n}")
    async with at_server(open_desk, webhook, retry_for_seconds=0.5, provider_concurrency=1) as desk:
        run_id = await begun(desk)
        desk.sandbox.fault(provider="vapi", operation="phone_numbers.update", kind="status", status=503)
        await desk.wait(run_id)
        run = await repoint_row(desk, run_id)
        assert (run.status, run.total) == ("failed", 10)
        assert 2 <= run.moved < 10
        assert "503" in str(run.message)
        desk.sandbox.control.delete("/faults")
        left = 10 - run.moved
        assert counts(await repoint(desk)) == ("done", left, left, 0, 0)


async def test_a_second_run_is_refused_while_one_runs(open_desk: Opener, webhook: Webhook) -> None:
    async with open_desk() as desk:
        await desk.assign()
    async with at_server(open_desk, webhook) as desk:
        desk.sandbox.fault(provider="vapi", operation="phone_numbers.list_v2", kind="latency", seconds=0.3)
        first = await start_repoint(desk.services)
        with pytest.raises(Conflict):
            await start_repoint(desk.services)
        await desk.wait(first)
        assert counts(await repoint_row(desk, first)) == ("done", 1, 1, 0, 0)


async def test_a_run_goes_on_after_a_restart(open_desk: Opener, webhook: Webhook) -> None:
    async with open_desk() as desk:
        for n in range(8):
            await desk.assign(f"Restaurant {n}")
    async with at_server(open_desk, webhook, provider_concurrency=2) as desk:
        run_id = await begun(desk)
        desk.sandbox.fault(provider="vapi", operation="phone_numbers.update", kind="hold")
    desk.sandbox.control.delete("/faults")
    async with at_server(open_desk, webhook) as desk:
        for _ in range(1200):
            if (await repoint_row(desk, run_id)).status != "running":
                break
            await asyncio.sleep(0.05)
        assert counts(await repoint_row(desk, run_id)) == ("done", 8, 8, 0, 0)
        assert not (await find_drift(desk.services)).wrong


async def test_a_number_that_goes_out_of_service_meanwhile_is_detached_all_the_same(
    open_desk: Opener, webhook: Webhook
) -> None:
    async with open_desk() as desk:
        assignment = await desk.assign()
    async with at_server(open_desk, webhook) as desk:
        held = desk.sandbox.fault(
            provider="vapi", operation="phone_numbers.update", kind="latency", seconds=0.4, times=1
        )
        run_id = await start_repoint(desk.services)
        while "vapi phone_numbers.update" not in desk.operations():
            await asyncio.sleep(0.02)
        await delete_restaurant(desk.services, assignment.restaurant_id)
        await desk.wait(run_id)
        assert held

        def detached() -> bool:
            return record(desk.sandbox, assignment.number).get("server") is None

        await until(desk, detached)
        assert record(desk.sandbox, assignment.number).get("assistantId") is None
