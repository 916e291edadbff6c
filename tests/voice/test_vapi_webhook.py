"""How Vapi reaches our server: the webhook's credential, and the shared assistant's address of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.support.sandbox_server import SandboxServer
from tests.support.webhook import Webhook
from tests.voice.conftest import Build
from tests.voice.vapi_org import NAME, NUMBER, TWILIO, api, asked, fault, hold, sent, switch
from trunkline.errors import ActionRequired, OutcomeUnknown, RetryLater
from trunkline.voice.base import Assistant, Target
from trunkline.voice.vapi import VapiPlatform

pytestmark = pytest.mark.anyio

SECRET = "the-webhooks-own-secret"
URL = "https://trunkline.example.com/api/vapi/server"
WISH = Assistant(None, "Restaurant Voice Assistant", "Hello from {{restaurant_name}}", URL, None, ("tool-calls",))


@pytest.fixture
def vapi(build_vapi: Build) -> VapiPlatform:
    return build_vapi(vapi_secret_key=SECRET)


async def test_the_webhooks_credential_is_made_once_and_found_afterwards(
    sandbox: SandboxServer, vapi: VapiPlatform, build_vapi: Build
) -> None:
    made = set(await asyncio.gather(*(vapi.webhook_credential() for _ in range(5))))
    assert made == {await build_vapi(vapi_secret_key=SECRET).webhook_credential()}
    body = sent(sandbox, "credentials.create")
    assert body["provider"] == "custom-credential"
    assert len(body["name"]) <= 40
    assert SECRET not in body["name"]


async def test_another_secret_has_another_credential(
    sandbox: SandboxServer, vapi: VapiPlatform, build_vapi: Build
) -> None:
    first = await vapi.webhook_credential()
    assert await build_vapi(vapi_secret_key="the-secret-of-another").webhook_credential() != first
    assert len(asked(sandbox, "credentials.create")) == 2


async def test_a_number_with_the_credential_sends_our_secret(sandbox: SandboxServer, vapi: VapiPlatform) -> None:
    hold(sandbox)
    credential = await vapi.webhook_credential()
    with Webhook() as webhook:
        webhook.answers["assistant-request"] = (200, {"error": "closed"})
        target = Target(server_url=webhook.url, server_credential_id=credential)
        voice = await vapi.import_number(NUMBER, TWILIO, None, target, NAME)
        call = sandbox.control.post("/calls", json={"to": NUMBER}).json()
    assert voice.answered_by(target)
    assert not voice.answered_by(replace(target, server_credential_id="another"))
    assert not voice.answered_by(Target(await vapi.shared_assistant()))
    assert call["heard"] == "closed"
    assert {got.headers["x-vapi-secret"] for got in webhook.got} == {SECRET}
    assert "authorization" not in webhook.got[0].headers


async def test_without_the_endpoint_a_person_makes_the_credential_and_the_step_is_named(
    sandbox: SandboxServer, vapi: VapiPlatform, build_vapi: Build
) -> None:
    switch(sandbox, vapi_credential_endpoint=False)
    with pytest.raises(ActionRequired) as caught:
        await vapi.webhook_credential()
    for part in ("X-Vapi-Secret", "VAPI_SECRET_KEY", "VAPI_WEBHOOK_CREDENTIAL_ID"):
        assert part in str(caught.value.hint)
    by_hand = build_vapi(vapi_secret_key=SECRET, vapi_webhook_credential_id="by-hand")
    assert await by_hand.webhook_credential() == "by-hand"


async def test_a_webhook_credential_whose_creation_lost_its_reply_is_found_on_the_next_try(
    sandbox: SandboxServer, vapi: VapiPlatform
) -> None:
    fault(sandbox, "credentials.create", kind="drop", when="after", times=1)
    with pytest.raises(RetryLater):
        await vapi.webhook_credential()
    assert [row["id"] for row in api(sandbox, "GET", "/credential")] == [await vapi.webhook_credential()]


async def test_a_wrong_key_is_told_and_not_a_credential_made_by_hand(build_vapi: Build) -> None:
    with pytest.raises(ActionRequired) as caught:
        await build_vapi(vapi_secret_key=SECRET, vapi_api_key="a-public-key").webhook_credential()
    assert "VAPI_API_KEY" in str(caught.value.hint)


async def test_an_assistant_is_made_with_a_tool_that_asks_us(sandbox: SandboxServer, build_vapi: Build) -> None:
    vapi = build_vapi(vapi_assistant_name="Another", vapi_secret_key=SECRET)
    assert await vapi.assistant() is None
    made = await vapi.save_assistant(
        replace(WISH, name="Another", server_credential_id=await vapi.webhook_credential())
    )
    assert made == await vapi.assistant()
    assert (made.server_url, made.first_message, made.server_messages) == (URL, WISH.first_message, ("tool-calls",))
    row = api(sandbox, "GET", f"/assistant/{made.id}")
    assert row["model"]["tools"][0]["function"]["name"] == "get_restaurant"
    assert await vapi.shared_assistant() == made.id


async def test_a_change_leaves_the_rest_of_the_assistant_alone(sandbox: SandboxServer, vapi: VapiPlatform) -> None:
    before = await vapi.assistant()
    assert before is not None
    row = api(sandbox, "GET", f"/assistant/{before.id}")
    after = await vapi.save_assistant(replace(before, server_url=URL))
    assert after == replace(before, server_url=URL)
    now = api(sandbox, "GET", f"/assistant/{before.id}")
    assert {key for key in now if now[key] != row.get(key)} == {"server", "updatedAt"}


async def test_a_lost_reply_to_a_creation_is_told(sandbox: SandboxServer, build_vapi: Build) -> None:
    vapi = build_vapi(vapi_assistant_name="Another")
    fault(sandbox, "assistants.create", kind="drop", when="after", times=1)
    with pytest.raises(OutcomeUnknown):
        await vapi.save_assistant(replace(WISH, name="Another"))
    assert await vapi.assistant() is not None
    assert len(asked(sandbox, "assistants.create")) == 1
