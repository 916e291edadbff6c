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
from trunkline.db.models import Restaurant
from trunkline.errors import SettingsError
from trunkline.workflows.manage_restaurant import delete_restaurant
from trunkline.workflows.release_number import request_release

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
    for _ in range(100):
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


async def test_an_idle_number_is_pointed_at_our_server_with_two_requests(open_desk: Opener, webhook: Webhook) -> None:
    async with at_server(open_desk, webhook) as desk:
        await desk.assign("warm up")
        own(desk.sandbox, "+14155550199")
        import_number(desk.sandbox, "+14155550199", shared_assistant(desk.sandbox))
        before = desk.seen()
        assignment = await desk.assign("second")
        assert (assignment.source, assignment.number) == ("existing", "+14155550199")
        assert desk.operations(before) == ["vapi phone_numbers.list_v2", "vapi phone_numbers.update"]
        assert call(desk.sandbox, "+14155550199")["heard"] == "+14155550199"


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
    await desk.services.engine.wait(release, 10)
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
