"""The one way to a provider: each answer, or lack of one, becomes the error that says what to do next."""

from __future__ import annotations

import asyncio
import json
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote

import pytest
from structlog.testing import capture_logs

from tests.support.raw_server import RawServer, raw_server
from tests.support.sandbox_server import SandboxServer
from trunkline import __version__
from trunkline.errors import ActionRequired, OfferGone, OutcomeUnknown, ProviderError, Rejected, RetryLater
from trunkline.providers.account import Account
from trunkline.providers.http import ProviderClient, Reply, retry_after, short_text
from trunkline.providers.pace import Limits
from trunkline.sandbox.vapi import DEFAULT_SECRET

pytestmark = pytest.mark.anyio

Build = Callable[..., ProviderClient]


@pytest.fixture
async def build(sandbox: SandboxServer) -> AsyncIterator[Build]:
    """Clients of the sandbox's Vapi, or of another address."""
    clients: list[ProviderClient] = []

    def new(
        limits: Limits | None = None, base_url: str = sandbox.url, account: Account | None = None, **options: Any
    ) -> ProviderClient:
        headers = {"Authorization": f"Bearer {DEFAULT_SECRET}"}
        account = account or Account("vapi", limits or Limits())
        client = ProviderClient(account, base_url, headers=headers, **options)
        clients.append(client)
        return client

    yield new
    for client in clients:
        await client.close()


@pytest.fixture
async def raw(build: Build) -> AsyncIterator[tuple[RawServer, ProviderClient]]:
    async with raw_server() as server:
        yield server, build(base_url=server.url)


def answered(status: int, **rule: Any) -> dict[str, Any]:
    return {"kind": "status", "status": status, **rule}


CASES: list[tuple[dict[str, Any], type[ProviderError], type[ProviderError]]] = [
    (answered(400), Rejected, Rejected),
    (answered(401), ActionRequired, ActionRequired),
    (answered(403), ActionRequired, ActionRequired),
    (answered(404), Rejected, Rejected),
    (answered(408), RetryLater, OutcomeUnknown),
    (answered(409), Rejected, Rejected),
    (answered(422), Rejected, Rejected),
    (answered(429), RetryLater, RetryLater),
    (answered(500), RetryLater, OutcomeUnknown),
    (answered(502), RetryLater, OutcomeUnknown),
    (answered(503), RetryLater, OutcomeUnknown),
    (answered(504, when="after"), RetryLater, OutcomeUnknown),
    ({"kind": "drop", "when": "before"}, RetryLater, OutcomeUnknown),
    ({"kind": "drop", "when": "after"}, RetryLater, OutcomeUnknown),
    ({"kind": "hold", "when": "before"}, RetryLater, OutcomeUnknown),
    ({"kind": "latency", "seconds": 0.3}, RetryLater, OutcomeUnknown),
]


def case_name(rule: Any) -> str | None:
    return "-".join(str(v) for v in rule.values()) if isinstance(rule, dict) else None


@pytest.mark.parametrize("creates", [False, True], ids=["repeatable", "create"])
@pytest.mark.parametrize(("rule", "repeatable", "create"), CASES, ids=case_name)
async def test_each_failure_has_its_class_and_is_sent_once(
    sandbox: SandboxServer,
    build: Build,
    rule: dict[str, Any],
    repeatable: type[ProviderError],
    create: type[ProviderError],
    creates: bool,
) -> None:
    client = build(Limits(timeout=0.15))
    sandbox.fault(provider="vapi", operation="assistants.create", **rule)
    with pytest.raises(ProviderError) as caught:
        await client.request("make", "POST", "/assistant", json={}, creates=creates)
    assert type(caught.value) is (create if creates else repeatable)
    assert (caught.value.provider, caught.value.operation) == ("vapi", "make")
    assert caught.value.detail
    assert (caught.value.hint is not None) == isinstance(caught.value, ActionRequired)
    assert len(sandbox.requests(provider="vapi")) == 1


async def test_what_was_never_sent_is_retry_later_even_for_a_create(build: Build) -> None:
    client = build(base_url="http://127.0.0.1:1")
    with pytest.raises(RetryLater, match="cannot be reached"):
        await client.request("make", "POST", "/assistant", json={}, creates=True)


async def test_an_answer_is_parsed_and_an_empty_one_is_none(
    build: Build, raw: tuple[RawServer, ProviderClient]
) -> None:
    reply = await build().request("list", "GET", "/assistant", params={"limit": 1})
    assert (reply.status, type(reply.body)) == (200, list)
    server, client = raw
    server.answer = b"HTTP/1.1 204 No Content\r\n\r\n"
    assert (await client.request("remove", "DELETE", "/x")).body is None
    server.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    assert (await client.request("read", "GET", "/x")).body == "hello"


PAGE = [{"number": n, "text": "x" * 100, "of": [n, {"more": None}]} for n in range(1001)]


@pytest.mark.parametrize("page", [PAGE, {"rows": PAGE, "next": "/2", "said": "y" * 60_000, "none": []}])
async def test_a_long_page_that_is_read_in_parts_is_the_whole_page(
    raw: tuple[RawServer, ProviderClient], page: Any
) -> None:
    server, client = raw
    server.answers(200, json.dumps(page))
    assert (await client.request("list", "GET", "/x")).body == page
    server.answers(200, json.dumps(page)[:-2])
    assert isinstance((await client.request("list", "GET", "/x")).body, str)


async def test_it_names_itself_and_sends_forms_and_keys(raw: tuple[RawServer, ProviderClient]) -> None:
    server, client = raw
    server.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    await client.request("buy", "POST", "/x", form={"PhoneNumber": "+14155550100"}, creates=True)
    head = server.received[0].decode().lower()
    assert f"user-agent: trunkline/{__version__}" in head
    assert "content-type: application/x-www-form-urlencoded" in head
    assert f"authorization: bearer {DEFAULT_SECRET}" in head


async def test_a_reply_that_breaks_off_is_a_lost_reply(raw: tuple[RawServer, ProviderClient]) -> None:
    server, client = raw
    server.answer = b'HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n{"sid": "PN'
    with pytest.raises(OutcomeUnknown):
        await client.request("buy", "POST", "/x", form={}, creates=True)
    with pytest.raises(RetryLater):
        await client.request("list", "GET", "/x")
    assert len(server.received) == 2


async def test_the_vendor_reads_its_own_refusals_and_nothing_else(sandbox: SandboxServer, build: Build) -> None:
    seen: list[int] = []

    def classify(reply: Reply) -> ProviderError | None:
        seen.append(reply.status)
        return OfferGone("gone", vendor_code="7") if reply.status == 400 else None

    client = build(classify=classify)
    for status, expected in ((400, OfferGone), (403, ActionRequired), (429, RetryLater), (503, RetryLater)):
        sandbox.fault(provider="vapi", kind="status", status=status, times=1)
        with pytest.raises(expected):
            await client.request("list", "GET", "/assistant")
    assert seen == [400, 403]


@pytest.mark.parametrize("header", ["Retry-After", "x-ratelimit-reset"])
async def test_after_a_429_all_requests_of_the_account_wait(sandbox: SandboxServer, build: Build, header: str) -> None:
    client = build()
    sandbox.fault(provider="vapi", kind="status", status=429, headers={header: "0.2"}, times=1)
    asked = time.monotonic()
    with pytest.raises(RetryLater) as caught:
        await client.request("list", "GET", "/assistant")
    assert caught.value.retry_after == pytest.approx(0.2)
    await client.request("list", "GET", "/assistant")
    assert time.monotonic() - asked >= 0.19


async def test_a_long_pause_is_not_slept_through_and_nothing_is_sent(sandbox: SandboxServer, build: Build) -> None:
    client, of_another_account = build(), build()
    sandbox.fault(provider="vapi", kind="status", status=429, headers={"Retry-After": "60"}, times=1)
    for operation in ("list", "again"):
        with pytest.raises(RetryLater) as caught:
            await client.request(operation, "GET", "/assistant")
        assert caught.value.retry_after == pytest.approx(60, abs=1)
        assert caught.value.operation == operation
    assert len(sandbox.requests(provider="vapi")) == 1
    await of_another_account.request("list", "GET", "/assistant")


async def test_no_more_requests_a_second_than_allowed(build: Build) -> None:
    client = build(Limits(per_second=10))
    began = time.monotonic()
    await asyncio.gather(*(client.request("list", "GET", "/assistant") for _ in range(12)))
    assert time.monotonic() - began >= 0.19


async def test_no_more_requests_at_once_than_allowed(sandbox: SandboxServer, build: Build) -> None:
    client = build(Limits(per_second=1000, at_once=2))
    sandbox.fault(provider="vapi", kind="latency", seconds=0.05)
    began = time.monotonic()
    await asyncio.gather(*(client.request("list", "GET", "/assistant") for _ in range(6)))
    assert time.monotonic() - began >= 0.15


async def test_neither_log_nor_error_shows_keys_or_queries(raw: tuple[RawServer, ProviderClient]) -> None:
    server, client = raw
    body = f'{{"message": "no account has the key {DEFAULT_SECRET}"}}'.encode()
    server.answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    with capture_logs() as lines, pytest.raises(Rejected) as caught:
        await client.request("find", "GET", "/things?search=private", params=None)
    assert "no account has the key ***" in caught.value.detail
    assert [(line["operation"], line["path"], line["outcome"]) for line in lines] == [("find", "/things", "400")]
    assert "private" not in str(lines)
    assert DEFAULT_SECRET not in str(lines)


@pytest.mark.parametrize("shown_as", ["{basic}", "{secret}", "{quoted}"])
async def test_a_login_that_a_provider_echoes_is_shown_nowhere(shown_as: str) -> None:
    user, secret = "5a4db0c5", "S3cret/of+ours"
    basic = b64encode(f"{user}:{secret}".encode()).decode()
    echo = shown_as.format(basic=basic, secret=secret, quoted=quote(secret, safe=""))
    async with raw_server() as server:
        client = ProviderClient(Account("vonage", Limits()), server.url, auth=(user, secret))
        server.answers(400, json.dumps({"title": f"not accepted: {echo}."}))
        with capture_logs() as lines, pytest.raises(Rejected) as caught:
            await client.request("find", "GET", "/x")
        await client.close()
    assert basic in server.received[0].decode()
    assert "not accepted: ***." in caught.value.detail
    assert echo not in f"{caught.value.detail}{lines}"


def test_what_an_error_tells_is_one_line() -> None:
    assert RetryLater("it said\n2026-01-01 [info] FORGED\x1b[2J").detail == "it said 2026-01-01 [info] FORGED[2J"


NOW = datetime(2026, 10, 21, 7, 28, tzinfo=UTC)
UNIX = NOW.timestamp()


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": " 0.5 "}, 0.5),
        ({"x-ratelimit-reset": "3", "retry-after": "soon"}, 3),
        ({"retry-after": "86400"}, 300),
        ({"retry-after": "-5"}, 0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({}, None),
        # Moments, by the clock of the answer.
        ({"retry-after": format_datetime(NOW + timedelta(seconds=9), usegmt=True)}, 9),
        ({"retry-after": format_datetime(NOW - timedelta(days=1), usegmt=True)}, 0),
        ({"x-ratelimit-reset": str(int(UNIX) + 2)}, 2),
        ({"x-ratelimit-reset": str(UNIX + 2.5)}, 2.5),
        ({"x-ratelimit-reset": str(int(UNIX) * 1000 + 2500)}, 2.5),
        ({"x-ratelimit-reset": str(int(UNIX) - 60)}, 0),
        ({"x-ratelimit-reset": str(int(UNIX) + 86400)}, 300),
        ({"retry-after": str(int(UNIX) + 4)}, 4),
    ],
    ids=str,
)
def test_the_wait_is_a_duration_or_a_moment_and_bounded(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers | {"date": format_datetime(NOW, usegmt=True)}) == seconds


@pytest.mark.parametrize("date", ["", "yesterday", "Wed, 99 Oct 2026 07:28:00 GMT"])
def test_without_a_date_in_the_answer_our_clock_counts(date: str) -> None:
    assert retry_after({"x-ratelimit-reset": str(int(time.time()) + 5), "date": date}) == pytest.approx(5, abs=1.5)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"message": ["a must be b", "c"]}, "a must be b; c"),
        ({"error-code": "420", "error-code-label": "method failed"}, "method failed"),
        ({"country": "Is required.", "msisdn": "Is invalid."}, "country: Is required.; msisdn: Is invalid."),
        (
            {"title": "Bad", "detail": "No.", "invalid-parameters": [{"name": "msisdn", "reason": "Is required."}]},
            "Bad: No.: msisdn: Is required.",
        ),
        ({"message": "Invalid", "errors": {"country": ["Is required."]}}, "Invalid: country: Is required."),
        ({"error": {"message": "nested", "type": "x"}}, "nested"),
        ({"message": "two\nlines \x1b[2J"}, "two lines [2J"),
        ("error code: 1010", "error code: 1010"),
        ("<html>a page</html>", "no details given"),
        ({}, "no details given"),
        (None, "no details given"),
    ],
    ids=str,
)
def test_a_provider_is_quoted_in_its_own_words(body: Any, words: str) -> None:
    assert short_text(body) == words


def test_a_provider_is_quoted_briefly() -> None:
    assert len(short_text({"message": "x" * 5000})) == 300


async def test_what_a_provider_writes_does_nothing_to_a_terminal(raw: tuple[RawServer, ProviderClient]) -> None:
    server, client = raw
    server.answers(200, json.dumps({"name": "a\x1b[2J\u202eb", "text": "one\r\ntwo"}))
    assert (await client.request("read", "GET", "/x")).body == {"name": "a[2Jb", "text": "one\ntwo"}
