"""Importing a number into Vapi: one request, connected, for every carrier; duplicates, refusals and lost replies."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.support.sandbox_server import SandboxServer
from tests.voice.conftest import Build
from tests.voice.vapi_org import (
    BYO,
    NAME,
    NUMBER,
    SECRETS,
    TELNYX,
    TWILIO,
    TWILIO_KEY,
    VONAGE,
    api,
    asked,
    fault,
    hold,
    refuse,
    row,
    sent,
    switch,
)
from trunkline.carriers.base import ImportSource
from trunkline.errors import (
    ActionRequired,
    AlreadyThere,
    Missing,
    OutcomeUnknown,
    ProviderError,
    Rejected,
    RetryLater,
)
from trunkline.voice.base import Target, VoiceNumber
from trunkline.voice.vapi import VapiPlatform

pytestmark = pytest.mark.anyio

SERVER = "https://backend.example.com/webhooks/vapi"


async def test_a_twilio_import_is_one_request_that_connects_and_leaves_texts_alone(
    sandbox: SandboxServer, vapi: VapiPlatform, target: Target
) -> None:
    hold(sandbox)
    voice = await vapi.import_number(NUMBER, TWILIO, "unused", target, "n" * 60)
    assert (voice.number, voice.assistant_id, voice.ready) == (NUMBER, target.assistant_id, True)
    assert len(sandbox.requests()) == 1
    body = sent(sandbox, "phone_numbers.create")
    assert body.pop("twilioAuthToken") == "***"
    assert body == {
        "provider": "twilio",
        "number": NUMBER,
        "name": "n" * 40,
        "twilioAccountSid": TWILIO.account,
        "smsEnabled": False,
        "assistantId": target.assistant_id,
    }
    wire = sandbox.held("twilio")[0]["wire"]
    assert (wire["voice_url"], wire["sms_url"]) == ("https://api.vapi.ai/twilio/inbound_call", "")


async def test_texts_go_to_vapi_where_that_is_wanted(
    sandbox: SandboxServer, vapi: VapiPlatform, target: Target
) -> None:
    hold(sandbox)
    await vapi.import_number(NUMBER, replace(TWILIO, sms_enabled=True), None, target, NAME)
    assert sandbox.held("twilio")[0]["wire"]["sms_url"] == "https://api.vapi.ai/twilio/sms"


async def test_an_import_with_an_api_key(sandbox: SandboxServer, vapi: VapiPlatform, target: Target) -> None:
    hold(sandbox)
    assert (await vapi.import_number(NUMBER, TWILIO_KEY, None, target, NAME)).ready


@pytest.mark.parametrize("source", [TELNYX, VONAGE, BYO], ids=lambda source: source.provider)
async def test_other_carriers_are_imported_by_their_credential(
    sandbox: SandboxServer, vapi: VapiPlatform, target: Target, source: ImportSource
) -> None:
    if source is not BYO:
        hold(sandbox, source.provider)
    credential = await vapi.credential(source)
    voice = await vapi.import_number(NUMBER, source, credential, target, NAME)
    assert (voice.number, voice.provider, voice.ready) == (NUMBER, source.provider, True)
    assert sent(sandbox, "phone_numbers.create") == {
        "provider": source.provider,
        "number": NUMBER,
        "name": NAME,
        "credentialId": credential,
        "assistantId": target.assistant_id,
    }


async def test_vapis_applications_at_carriers_are_known_also_of_a_credential_that_was_just_made(
    sandbox: SandboxServer, vapi: VapiPlatform
) -> None:
    assert await vapi.applications() == frozenset()
    await vapi.credential(TELNYX)
    await vapi.credential(VONAGE)
    made = {r["provider"]: r for r in api(sandbox, "GET", "/credential")}
    ids = {made["telnyx"]["telnyxApplicationId"], made["vonage"]["vonageApplicationId"]}
    assert await vapi.applications() == frozenset(ids)
    assert await vapi.applications() == frozenset(ids)
    assert len(asked(sandbox, "credentials.list")) == 2 + 2 + 1  # ours twice, for a credential each, the test's


async def test_applications_that_vapi_does_not_show_are_unknown_and_not_none(
    sandbox: SandboxServer, build_vapi: Build
) -> None:
    refuse(sandbox, "credentials.list", 404, "Cannot GET /credential", times=1)
    assert await build_vapi().applications() is None
    refuse(sandbox, "credentials.list", 401, "Invalid Key.")
    with pytest.raises(ActionRequired):
        await build_vapi().applications()


async def test_vapis_own_numbers_are_there_already(sandbox: SandboxServer, vapi: VapiPlatform) -> None:
    with pytest.raises(AlreadyThere):
        await vapi.import_number(NUMBER, ImportSource("vapi", "vapi", {}), None, Target("a"), NAME)
    assert sandbox.requests() == []


async def test_an_import_may_point_at_our_server(sandbox: SandboxServer, vapi: VapiPlatform) -> None:
    hold(sandbox)
    credential = await vapi.credential(BYO)
    voice = await vapi.import_number(NUMBER, TWILIO, None, Target(None, SERVER, credential), NAME)
    assert (voice.assistant_id, voice.server_url) == (None, SERVER)
    assert row(sandbox)["server"] == {"url": SERVER, "credentialId": credential}


@pytest.mark.parametrize("mode", ["existing", "conflict", "already_exists"])
async def test_a_second_import_says_that_the_number_is_there(
    sandbox: SandboxServer, vapi: VapiPlatform, target: Target, imported: VoiceNumber, mode: str
) -> None:
    switch(sandbox, vapi_duplicate_import=mode)
    with pytest.raises(AlreadyThere):
        await vapi.import_number(NUMBER, TWILIO, None, target, NAME)
    assert await vapi.find(NUMBER) == imported


@pytest.mark.parametrize("source", [TWILIO, TELNYX, VONAGE], ids=lambda source: source.provider)
async def test_a_number_that_its_carrier_does_not_show_yet_is_tried_again_later(
    sandbox: SandboxServer, vapi: VapiPlatform, target: Target, source: ImportSource
) -> None:
    credential = await vapi.credential(source)
    with pytest.raises(RetryLater):
        await vapi.import_number(NUMBER, source, credential, target, NAME)
    assert len(asked(sandbox, "phone_numbers.create")) == 1
    hold(sandbox, source.provider)
    assert (await vapi.import_number(NUMBER, source, credential, target, NAME)).ready


async def test_a_wrong_carrier_key_in_the_credential_needs_a_person(
    sandbox: SandboxServer, vapi: VapiPlatform, target: Target
) -> None:
    wrong = api(sandbox, "POST", "/credential", {"provider": "telnyx", "apiKey": "KEY-of-nobody"})["id"]
    hold(sandbox, "telnyx")
    with pytest.raises(ActionRequired, match="refused Vapi") as caught:
        await vapi.import_number(NUMBER, TELNYX, wrong, target, NAME)
    assert "credential" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [
        (400, ["number must be a valid phone number in the E.164 format."], Rejected),
        (400, "credentialId must be a UUID", Rejected),
        (401, "Invalid Key. Hot tip, you may be using the private key instead of the public key.", ActionRequired),
        (402, "A payment method is required.", ActionRequired),
        (403, "Forbidden", ActionRequired),
        (404, "Not Found", Missing),
        (429, "Rate limit exceeded", RetryLater),
    ],
)
async def test_each_refusal_of_an_import_says_what_to_do_next(
    sandbox: SandboxServer, vapi: VapiPlatform, status: int, message: Any, expected: type[ProviderError]
) -> None:
    refuse(sandbox, "phone_numbers.create", status, message)
    with pytest.raises(ProviderError) as caught:
        await vapi.import_number(NUMBER, TWILIO, None, Target("a"), NAME)
    assert type(caught.value) is expected
    assert (caught.value.hint is not None) == (expected is ActionRequired)
    assert len(sandbox.requests()) == 1


LOST: dict[str, tuple[dict[str, Any], bool]] = {
    "500-before": ({"kind": "status", "status": 500}, False),
    "502-after": ({"kind": "status", "status": 502, "when": "after"}, True),
    "dropped-before": ({"kind": "drop"}, False),
    "dropped-after": ({"kind": "drop", "when": "after"}, True),
    "slow-before": ({"kind": "hold"}, False),
    "slow-after": ({"kind": "hold", "when": "after"}, True),
    "unreadable": ({"kind": "status", "status": 201, "body": {"number": NUMBER}, "when": "after"}, True),
    "another number": ({"kind": "status", "status": 201, "body": {"id": "x", "number": "+1"}, "when": "after"}, True),
}


@pytest.mark.parametrize("failure", LOST)
async def test_a_lost_import_is_outcome_unknown_and_find_shows_the_truth(
    sandbox: SandboxServer, build_vapi: Build, vapi: VapiPlatform, target: Target, failure: str
) -> None:
    rule, was_done = LOST[failure]
    hasty = build_vapi(provider_timeout_seconds=0.2) if rule["kind"] == "hold" else vapi
    hold(sandbox)
    fault(sandbox, "phone_numbers.create", **rule)
    with pytest.raises(OutcomeUnknown):
        await hasty.import_number(NUMBER, TWILIO, None, target, NAME)
    assert len(asked(sandbox, "phone_numbers.create")) == 1
    found = await vapi.find(NUMBER)
    assert (found is not None) == was_done
    assert found is None or found.answered_by(target)


async def test_carrier_secrets_in_vapis_rows_go_no_further(
    sandbox: SandboxServer, vapi: VapiPlatform, target: Target
) -> None:
    switch(sandbox, vapi_returns_twilio_secrets=True)
    hold(sandbox)
    with capture_logs() as lines:
        voice = await vapi.import_number(NUMBER, TWILIO, None, target, NAME)
        seen = [voice, *await vapi.numbers(), await vapi.get(voice.id), await vapi.connect(voice, None)]
        refuse(sandbox, "phone_numbers.create", 400, f"no account opens with {SECRETS[0]}")
        with pytest.raises(Rejected) as caught:
            await vapi.import_number(NUMBER, TWILIO, None, target, NAME)
    assert row(sandbox)["twilioAuthToken"] == SECRETS[0]
    assert len(lines) == 5
    assert not [secret for secret in SECRETS if secret in f"{seen}{lines}{caught.value.detail}"]
