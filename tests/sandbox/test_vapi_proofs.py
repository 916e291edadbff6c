"""How a server knows that a message is from the sandbox's Vapi: bearer, HMAC, static headers, the old secret."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from typing import Any

import httpx2
import pytest

from tests.sandbox.vapi_client import call, credential, number_with, refused, switch
from tests.support.sandbox_server import SandboxServer
from tests.support.webhook import Webhook


def test_a_bearer_credential_is_sent_as_its_plan_says(
    sandbox: SandboxServer, vapi: httpx2.Client, webhook: Webhook
) -> None:
    plain = {"type": "bearer", "token": "t1"}
    legacy = plain | {"headerName": "X-Vapi-Secret", "bearerPrefixEnabled": False}
    row = number_with(vapi)
    for plan, header, value in ((plain, "authorization", "Bearer t1"), (legacy, "x-vapi-secret", "t1")):
        key = credential(vapi, "custom-credential", authenticationPlan=plan)
        server = {"url": webhook.url, "credentialId": key}
        vapi.patch(f"/phone-number/{row['id']}", json={"server": server}).raise_for_status()
        call(sandbox)
        assert {got.headers.get(header) for got in webhook.got[-5:]} == {value}


@pytest.mark.parametrize(
    ("more", "payload", "header", "prefix", "decode"),
    [
        ({"algorithm": "sha256"}, "{timestamp}.{body}", "x-signature", "", bytes.fromhex),
        (
            {
                "algorithm": "sha512",
                "signatureHeader": "X-Hub",
                "signaturePrefix": "v1=",
                "signatureEncoding": "base64",
            },
            "{timestamp}.{body}",
            "x-hub",
            "v1=",
            base64.b64decode,
        ),
        ({"algorithm": "sha1", "includeTimestamp": False}, "{body}", "x-signature", "", bytes.fromhex),
        (
            {"algorithm": "sha256", "payloadFormat": "{svix-id}|{method}|{url}|{body}", "messageIdHeader": "svix-id"},
            "{svix-id}|{method}|{url}|{body}",
            "x-signature",
            "",
            bytes.fromhex,
        ),
    ],
)
def test_an_hmac_credential_signs_the_very_bytes_that_are_sent(
    sandbox: SandboxServer,
    vapi: httpx2.Client,
    webhook: Webhook,
    more: dict[str, Any],
    payload: str,
    header: str,
    prefix: str,
    decode: Any,
) -> None:
    plan = {"type": "hmac", "secretKey": "hmac-secret", **more}
    key = credential(vapi, "custom-credential", authenticationPlan=plan)
    number_with(vapi, server={"url": webhook.url, "credentialId": key})
    call(sandbox)
    assert len(webhook.got) == 5
    for got in webhook.got:
        text = payload.replace("{method}", "POST").replace("{url}", webhook.url)
        for name, sent in (("timestamp", "x-timestamp"), ("svix-id", "svix-id")):
            text = text.replace("{" + name + "}", got.headers.get(sent, ""))
        signed = text.encode().replace(b"{body}", got.body)
        expected = hmac.new(b"hmac-secret", signed, more["algorithm"]).digest()
        assert decode(got.headers[header].removeprefix(prefix)) == expected
        assert got.headers["x-vapi-secret"] == ""
        assert ("x-timestamp" in got.headers) == more.get("includeTimestamp", True)
        if "x-timestamp" in got.headers:
            assert abs(int(got.headers["x-timestamp"]) - time.time()) < 10


def test_a_base64_secret_is_decoded_before_it_signs(
    sandbox: SandboxServer, vapi: httpx2.Client, webhook: Webhook
) -> None:
    secret = base64.b64encode(b"hmac-secret").decode()
    plan = {
        "type": "hmac",
        "secretKey": secret,
        "secretIsBase64": True,
        "algorithm": "sha256",
        "includeTimestamp": False,
    }
    key = credential(vapi, "custom-credential", authenticationPlan=plan)
    number_with(vapi, server={"url": webhook.url, "credentialId": key})
    call(sandbox)
    got = webhook.got[0]
    assert got.headers["x-signature"] == hmac.new(b"hmac-secret", got.body, hashlib.sha256).hexdigest()


def test_static_headers_are_sent_and_the_inline_secret_only_by_switch(
    sandbox: SandboxServer, vapi: httpx2.Client, webhook: Webhook
) -> None:
    row = number_with(vapi, server={"url": webhook.url, "headers": {"X-Shop": "7"}})
    call(sandbox)
    assert webhook.got[0].headers["x-shop"] == "7"
    assert "x-vapi-secret" not in webhook.got[0].headers
    server = {"url": webhook.url, "secret": "inline"}
    refused(vapi.patch(f"/phone-number/{row['id']}", json={"server": server}), 400)
    switch(sandbox, vapi_legacy_server_secret=True)
    vapi.patch(f"/phone-number/{row['id']}", json={"server": server}).raise_for_status()
    call(sandbox)
    assert webhook.got[-1].headers["x-vapi-secret"] == "inline"
