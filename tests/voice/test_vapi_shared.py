"""What all numbers share at Vapi: the assistant, and one credential for each carrier account."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from tests.support.sandbox_server import SandboxServer
from tests.voice.conftest import Build
from tests.voice.vapi_org import (
    BYO,
    NAME,
    NUMBER,
    TELNYX,
    TWILIO,
    TWILIO_KEY,
    VONAGE,
    api,
    asked,
    fault,
    hold,
    refuse,
    sent,
    switch,
)
from trunkline.carriers.base import ImportSource
from trunkline.errors import ActionRequired, Rejected, RetryLater
from trunkline.voice.base import Target, VoiceNumber
from trunkline.voice.vapi import VapiPlatform

pytestmark = pytest.mark.anyio

ALL = pytest.mark.parametrize("source", [TWILIO, TWILIO_KEY, TELNYX, VONAGE, BYO], ids=lambda s: s.provider)
NEEDED = pytest.mark.parametrize("source", [TELNYX, VONAGE, BYO], ids=lambda s: s.provider)
SETTING = {"telnyx": "TELNYX_VAPI_CREDENTIAL_ID", "vonage": "VONAGE_VAPI_CREDENTIAL_ID"}
SHARED = "Restaurant Voice Assistant"


def credentials(sandbox: SandboxServer) -> list[dict[str, Any]]:
    return list(api(sandbox, "GET", "/credential"))


# The assistant


async def test_the_assistant_is_found_by_its_exact_name_and_asked_once(
    sandbox: SandboxServer, vapi: VapiPlatform
) -> None:
    api(sandbox, "POST", "/assistant", {"name": f"{SHARED} (old)"})
    api(sandbox, "POST", "/assistant", {"name": SHARED})
    shared = [row for row in api(sandbox, "GET", "/assistant") if row["name"] == SHARED]
    sandbox.control.delete("/requests")
    found = await asyncio.gather(*(vapi.shared_assistant() for _ in range(5)))
    assert set(found) == {min(shared, key=lambda row: row["createdAt"])["id"]}
    await vapi.shared_assistant()
    assert len(sandbox.requests()) == 1


async def test_the_assistant_is_found_by_its_id(sandbox: SandboxServer, build_vapi: Build) -> None:
    other = api(sandbox, "POST", "/assistant", {"name": "another"})["id"]
    assert await build_vapi(vapi_assistant_id=other).shared_assistant() == other


@pytest.mark.parametrize(
    "changes", [{"vapi_assistant_name": "Nobody"}, {"vapi_assistant_id": "5" * 8}, {"vapi_assistant_id": "no-id"}]
)
async def test_without_an_assistant_a_person_must_act(build_vapi: Build, changes: dict[str, str]) -> None:
    with pytest.raises(ActionRequired, match="no assistant") as caught:
        await build_vapi(**changes).shared_assistant()
    assert "VAPI_ASSISTANT_" in f"{caught.value.detail} {caught.value.hint}"


async def test_an_assistant_beyond_the_first_thousand_is_found(sandbox: SandboxServer, vapi: VapiPlatform) -> None:
    newer = [{"id": f"a{i}", "name": "x", "createdAt": f"2999-01-01T00:00:00.{i:03}Z"} for i in range(1000)]
    fault(sandbox, "assistants.list", kind="status", status=200, body=newer, times=1)
    assert await vapi.shared_assistant() == api(sandbox, "GET", "/assistant")[0]["id"]


async def test_an_assistant_that_was_replaced_is_found_after_one_refusal(
    sandbox: SandboxServer, vapi: VapiPlatform
) -> None:
    hold(sandbox)
    old = await vapi.shared_assistant()
    api(sandbox, "DELETE", f"/assistant/{old}")
    new = api(sandbox, "POST", "/assistant", {"name": SHARED})["id"]
    with pytest.raises(Rejected):
        await vapi.import_number(NUMBER, TWILIO, None, Target(old), NAME)
    assert await vapi.shared_assistant() == new


async def test_an_assistant_that_was_replaced_is_found_at_once_by_who_asks_afresh(
    sandbox: SandboxServer, vapi: VapiPlatform
) -> None:
    old = await vapi.shared_assistant()
    api(sandbox, "DELETE", f"/assistant/{old}")
    with pytest.raises(ActionRequired, match="no assistant"):
        await vapi.shared_assistant(fresh=True)
    new = api(sandbox, "POST", "/assistant", {"name": SHARED})["id"]
    assert await vapi.shared_assistant() == new


async def test_an_assistant_that_was_replaced_is_found_after_a_minute(
    sandbox: SandboxServer, vapi: VapiPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trunkline.voice.vapi.ASSISTANT_AGAIN", 0.0)
    old = await vapi.shared_assistant()
    api(sandbox, "DELETE", f"/assistant/{old}")
    new = api(sandbox, "POST", "/assistant", {"name": SHARED})["id"]
    assert await vapi.shared_assistant() == new


async def test_a_connection_that_names_a_dead_assistant_makes_the_next_use_ask_again(
    sandbox: SandboxServer, vapi: VapiPlatform, imported: VoiceNumber
) -> None:
    old = await vapi.shared_assistant()
    api(sandbox, "DELETE", f"/assistant/{old}")
    new = api(sandbox, "POST", "/assistant", {"name": SHARED})["id"]
    with pytest.raises(Rejected):
        await vapi.connect(imported, Target(old))
    assert await vapi.shared_assistant() == new


@pytest.mark.parametrize("body", [{}, None, ["x"], [{"name": SHARED}]])
async def test_a_list_that_makes_no_sense_is_an_error_and_not_no_assistant(
    sandbox: SandboxServer, vapi: VapiPlatform, body: Any
) -> None:
    fault(sandbox, "assistants.list", kind="status", status=200, body=body or {"no": "list"})
    with pytest.raises(RetryLater):
        await vapi.shared_assistant()


# Credentials


@ALL
async def test_a_credential_is_created_once_and_found_by_its_account_afterwards(
    sandbox: SandboxServer, build_vapi: Build, source: ImportSource
) -> None:
    first = build_vapi()
    made = set(await asyncio.gather(*(first.credential(source) for _ in range(5))))
    assert len(made) == 1
    assert await build_vapi().credential(source) in made
    assert [row["id"] for row in credentials(sandbox)] == list(made)
    assert len(asked(sandbox, "credentials.create")) == 1
    body = sent(sandbox, "credentials.create")
    assert body["name"] == f"trunkline {source.account}"[:40]
    assert not [name for name in body if name.startswith("twilio")]


@NEEDED
async def test_a_created_credential_opens_the_carriers_account(
    sandbox: SandboxServer, vapi: VapiPlatform, source: ImportSource
) -> None:
    if source is not BYO:
        hold(sandbox, source.provider)
    credential = await vapi.credential(source)
    assistant = await vapi.shared_assistant()
    assert (await vapi.import_number(NUMBER, source, credential, Target(assistant), NAME)).ready


async def test_another_accounts_credential_is_not_taken(sandbox: SandboxServer, vapi: VapiPlatform) -> None:
    for body in (
        {"provider": "telnyx", "apiKey": "KEY-of-another", "name": "trunkline telnyx-99999999"},
        {"provider": "vonage", "apiKey": "another", "apiSecret": "s"},
        {"provider": "twilio", "accountSid": "AC" + "7" * 32},
    ):
        api(sandbox, "POST", "/credential", body)
    others = {row["id"] for row in credentials(sandbox)}
    for source in (TELNYX, VONAGE, TWILIO):
        assert await vapi.credential(source) not in others
    assert len(credentials(sandbox)) == 6


async def test_a_credential_made_by_hand_is_found_by_its_account(sandbox: SandboxServer, vapi: VapiPlatform) -> None:
    by_hand = {"provider": "vonage", "apiKey": VONAGE.account, "apiSecret": "s", "name": "our Vonage"}
    made = api(sandbox, "POST", "/credential", by_hand)["id"]
    assert await vapi.credential(VONAGE) == made


async def test_a_configured_credential_is_taken_unasked(sandbox: SandboxServer, vapi: VapiPlatform) -> None:
    assert await vapi.credential(replace(TELNYX, credential_id="by-hand")) == "by-hand"
    assert await vapi.credential(ImportSource("vapi", "vapi", {})) is None
    assert sandbox.requests() == []


async def test_without_the_endpoint_twilio_goes_on_and_is_not_asked_again(
    sandbox: SandboxServer, vapi: VapiPlatform
) -> None:
    switch(sandbox, vapi_credential_endpoint=False)
    assert [await vapi.credential(TWILIO) for _ in range(2)] == [None, None]
    assert len(sandbox.requests()) == 1


@NEEDED
async def test_without_the_endpoint_the_others_need_a_person_and_the_step_is_named(
    sandbox: SandboxServer, vapi: VapiPlatform, source: ImportSource
) -> None:
    switch(sandbox, vapi_credential_endpoint=False)
    with pytest.raises(ActionRequired) as caught:
        await vapi.credential(source)
    assert SETTING.get(source.provider, "BYO_VAPI_CREDENTIAL_ID") in str(caught.value.hint)


async def test_a_refused_credential_stops_only_those_who_need_it(sandbox: SandboxServer, vapi: VapiPlatform) -> None:
    refuse(sandbox, "credentials.create", 409, "Existing Credential 1")
    assert await vapi.credential(TWILIO) is None
    with pytest.raises(ActionRequired, match="Existing Credential"):
        await vapi.credential(TELNYX)


async def test_a_wrong_key_of_ours_is_told_even_where_the_credential_is_optional(build_vapi: Build) -> None:
    with pytest.raises(ActionRequired, match="refused our key"):
        await build_vapi(vapi_api_key="a-public-key").credential(TWILIO)


async def test_gateways_that_vapi_refuses_are_named(vapi: VapiPlatform) -> None:
    with pytest.raises(ActionRequired, match="SIP trunk") as caught:
        await vapi.credential(replace(BYO, details={"gateways": [{"ip": "sip.example.com"}]}))
    assert "BYO_GATEWAY_IPS" in str(caught.value.hint)


@pytest.mark.parametrize(
    "rule", [{"kind": "drop", "when": "after"}, {"kind": "status", "status": 502, "when": "after"}]
)
async def test_a_credential_whose_creation_lost_its_reply_is_found_on_the_next_try(
    sandbox: SandboxServer, vapi: VapiPlatform, rule: dict[str, Any]
) -> None:
    fault(sandbox, "credentials.create", times=1, **rule)
    with pytest.raises(RetryLater):
        await vapi.credential(TELNYX)
    found = await vapi.credential(TELNYX)
    assert [row["id"] for row in credentials(sandbox)] == [found]
    assert len(asked(sandbox, "credentials.create")) == 1
