"""The official Vapi SDK and the official documents judge the sandbox's phone numbers and credentials."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import httpx2
import pytest
from vapi import AsyncVapi, Vapi
from vapi.core.api_error import ApiError
from vapi.phone_numbers import (
    CreatePhoneNumbersRequest_ByoPhoneNumber,
    CreatePhoneNumbersRequest_Telnyx,
    CreatePhoneNumbersRequest_Twilio,
    CreatePhoneNumbersRequest_Vapi,
    CreatePhoneNumbersRequest_Vonage,
    UpdatePhoneNumbersRequestBody_ByoPhoneNumber,
    UpdatePhoneNumbersRequestBody_Telnyx,
    UpdatePhoneNumbersRequestBody_Twilio,
    UpdatePhoneNumbersRequestBody_Vapi,
    UpdatePhoneNumbersRequestBody_Vonage,
)

from tests.sandbox.vapi_client import (
    NUMBERS,
    ORG,
    TELNYX_KEY,
    TWILIO_SID,
    TWILIO_TOKEN,
    VONAGE_KEY,
    VONAGE_SECRET,
    client_of,
    corrected,
    credential,
    open_accounts,
    switch,
    wire,
)
from tests.support import specs
from tests.support.sandbox_server import SandboxServer
from trunkline.sandbox.vapi import DEFAULT_SECRET

PHONE_NUMBERS = "vapi-openapi-phone-number.json"
CURRENT = "vapi-openapi-trimmed.json"
LEGACY = "vapi-openapi-legacy-credential-2024-12-10.json"
ONCE: Any = {"max_retries": 0}
CREDENTIALS = ("TwilioCredential", "VonageCredential", "ByoSipTrunkCredential", "CustomCredential")
PLANS = ("BearerAuthenticationPlan", "HMACAuthenticationPlan", "OAuth2AuthenticationPlan")


def without_secrets(document: dict[str, Any]) -> None:
    """The documents require fields of which they say themselves that they are not returned."""
    schemas = document["components"]["schemas"]
    for name in (*CREDENTIALS, *PLANS):
        schema = schemas.get(name, {})
        hidden = {
            key
            for key, value in schema.get("properties", {}).items()
            if "not returned" in value.get("description", "") or key in ("token", "secretKey", "clientSecret")
        }
        schema["required"] = [key for key in schema.get("required", []) if key not in hidden]


def with_credential_paths(document: dict[str, Any]) -> None:
    """The current document has the credentials' schemas but no path: put them at the old document's paths."""
    without_secrets(document)
    one = {"oneOf": [{"$ref": f"#/components/schemas/{name}"} for name in CREDENTIALS]}
    many = {"type": "array", "items": one}

    def answers(status: str, schema: dict[str, Any]) -> dict[str, Any]:
        return {"responses": {status: {"content": {"application/json": {"schema": schema}}}}}

    document["paths"] = {
        "/credential": {"post": answers("201", one), "get": answers("200", many)},
        "/credential/{id}": {method: answers("200", one) for method in ("get", "patch", "delete")},
    }


@pytest.fixture
def recorder() -> specs.Recorder:
    return specs.Recorder(*([specs.load(PHONE_NUMBERS, closed=True)] if specs.present(PHONE_NUMBERS) else []))


@pytest.fixture
def sdk(sandbox: SandboxServer, recorder: specs.Recorder) -> Iterator[Vapi]:
    open_accounts(sandbox)
    with httpx.Client(timeout=60, event_hooks={"response": [recorder]}) as http:
        yield Vapi(token=DEFAULT_SECRET, base_url=sandbox.url, httpx_client=http)


@pytest.fixture
def plain(sandbox: SandboxServer) -> Iterator[httpx2.Client]:
    with client_of(sandbox) as client:
        yield client


def requests_for(plain: httpx2.Client) -> dict[str, tuple[Any, type[Any]]]:
    """A create request for each provider, and the class of its update."""
    trunk, telnyx, vonage = (credential(plain, name) for name in ("byo-sip-trunk", "telnyx", "vonage"))
    return {
        "twilio": (
            CreatePhoneNumbersRequest_Twilio(
                number=NUMBERS["twilio"],
                twilio_account_sid=TWILIO_SID,
                twilio_auth_token=TWILIO_TOKEN,
                sms_enabled=False,
                name="twilio",
            ),
            UpdatePhoneNumbersRequestBody_Twilio,
        ),
        "telnyx": (
            CreatePhoneNumbersRequest_Telnyx(number=NUMBERS["telnyx"], credential_id=telnyx),
            UpdatePhoneNumbersRequestBody_Telnyx,
        ),
        "vonage": (
            CreatePhoneNumbersRequest_Vonage(number=NUMBERS["vonage"], credential_id=vonage),
            UpdatePhoneNumbersRequestBody_Vonage,
        ),
        "vapi": (
            CreatePhoneNumbersRequest_Vapi(number_desired_area_code="415"),
            UpdatePhoneNumbersRequestBody_Vapi,
        ),
        "byo-phone-number": (
            CreatePhoneNumbersRequest_ByoPhoneNumber(
                number="desk7", number_e_164_check_enabled=False, credential_id=trunk
            ),
            UpdatePhoneNumbersRequestBody_ByoPhoneNumber,
        ),
    }


def test_the_sdk_drives_every_phone_number_operation_for_every_provider(
    sandbox: SandboxServer, sdk: Vapi, plain: httpx2.Client, recorder: specs.Recorder
) -> None:
    switch(sandbox, vapi_seconds_until_active={"vapi": 0.01})
    assistant = plain.get("/assistant").json()[0]["id"]
    destination = {"type": "number", "number": "+14155550100"}
    for provider, (request, update) in requests_for(plain).items():
        created = sdk.phone_numbers.create(request=request, request_options=ONCE)
        assert (created.provider, created.org_id) == (provider, ORG)
        changes = {"name": f"{provider} 2", "assistant_id": assistant, "fallback_destination": destination}
        changed = sdk.phone_numbers.update(created.id, request=update(**changes), request_options=ONCE)
        assert (changed.name, changed.assistant_id) == (f"{provider} 2", assistant)
        cleared = sdk.phone_numbers.update(created.id, request=update(assistant_id=None), request_options=ONCE)
        assert cleared.assistant_id is None
    time.sleep(0.02)
    rows = sdk.phone_numbers.list(request_options=ONCE)
    assert {row.provider for row in rows} == set(requests_for(plain))
    assert {row.status for row in rows} == {"active"}
    page = sdk.phone_numbers.phone_number_controller_find_all_paginated(
        search="TELNYX", page=1, limit=2, sort_order="ASC", sort_by="createdAt", request_options=ONCE
    )
    assert [row.number for row in page.results] == [NUMBERS["telnyx"]]
    assert (page.metadata.total_items, page.metadata.has_next_page) == (1, False)
    for row in rows:
        assert sdk.phone_numbers.get(row.id, request_options=ONCE).model_dump() == row.model_dump()
        assert sdk.phone_numbers.delete(row.id, request_options=ONCE).id == row.id
    assert sdk.phone_numbers.list(request_options=ONCE) == []
    assert all(recorder.seen == spec.operations() for spec in recorder.specs)


def test_the_sdk_filters_lists_by_every_date(sdk: Vapi, plain: httpx2.Client) -> None:
    request, _ = requests_for(plain)["twilio"]
    created = sdk.phone_numbers.create(request=request, request_options=ONCE)
    before, after = (datetime.now(UTC) + timedelta(hours=hours) for hours in (-1, 1))
    for name in ("created_at", "updated_at"):
        inside: dict[str, Any] = {f"{name}_gt": before, f"{name}_ge": before, f"{name}_lt": after, f"{name}_le": after}
        assert [row.id for row in sdk.phone_numbers.list(limit=1000, **inside, request_options=ONCE)] == [created.id]
        paginated = sdk.phone_numbers.phone_number_controller_find_all_paginated
        assert len(paginated(**inside, request_options=ONCE).results) == 1
        for limit, value in (("gt", after), ("ge", after), ("lt", before), ("le", before)):
            outside: dict[str, Any] = {f"{name}_{limit}": value}
            assert sdk.phone_numbers.list(**outside, request_options=ONCE) == []


def test_the_sdk_reports_refusals_with_status_and_body(sdk: Vapi) -> None:
    request = CreatePhoneNumbersRequest_Twilio(number="+14155550199", twilio_account_sid=TWILIO_SID, name="n")
    with pytest.raises(ApiError) as caught:
        sdk.phone_numbers.create(request=request, request_options=ONCE)
    expected = {"message": "Number Not Found on Twilio", "error": "Bad Request", "statusCode": 400}
    assert (caught.value.status_code, caught.value.body) == (400, expected)


@pytest.mark.anyio
async def test_the_async_sdk_imports_and_lists(sandbox: SandboxServer, recorder: specs.Recorder) -> None:
    open_accounts(sandbox)
    async with httpx.AsyncClient(timeout=60, event_hooks={"response": [recorder.asynchronous]}) as http:
        sdk = AsyncVapi(token=DEFAULT_SECRET, base_url=sandbox.url, httpx_client=http)
        request = CreatePhoneNumbersRequest_Twilio(
            number=NUMBERS["twilio"], twilio_account_sid=TWILIO_SID, twilio_auth_token=TWILIO_TOKEN
        )
        created = await sdk.phone_numbers.create(request=request, request_options=ONCE)
        assert [row.id for row in await sdk.phone_numbers.list(request_options=ONCE)] == [created.id]
    assert wire(sandbox, "twilio", NUMBERS["twilio"])["voice_url"] == "https://api.vapi.ai/twilio/inbound_call"


def test_answers_in_every_state_fit_the_document(sandbox: SandboxServer) -> None:
    recorder = specs.Recorder(specs.load(PHONE_NUMBERS, closed=True))
    open_accounts(sandbox)
    with client_of(sandbox) as vapi:
        vapi.event_hooks = {"response": [recorder]}
        switch(sandbox, vapi_seconds_until_active={"vapi": 60}, vapi_blocked_numbers=[NUMBERS["twilio"]])
        free = {"provider": "vapi", "numberDesiredAreaCode": "206"}
        login = {"realm": "sip.vapi.ai", "username": "u" * 20, "password": "p" * 20}
        sip = {"provider": "vapi", "sipUri": "sip:a@sip.vapi.ai", "authentication": login}
        hook = {"on": "call.ringing", "do": [{"type": "say", "exact": "We are closed."}]}
        server = {"url": "https://example.com/api/vapi/server", "headers": {"X-Shop": "1"}, "timeoutSeconds": 20}
        twilio = {"provider": "twilio", "twilioAccountSid": TWILIO_SID, "twilioAuthToken": TWILIO_TOKEN}
        more = {"number": NUMBERS["twilio"], "server": server, "hooks": [hook]}
        statuses = [vapi.post("/phone-number", json=body).json()["status"] for body in (free, sip, twilio | more)]
        assert statuses == ["activating", "activating", "blocked"]
        assert len(vapi.get("/phone-number").json()) == 3
        assert len(vapi.get("/v2/phone-number").json()["results"]) == 3


@pytest.mark.parametrize(("document", "patch"), [(LEGACY, without_secrets), (CURRENT, with_credential_paths)])
def test_credential_answers_fit_the_old_path_and_the_current_schemas(
    sandbox: SandboxServer, plain: httpx2.Client, document: str, patch: specs.Patch
) -> None:
    recorder = specs.Recorder(specs.load(document, closed=True, patch=patch))
    plain.event_hooks = {"response": [recorder]}
    plan = {"type": "hmac", "secretKey": "s", "algorithm": "sha256", "signatureHeader": "x-signature"}
    bodies: list[dict[str, Any]] = [
        {"provider": "twilio", "accountSid": TWILIO_SID, "authToken": TWILIO_TOKEN, "name": "t"},
        {"provider": "vonage", "apiKey": VONAGE_KEY, "apiSecret": VONAGE_SECRET},
        {"provider": "byo-sip-trunk", "gateways": [{"ip": "203.0.113.7", "netmask": 30, "outboundProtocol": "tls"}]},
    ]
    if document == CURRENT:
        bodies += [
            {"provider": "custom-credential", "authenticationPlan": plan},
            {"provider": "custom-credential", "authenticationPlan": {"type": "bearer", "token": "b"}},
        ]
    for body in bodies:
        made = plain.post("/credential", json=body).json()
        assert made["provider"] == body["provider"]
        if document == CURRENT:
            assert plain.patch(f"/credential/{made['id']}", json={"name": "renamed"}).json()["name"] == "renamed"
        assert plain.get(f"/credential/{made['id']}").json()["id"] == made["id"]
    assert len(plain.get("/credential").json()) == len(bodies)
    for made in plain.get("/credential").json():
        assert plain.delete(f"/credential/{made['id']}").json() == made
    [spec] = recorder.specs
    assert recorder.seen == {name for name in spec.operations() if "/credential" in name}
    assert TELNYX_KEY not in str(sandbox.requests())


def test_assistant_answers_fit_the_document(plain: httpx2.Client) -> None:
    recorder = specs.Recorder(specs.load(CURRENT, closed=True, patch=corrected))
    plain.event_hooks = {"response": [recorder]}
    made = plain.post("/assistant", json={"name": "Other", "metadata": {"shop": 1}}).json()
    path = f"/assistant/{made['id']}"
    plain.patch(path, json={"firstMessage": "Hello", "server": {"url": "https://example.com/api/vapi/server"}})
    assert [plain.get(path).json()["id"], plain.delete(path).json()["id"]] == [made["id"]] * 2
    assert len(plain.get("/assistant").json()) == 1
    [spec] = recorder.specs
    assert recorder.seen == {name for name in spec.operations() if "/assistant" in name}
