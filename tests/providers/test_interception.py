"""What answers in a provider's place is named as what it is, and is never taken for the provider's word."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.support.certificates import make_certificate
from tests.support.raw_server import RawServer, raw_server
from trunkline.errors import (
    ActionRequired,
    Intercepted,
    Missing,
    OutcomeUnknown,
    ProviderError,
    Rejected,
    RetryLater,
)
from trunkline.providers.account import Account
from trunkline.providers.http import ProviderClient, Reply
from trunkline.providers.pace import Limits

pytestmark = pytest.mark.anyio

BLOCKED = "<!DOCTYPE html><html><title>\n Blocked by\x1b[2J ACME </title><h1>No</h1></html>"


@pytest.fixture
async def server() -> AsyncIterator[RawServer]:
    async with raw_server() as running:
        yield running


def missing(reply: Reply) -> ProviderError | None:
    """A vendor that reads a 404 by its status alone."""
    return Missing("gone") if reply.status == 404 else None


async def ask(url: str, method: str = "GET", creates: bool = False) -> ProviderError:
    client = ProviderClient(Account("twilio", Limits(timeout=2)), url, classify=missing)
    try:
        with pytest.raises(ProviderError) as caught:
            await client.request("owned", method, "/x", creates=creates)
    finally:
        await client.close()
    return caught.value


BODIES = (BLOCKED, "error code: 1010", '["no route"]', "")
REFUSALS = (400, 401, 402, 403, 404, 405, 410, 451)


@pytest.mark.parametrize(
    ("status", "body"), [(200, BLOCKED), *((status, body) for status in REFUSALS for body in BODIES)]
)
async def test_an_answer_that_is_not_the_providers_own_is_called_so(server: RawServer, status: int, body: str) -> None:
    server.answers(status, body)
    error = await ask(server.url, "DELETE")
    assert isinstance(error, Intercepted)
    assert f"something between us and twilio answered {status}" in error.detail
    assert {BLOCKED: "Blocked by[2J ACME", "": ""}.get(body, body.strip('["]')) in error.detail
    assert "proxy" in str(error.hint)
    assert "keys" not in f"{error.detail} {error.hint}"
    assert error.account_wide


async def test_a_refusal_in_the_providers_own_form_is_its_own(server: RawServer) -> None:
    for status, kind in ((400, Rejected), (401, ActionRequired), (404, Missing)):
        server.answers(status, '{"message": "no"}')
        error = await ask(server.url)
        assert type(error) is kind


async def test_what_is_json_and_not_in_the_vendors_form_is_not_its_own(server: RawServer) -> None:
    server.answers(404, '{"message": "no Route matched"}')
    account = Account("telnyx", Limits())
    client = ProviderClient(account, server.url, classify=missing, is_own=lambda reply: "errors" in reply.body)
    with pytest.raises(Intercepted, match="no Route matched"):
        await client.request("release", "DELETE", "/x")
    await client.close()


@pytest.mark.parametrize("status", [200, 401, 403, 404, 451])
async def test_what_was_done_behind_a_page_cannot_be_known(server: RawServer, status: int) -> None:
    server.answers(status, BLOCKED)
    error = await ask(server.url, "POST", creates=True)
    assert isinstance(error, OutcomeUnknown)
    assert "something between us and twilio" in error.detail
    assert error.account_wide


@pytest.mark.parametrize("creates", [False, True])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_named_and_not_followed(server: RawServer, status: int, creates: bool) -> None:
    server.answers(status, Location="https://user:pass@portal.example/login?next=secret")
    error = await ask(server.url, "POST", creates=creates)
    assert isinstance(error, Intercepted)
    assert f"redirect to portal.example ({status})" in error.detail
    assert "pass" not in error.detail
    assert len(server.received) == 1


@pytest.mark.parametrize("creates", [False, True])
@pytest.mark.parametrize("status", [407, 511])
async def test_a_proxy_or_portal_that_wants_a_login_has_passed_nothing_on(
    server: RawServer, status: int, creates: bool
) -> None:
    server.answers(status, BLOCKED)
    error = await ask(server.url, "POST", creates=creates)
    assert isinstance(error, Intercepted)
    assert "login" in error.detail


async def test_a_page_with_a_5xx_may_pass_and_tells_its_title(server: RawServer) -> None:
    server.answers(502, "<html><title>DNS failed</title></html>", Retry_After="7")
    error = await ask(server.url)
    assert isinstance(error, RetryLater)
    assert error.retry_after == 7
    assert "or something before it, answered 502: DNS failed" in error.detail
    assert isinstance(await ask(server.url, "POST", creates=True), OutcomeUnknown)


async def test_an_untrusted_certificate_is_called_one(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    async with raw_server(tls) as server:
        with capture_logs() as lines:
            error = await ask(server.url, "POST", creates=True)
        assert isinstance(error, Intercepted)
        assert "certificate that answers for twilio is not trusted" in error.detail
        assert "SSL_CERT_FILE" in str(error.hint)
        assert "certificate" in lines[0]["reason"]
        assert server.received == []


@pytest.mark.parametrize(
    ("status", "kind"), [(407, Intercepted), (403, Intercepted), (503, RetryLater)], ids=["login", "refused", "down"]
)
async def test_a_proxy_that_opens_no_connection_is_named_and_nothing_was_sent(
    server: RawServer, monkeypatch: pytest.MonkeyPatch, status: int, kind: type[ProviderError]
) -> None:
    server.answers(status, BLOCKED)
    monkeypatch.setenv("HTTPS_PROXY", server.url)
    error = await ask("https://api.twilio.example", "POST", creates=True)
    assert type(error) is kind
    assert len(server.received) == 1
    assert server.received[0].startswith(b"CONNECT api.twilio.example:443")
