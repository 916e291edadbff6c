"""The shared assistant is made or changed so that its calls reach our server, and then left as it is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.desk import SECRET, sandbox_settings
from tests.support.sandbox_server import SandboxServer
from tests.support.webhook import Webhook
from tests.workflows.test_assign_number import import_number, own, shared_assistant, vapi_client
from trunkline.bootstrap import idle_services
from trunkline.errors import ActionRequired, SettingsError
from trunkline.voice.base import Assistant
from trunkline.workflows.set_up_assistant import EVENTS, QUESTIONS, Setup, apply_setup, plan_setup

pytestmark = pytest.mark.anyio

URL = "https://trunkline.example.com/api/vapi/server"


async def plan(sandbox: SandboxServer, **changes: Any) -> Setup:
    values = {"public_backend_url": "https://trunkline.example.com/"} | changes
    async with idle_services(sandbox_settings(sandbox, "sqlite:///unused.sqlite", **values)) as services:
        return await plan_setup(services)


async def apply(sandbox: SandboxServer, **changes: Any) -> Assistant:
    values = {"public_backend_url": "https://trunkline.example.com/"} | changes
    async with idle_services(sandbox_settings(sandbox, "sqlite:///unused.sqlite", **values)) as services:
        return await apply_setup(services, await plan_setup(services))


def change(sandbox: SandboxServer, **fields: Any) -> None:
    with vapi_client(sandbox) as client:
        client.patch(f"/assistant/{shared_assistant(sandbox)}", json=fields).raise_for_status()


async def test_the_difference_is_told_and_nothing_is_done(sandbox: SandboxServer) -> None:
    setup = await plan(sandbox)
    told = {c.field: (c.before, c.after) for c in setup.changes}
    assert told["server.url"] == (None, URL)
    assert set(told) == {"server.url", "server.credentialId", "firstMessage"}
    assert not setup.creates
    assert {r["method"] for r in sandbox.requests()} == {"GET"}


async def test_afterwards_there_is_no_difference(sandbox: SandboxServer) -> None:
    done = await apply(sandbox)
    assert (done.id, done.server_url, done.server_messages) == (shared_assistant(sandbox), URL, None)
    assert (await plan(sandbox)).changes == []
    with vapi_client(sandbox) as client:
        assert len(client.get("/assistant").json()) == 1
        assert len(client.get("/credential").json()) == 1


async def test_a_call_reaches_our_server_with_our_secret(sandbox: SandboxServer) -> None:
    own(sandbox, "+14155550199")
    import_number(sandbox, "+14155550199", shared_assistant(sandbox))
    with Webhook() as webhook:
        await apply(sandbox, public_backend_url=webhook.url.removesuffix("/api/vapi/server"))
        sandbox.control.post("/calls", json={"to": "+14155550199"}).raise_for_status()
    assert webhook.kinds == ["status-update:in-progress", "tool-calls", "status-update:ended", "end-of-call-report"]
    assert {got.headers["x-vapi-secret"] for got in webhook.got} == {SECRET.get_secret_value()}


async def test_one_that_does_not_exist_is_made_under_the_configured_name(sandbox: SandboxServer) -> None:
    setup = await plan(sandbox, vapi_assistant_name="Tables", vapi_routing="server")
    assert setup.creates
    made = await apply(sandbox, vapi_assistant_name="Tables", vapi_routing="server")
    assert (made.name, made.server_url, made.server_messages) == ("Tables", URL, EVENTS + QUESTIONS)
    assert "{{restaurant_name}}" in str(made.first_message)
    assert (await plan(sandbox, vapi_assistant_name="Tables", vapi_routing="server")).changes == []


@pytest.mark.parametrize(
    ("routing", "before", "kept"),
    [
        ("server", "Welcome to {{ restaurant_name }}!", True),
        ("server", "Welcome!", True),
        ("assistant", "Welcome!", True),
        ("assistant", "Welcome to {{ restaurant_name }}!", False),
    ],
)
async def test_a_greeting_stays_unless_nobody_would_fill_it_in(
    sandbox: SandboxServer, routing: str, before: str, kept: bool
) -> None:
    change(sandbox, firstMessage=before)
    after = (await apply(sandbox, vapi_routing=routing)).first_message
    assert (after == before) is kept
    assert kept or "{{" not in str(after)


@pytest.mark.parametrize("before", [["hang", "tool-calls"], [], ["handoff-destination-request"]], ids=str)
async def test_what_our_server_needs_is_added_to_the_assistants_own_list(
    sandbox: SandboxServer, before: list[str]
) -> None:
    change(sandbox, serverMessages=before)
    after = (await apply(sandbox)).server_messages
    assert after is not None
    assert list(after[: len(before)]) == before
    assert set(after) == {*before, *EVENTS, *QUESTIONS}
    assert len(after) == len(set(after))
    assert (await plan(sandbox)).changes == []


async def test_an_assistant_without_a_list_goes_on_sending_what_vapi_chooses(sandbox: SandboxServer) -> None:
    await apply(sandbox)
    with vapi_client(sandbox) as client:
        assert "serverMessages" not in client.get(f"/assistant/{shared_assistant(sandbox)}").json()


async def test_another_secret_is_a_difference(sandbox: SandboxServer) -> None:
    before = await apply(sandbox)
    setup = await plan(sandbox, vapi_secret_key="another-secret")
    assert [c.field for c in setup.changes] == ["server.credentialId"]
    assert (await apply(sandbox, vapi_secret_key="another-secret")).server_credential_id != before.server_credential_id


async def test_what_is_missing_is_named(sandbox: SandboxServer) -> None:
    with pytest.raises(SettingsError, match="PUBLIC_BACKEND_URL"):
        await plan(sandbox, public_backend_url=None)
    sandbox.control.put("/switches", json={"vapi_credential_endpoint": False})
    with pytest.raises(ActionRequired) as caught:
        await plan(sandbox)
    assert "VAPI_WEBHOOK_CREDENTIAL_ID" in str(caught.value.hint)
    assert not (await plan(sandbox, vapi_webhook_credential_id="5a9db0c5-0000-4000-8000-000000000001")).creates
