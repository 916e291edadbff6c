"""The sandbox's Vapi: what it does with credentials and assistants."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.sandbox.vapi_client import (
    NUMBERS,
    ORG,
    TELNYX_KEY,
    TWILIO_SID,
    TWILIO_TOKEN,
    VONAGE_KEY,
    VONAGE_SECRET,
    client_of,
    credential,
    open_accounts,
    refused,
    switch,
)
from tests.support.sandbox_server import SandboxServer

BODIES: dict[str, dict[str, Any]] = {
    "twilio": {"accountSid": TWILIO_SID, "authToken": TWILIO_TOKEN},
    "twilio with a key": {"accountSid": TWILIO_SID, "apiKey": "SK-secret", "apiSecret": "key-secret"},
    "vonage": {"apiKey": VONAGE_KEY, "apiSecret": VONAGE_SECRET},
    "telnyx": {"apiKey": TELNYX_KEY},
    "byo-sip-trunk": {
        "gateways": [{"ip": "203.0.113.7"}],
        "outboundAuthenticationPlan": {"authUsername": "desk", "authPassword": "trunk-password"},
    },
    "custom-credential": {"authenticationPlan": {"type": "bearer", "token": "bearer-token", "headerName": "X-Shop"}},
    "custom-credential with hmac": {
        "authenticationPlan": {"type": "hmac", "secretKey": "hmac-secret", "algorithm": "sha256"}
    },
    "custom-credential with oauth2": {
        "authenticationPlan": {"type": "oauth2", "url": "https://a.test", "clientId": "c", "clientSecret": "c-secret"}
    },
}
SECRETS = (
    *(TWILIO_TOKEN, VONAGE_SECRET, TELNYX_KEY, "SK-secret", "key-secret"),
    *("trunk-password", "bearer-token", "hmac-secret", "c-secret"),
)


@pytest.fixture
def vapi(sandbox: SandboxServer) -> Iterator[httpx2.Client]:
    with client_of(sandbox) as client:
        yield client


@pytest.mark.parametrize("kind", BODIES)
def test_a_credential_is_kept_changed_and_deleted_and_its_secrets_never_come_back(
    vapi: httpx2.Client, kind: str
) -> None:
    body = {"provider": kind.split()[0], "name": "Shop", **BODIES[kind]}
    made = vapi.post("/credential", json=body)
    path = f"/credential/{made.json()['id']}"
    renamed = vapi.patch(path, json={"name": "Other shop"} | BODIES[kind])
    answers = [made, renamed, vapi.get(path), vapi.get("/credential"), vapi.delete(path)]
    assert [answer.status_code for answer in answers] == [201, 200, 200, 200, 200]
    assert made.json().items() >= {"provider": body["provider"], "name": "Shop", "orgId": ORG}.items()
    assert answers[3].json() == [answers[4].json()]
    assert renamed.json()["name"] == "Other shop"
    for answer in answers:
        assert not [secret for secret in SECRETS if secret in answer.text]
    refused(vapi.get(path), 404)


def test_what_is_not_secret_comes_back(vapi: httpx2.Client) -> None:
    trunk = vapi.post("/credential", json={"provider": "byo-sip-trunk", **BODIES["byo-sip-trunk"]}).json()
    assert trunk["gateways"] == [{"ip": "203.0.113.7"}]
    assert trunk["outboundAuthenticationPlan"] == {"authUsername": "desk"}
    custom = vapi.post("/credential", json={"provider": "custom-credential", **BODIES["custom-credential"]}).json()
    assert custom["authenticationPlan"] == {"type": "bearer", "headerName": "X-Shop"}
    vonage = vapi.post("/credential", json={"provider": "vonage", **BODIES["vonage"]}).json()
    assert vonage["apiKey"] == VONAGE_KEY


@pytest.mark.parametrize(
    ("body", "messages"),
    [
        ({"provider": "twilio"}, ["accountSid must be a string"]),
        (
            {"provider": "telnyx", "apiKey": "k", "name": "x" * 41},
            ["name must be shorter than or equal to 40 characters"],
        ),
        ({"provider": "telnyx", "apiKey": "k", "name": ""}, ["name must be longer than or equal to 1 characters"]),
        ({"provider": "vonage", "apiKey": "k"}, ["apiSecret must be a string"]),
        ({"provider": "telnyx", "apiKey": "k", "apiSecret": "s"}, ["property apiSecret should not exist"]),
        ({"provider": "byo-sip-trunk"}, ["gateways must be an array"]),
        (
            {"provider": "byo-sip-trunk", "gateways": [{"ip": "203.0.113.7", "netmask": 16}]},
            ["gateways.0.netmask must not be less than 24 or greater than 32"],
        ),
        (
            {"provider": "custom-credential", "authenticationPlan": {"type": "hmac", "secretKey": "s"}},
            [
                "authenticationPlan.algorithm must be a string",
                "authenticationPlan.algorithm must be one of the following values: sha256, sha512, sha1",
            ],
        ),
    ],
)
def test_an_invalid_credential_is_refused(vapi: httpx2.Client, body: dict[str, Any], messages: list[str]) -> None:
    assert refused(vapi.post("/credential", json=body), 400) == messages
    assert vapi.get("/credential").json() == []


def test_an_inbound_gateway_must_be_numeric_and_an_outbound_one_need_not(vapi: httpx2.Client) -> None:
    body = {"provider": "byo-sip-trunk", "gateways": [{"ip": "sip.telnyx.com"}]}
    expected = "Couldn't validate SIP trunk credential. SIP gateway creation failed."
    assert refused(vapi.post("/credential", json=body), 400) == expected
    body["gateways"] = [{"ip": "sip.telnyx.com", "inboundEnabled": False}]
    assert vapi.post("/credential", json=body).status_code == 201


def test_there_may_be_no_credential_endpoint(sandbox: SandboxServer, vapi: httpx2.Client) -> None:
    switch(sandbox, vapi_credential_endpoint=False)
    assert refused(vapi.get("/credential"), 404) == "Cannot GET /credential"
    assert refused(vapi.post("/credential", json={}), 404) == "Cannot POST /credential"


def test_a_second_credential_for_one_account_is_allowed_or_refused_as_switched(
    sandbox: SandboxServer, vapi: httpx2.Client
) -> None:
    first = credential(vapi, "twilio")
    credential(vapi, "twilio")
    switch(sandbox, vapi_credential_duplicates="refuse")
    body = {"provider": "twilio", "accountSid": TWILIO_SID}
    assert first in refused(vapi.post("/credential", json=body), 409)
    assert vapi.post("/credential", json=body | {"accountSid": "AC" + "1" * 32}).status_code == 201


def test_a_credential_in_use_is_deleted_only_when_switched_on(sandbox: SandboxServer, vapi: httpx2.Client) -> None:
    open_accounts(sandbox)
    key = credential(vapi, "telnyx")
    body = {"provider": "telnyx", "number": NUMBERS["telnyx"], "credentialId": key}
    number = vapi.post("/phone-number", json=body).json()["id"]
    assert number in refused(vapi.delete(f"/credential/{key}"), 400)
    switch(sandbox, vapi_credential_delete_in_use="allow")
    assert vapi.delete(f"/credential/{key}").status_code == 200


def test_the_shared_assistant_is_there_and_others_come_and_go(vapi: httpx2.Client) -> None:
    [shared] = vapi.get("/assistant").json()
    assert shared["name"] == "Restaurant Voice Assistant"
    other = vapi.post("/assistant", json={"name": "Other", "firstMessage": "Hello", "metadata": {"a": 1}}).json()
    changed = vapi.patch(f"/assistant/{other['id']}", json={"firstMessage": None, "name": "New"}).json()
    assert "firstMessage" not in changed
    assert [row["name"] for row in vapi.get("/assistant").json()] == ["New", "Restaurant Voice Assistant"]
    assert vapi.delete(f"/assistant/{other['id']}").json() == changed
    refused(vapi.get(f"/assistant/{other['id']}"), 404)


def test_an_assistants_name_has_at_most_forty_characters(vapi: httpx2.Client) -> None:
    messages = refused(vapi.post("/assistant", json={"name": "x" * 41}), 400)
    assert messages == ["name must be shorter than or equal to 40 characters"]
