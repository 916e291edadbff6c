"""Vapi through its adapter: list, find, connect and remove numbers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.support.sandbox_server import SandboxServer
from tests.voice.conftest import Build
from tests.voice.vapi_org import (
    NAME,
    NUMBER,
    TELNYX,
    TWILIO,
    api,
    asked,
    fault,
    hold,
    row,
    switch,
)
from trunkline.domain.numbers import E164
from trunkline.errors import (
    ActionRequired,
    Intercepted,
    Missing,
    RetryLater,
    SettingsError,
)
from trunkline.sandbox.vapi import DEFAULT_ACCOUNT
from trunkline.settings import load_settings
from trunkline.voice.base import Target, VoiceNumber
from trunkline.voice.vapi import VapiPlatform

pytestmark = pytest.mark.anyio

SERVER = "https://backend.example.com/webhooks/vapi"


def test_it_needs_a_key() -> None:
    bare = load_settings(_env_file=None, vapi_api_key=None)
    assert not VapiPlatform.configured(bare)
    with pytest.raises(SettingsError, match="VAPI_API_KEY"):
        VapiPlatform(bare)


# List and find


async def test_all_pages_are_listed(sandbox: SandboxServer, vapi: VapiPlatform) -> None:
    numbers = [f"+1415556{i:04}" for i in range(1001)]
    rows = [{"carrier": "vapi", "number": number, "account": DEFAULT_ACCOUNT} for number in numbers]
    sandbox.control.post("/numbers", json=rows).raise_for_status()
    assert [voice.number for voice in await vapi.numbers()] == numbers
    assert len(asked(sandbox, "phone_numbers.list_v2")) == 2


async def test_an_organisation_without_numbers_lists_none(vapi: VapiPlatform) -> None:
    assert await vapi.numbers() == []


def page(ids: list[str], **meta: Any) -> dict[str, Any]:
    metadata = {"itemsPerPage": 1000, "totalItems": len(ids), "currentPage": 1, "hasNextPage": False} | meta
    return {"results": [{"id": item, "provider": "twilio"} for item in ids], "metadata": metadata}


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"results": None, "metadata": {"totalItems": 0}},
        {"results": []},
        {"results": [{"provider": "twilio"}], "metadata": {"totalItems": 1, "currentPage": 1}},
        page(["a"], totalItems=2),
        page(["a", "a"]),
        page(["a"], currentPage=2),
        page([], totalItems=5, hasNextPage=True),
        page(["a"], totalItems=2, hasNextPage=True),
    ],
    ids=lambda body: str(body)[:60],
)
async def test_a_page_that_does_not_add_up_is_an_error(sandbox: SandboxServer, vapi: VapiPlatform, body: Any) -> None:
    fault(sandbox, "phone_numbers.list_v2", kind="status", status=200, body=body)
    with pytest.raises(RetryLater, match="cannot be read"):
        await vapi.numbers()


async def test_a_number_that_was_removed_between_two_pages_makes_an_error(
    sandbox: SandboxServer, vapi: VapiPlatform
) -> None:
    first = page(["a", "b"], totalItems=4, hasNextPage=True)
    second = page(["d"], totalItems=3, currentPage=2)
    fault(sandbox, "phone_numbers.list_v2", kind="status", status=200, body=first, times=1)
    fault(sandbox, "phone_numbers.list_v2", kind="status", status=200, body=second)
    with pytest.raises(RetryLater):
        await vapi.numbers()


async def test_a_number_that_was_added_between_two_pages_is_listed(sandbox: SandboxServer, vapi: VapiPlatform) -> None:
    first = page(["a", "b"], totalItems=3, hasNextPage=True)
    second = page(["c", "d"], totalItems=4, currentPage=2)
    fault(sandbox, "phone_numbers.list_v2", kind="status", status=200, body=first, times=1)
    fault(sandbox, "phone_numbers.list_v2", kind="status", status=200, body=second)
    assert [voice.id for voice in await vapi.numbers()] == ["a", "b", "c", "d"]


async def test_find_compares_exactly_and_takes_the_oldest(
    sandbox: SandboxServer, vapi: VapiPlatform, target: Target
) -> None:
    switch(sandbox, vapi_duplicate_import="second_record")
    hold(sandbox, "twilio", NUMBER, f"{NUMBER}7")
    await vapi.import_number(E164(f"{NUMBER}7"), TWILIO, None, target, NUMBER)
    oldest = await vapi.import_number(NUMBER, TWILIO, None, target, NAME)
    await vapi.import_number(NUMBER, TWILIO, None, target, NAME)
    assert await vapi.find(NUMBER) == oldest
    assert await vapi.find(E164("+14155550199")) is None


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {"status": "active", "number": NUMBER, "ready": True}),
        ({"status": "activating"}, {"status": "activating", "ready": False}),
        ({"status": "blocked"}, {"ready": False}),
        ({"status": None}, {"status": "active", "ready": True}),
        ({"number": None}, {"number": None, "ready": False}),
        ({"number": "reception"}, {"number": None, "ready": False}),
        ({"assistantId": "a", "name": "n"}, {"assistant_id": "a", "name": "n", "other_target": False}),
        ({"squadId": "s"}, {"other_target": True, "assistant_id": None}),
        ({"workflowId": "w"}, {"other_target": True}),
        ({"server": {"url": SERVER, "headers": {"x": "y"}}}, {"server_url": SERVER}),
        ({"serverUrl": "https://pbx.example/old"}, {"server_url": "https://pbx.example/old", "connected": True}),
        ({"server": {"url": SERVER}, "serverUrl": "https://pbx.example/old"}, {"server_url": SERVER}),
        ({"server": None, "serverUrl": ""}, {"server_url": None, "connected": False}),
        ({"number": "+12345678"}, {"number": "+12345678"}),
        ({"number": "+1"}, {"number": None}),
        ({"number": "+\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668"}, {"number": None}),
        ({"number": 14155550100}, {"number": None}),
        ({"number": "sip:a@sip.vapi.ai", "name": 7, "status": {}, "assistantId": 3}, {"number": None, "name": None}),
        ({"name": "a\u202eb\nc"}, {"name": "ab c"}),
        ({"provider": "new-one", "unheard": 1}, {"provider": "new-one", "ready": True}),
    ],
    ids=str,
)
async def test_a_row_is_read_leniently(
    sandbox: SandboxServer, vapi: VapiPlatform, fields: dict[str, Any], expected: dict[str, Any]
) -> None:
    body = {"id": "x", "provider": "twilio", "number": NUMBER, "status": "active"} | fields
    fault(sandbox, "phone_numbers.get", kind="status", status=200, body=body)
    voice = await vapi.get("x")
    assert {name: getattr(voice, name) for name in expected} == expected


async def test_the_organisation_is_what_any_of_its_records_says_and_asked_once(
    sandbox: SandboxServer, build_vapi: Build
) -> None:
    vapi = build_vapi()
    assert await vapi.account() == DEFAULT_ACCOUNT
    assert await vapi.account() == DEFAULT_ACCOUNT
    assert len(sandbox.requests(provider="vapi")) == 1


async def test_an_organisation_without_records_has_no_name_yet(sandbox: SandboxServer, vapi: VapiPlatform) -> None:
    for made in api(sandbox, "GET", "/assistant"):
        api(sandbox, "DELETE", f"/assistant/{made['id']}")
    assert await vapi.account() == ""
    api(sandbox, "POST", "/assistant", {"name": "the first"})
    assert await vapi.account() == DEFAULT_ACCOUNT


async def test_the_organisation_is_learnt_from_what_is_read_anyway(
    sandbox: SandboxServer, vapi: VapiPlatform, target: Target
) -> None:
    assert await vapi.account() == DEFAULT_ACCOUNT
    assert sandbox.requests(provider="vapi") == []


# Connect and remove


async def test_a_number_is_detached_and_connected_again(
    sandbox: SandboxServer, vapi: VapiPlatform, target: Target, imported: VoiceNumber
) -> None:
    switch(sandbox, vapi_patch_needs_provider=True)
    detached = await vapi.connect(imported, None, name="x" * 50)
    assert (detached.assistant_id, detached.server_url, detached.name) == (None, None, "x" * 40)
    assert "assistantId" not in row(sandbox)
    assert await vapi.connect(imported, None) == detached
    assert (await vapi.connect(detached, target)).answered_by(target)
    assert row(sandbox)["name"] == "x" * 40
    assert len(asked(sandbox, "phone_numbers.update")) == 3


async def test_our_server_answers_in_place_of_the_assistant(
    sandbox: SandboxServer, vapi: VapiPlatform, target: Target, imported: VoiceNumber
) -> None:
    ours = Target(None, SERVER)
    at_server = await vapi.connect(imported, ours)
    assert at_server.answered_by(ours)
    assert "assistantId" not in row(sandbox)
    assert (await vapi.connect(at_server, target)).answered_by(target)
    detached = await vapi.connect(at_server, None)
    assert (detached.assistant_id, detached.server_url) == (None, None)


async def test_a_change_that_vapi_echoes_without_effect_is_no_success(
    sandbox: SandboxServer, vapi: VapiPlatform, imported: VoiceNumber
) -> None:
    unchanged = row(sandbox)
    fault(sandbox, "phone_numbers.update", kind="status", status=200, body=unchanged)
    for wanted in (None, Target("another-assistant"), Target(None, SERVER)):
        with pytest.raises(RetryLater, match="has not changed"):
            await vapi.connect(imported, wanted)


async def test_what_is_gone_is_missing_to_read_or_connect_and_removed_already(
    sandbox: SandboxServer, vapi: VapiPlatform, target: Target, imported: VoiceNumber
) -> None:
    await vapi.remove(imported.id)
    assert api(sandbox, "GET", "/phone-number") == []
    assert len(sandbox.held("twilio")) == 1
    await vapi.remove(imported.id)
    with pytest.raises(Missing):
        await vapi.get(imported.id)
    with pytest.raises(Missing):
        await vapi.connect(imported, target)


async def test_a_404_that_is_not_vapis_own_does_not_count_as_gone(
    sandbox: SandboxServer, vapi: VapiPlatform, imported: VoiceNumber
) -> None:
    fault(sandbox, "phone_numbers.delete", kind="status", status=404, body=["no route"])
    with pytest.raises(Intercepted, match="no route"):
        await vapi.remove(imported.id)
    assert row(sandbox)


# Every repeatable call, under every fault

CALLS: dict[str, tuple[str, Callable[[VapiPlatform, VoiceNumber], Awaitable[Any]]]] = {
    "numbers": ("phone_numbers.list_v2", lambda vapi, voice: vapi.numbers()),
    "find": ("phone_numbers.list_v2", lambda vapi, voice: vapi.find(NUMBER)),
    "get": ("phone_numbers.get", lambda vapi, voice: vapi.get(voice.id)),
    "connect": ("phone_numbers.update", lambda vapi, voice: vapi.connect(voice, None)),
    "remove": ("phone_numbers.delete", lambda vapi, voice: vapi.remove(voice.id)),
    "assistant": ("assistants.list", lambda vapi, voice: vapi.shared_assistant()),
    "credential": ("credentials.list", lambda vapi, voice: vapi.credential(TELNYX)),
}
FAULTS: dict[str, dict[str, Any]] = {
    "429": {"kind": "status", "status": 429},
    "500": {"kind": "status", "status": 500},
    "503-after": {"kind": "status", "status": 503, "when": "after"},
    "slow": {"kind": "hold"},
    "dropped-before": {"kind": "drop"},
    "dropped-after": {"kind": "drop", "when": "after"},
}


@pytest.mark.parametrize("failure", FAULTS)
@pytest.mark.parametrize("call", CALLS)
async def test_each_call_is_retry_later_after_one_request_and_then_works(
    sandbox: SandboxServer, build_vapi: Build, imported: VoiceNumber, call: str, failure: str
) -> None:
    vapi = build_vapi()
    hasty = build_vapi(provider_timeout_seconds=0.2) if failure == "slow" else vapi
    operation, act = CALLS[call]
    fault(sandbox, operation, times=1, **FAULTS[failure])
    with pytest.raises(RetryLater) as caught:
        await act(hasty, imported)
    assert caught.value.operation == call
    assert len(asked(sandbox, operation)) == 1
    done = call == "remove" and "after" in failure
    assert len(api(sandbox, "GET", "/phone-number")) == (0 if done else 1)
    await act(vapi, imported)
    assert len(asked(sandbox, operation)) == 2


async def test_a_wrong_key_needs_a_person(build_vapi: Build) -> None:
    vapi = build_vapi(vapi_api_key="a-public-key")
    with pytest.raises(ActionRequired, match="Hot tip") as caught:
        await vapi.numbers()
    assert "VAPI_API_KEY" in str(caught.value.hint)
