"""Callers who have shown no secret yet: what they may send, and how long they may take to."""

from __future__ import annotations

import asyncio
import json
import logging
import select
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.api.conftest import Api
from trunkline.api.protocol import BoundedProtocol
from trunkline.cli.servers import Server, in_background, listen

KB = 1024


class Impatient(BoundedProtocol):
    request_seconds = 0.4
    stalled_seconds = 0.3
    linger_seconds = 0.3


class Site:
    """A server with three endpoints, and what they saw."""

    def __init__(self, grace: float = 1) -> None:
        self.under_way = threading.Semaphore(0)
        self.hung_up = threading.Event()
        self.stream_ended = threading.Event()
        routes = [
            Route("/size", self.size, methods=["GET", "POST"]),
            Route("/slow", self.slow),
            Route("/endless", self.endless),
        ]
        self.server = Server(Starlette(routes=routes), listen("127.0.0.1", 0), http=Impatient, grace=grace)

    async def size(self, request: Request) -> Response:
        self.under_way.release()
        try:
            return JSONResponse({"size": len(await request.body())})
        except ClientDisconnect:
            self.hung_up.set()
            return Response()

    async def slow(self, request: Request) -> Response:
        self.under_way.release()
        await asyncio.sleep(float(request.query_params.get("seconds", "1")))
        return JSONResponse({})

    async def endless(self, request: Request) -> Response:
        async def parts() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield b"x" * 64 * KB
                    await asyncio.sleep(0)
            finally:
                self.stream_ended.set()

        return StreamingResponse(parts())

    def connect(self) -> socket.socket:
        port = int(self.server.url.rpartition(":")[2])
        return socket.create_connection(("127.0.0.1", port), timeout=60)

    def said(self, *parts: bytes) -> bytes:
        """All that comes back on one connection, until the server hangs up."""
        with self.connect() as connection:
            for part in parts:
                with suppress(OSError):  # the server may have enough
                    connection.sendall(part)
            return rest_of(connection)


def rest_of(connection: socket.socket) -> bytes:
    got = b""
    with suppress(ConnectionResetError):
        while part := connection.recv(64 * KB):
            got += part
    return got


def answered(*connections: socket.socket) -> list[socket.socket]:
    """Those on which something has come, or which were closed."""
    return select.select(connections, [], [], 0)[0]


def problem_of(answer: bytes) -> tuple[int, Any]:
    """The status and the code of the one answer."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    assert b"connection: close" in head.lower()
    return int(head.split()[1]), json.loads(body)["code"]


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    with in_background(site.server):
        yield site


def request(method: str, path: str, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: x", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@pytest.mark.parametrize(
    "head",
    [b"GET /size HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 80 * KB, b"GET /" + b"a" * 80 * KB, b"G" * 80 * KB],
    ids=["header", "path", "method"],
)
def test_a_head_without_an_end_is_refused(site: Site, head: bytes) -> None:
    status, code = problem_of(site.said(head))
    assert (status, code) in [(431, "headers_too_large"), (400, "malformed_request")]


def test_many_short_headers_are_refused_though_the_head_is_complete(site: Site) -> None:
    headers = [f"X-{n}: a" for n in range(20_000)]
    assert problem_of(site.said(request("GET", "/size", *headers))) == (431, "headers_too_large")


def test_a_head_just_below_the_bound_is_served(site: Site) -> None:
    answer = site.said(request("GET", "/size", "X-A: " + "a" * 63 * KB, "Connection: close"))
    assert answer.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "begun",
    [
        request("POST", "/size", "Content-Length: 500", body=b"{"),
        request("POST", "/size", "Transfer-Encoding: chunked", body=b"5\r\nab"),
    ],
    ids=["body", "chunks"],
)
def test_a_request_that_is_not_finished_in_time_is_answered_and_closed(site: Site, begun: bytes) -> None:
    began = time.monotonic()
    assert problem_of(site.said(begun)) == (408, "request_timeout")
    assert time.monotonic() - began < 30
    assert site.hung_up.wait(60)


def test_a_byte_now_and_then_gains_no_time(site: Site) -> None:
    with site.connect() as connection:
        connection.sendall(request("POST", "/size", "Content-Length: 60000"))
        with suppress(OSError):
            for _ in range(1200):
                connection.sendall(b"a")
                time.sleep(0.05)
            pytest.fail("it went on for a minute")
        with suppress(ConnectionResetError):
            assert problem_of(rest_of(connection)) == (408, "request_timeout")


@pytest.mark.parametrize("begun", [b"", b"GET /size HTTP/1.1\r\nHost: x\r\nX-A: "], ids=["nothing", "half a head"])
def test_a_connection_on_which_no_request_comes_is_closed(site: Site, begun: bytes) -> None:
    assert site.said(begun) == b""


def test_a_request_that_is_complete_may_take_its_time_to_be_answered(site: Site) -> None:
    began = time.monotonic()
    assert site.said(request("GET", "/slow?seconds=1", "Connection: close")).startswith(b"HTTP/1.1 200")
    assert time.monotonic() - began > 2 * Impatient.request_seconds


def test_the_next_request_does_not_cut_the_answer_to_the_one_before(site: Site) -> None:
    first, second = request("GET", "/slow?seconds=1"), request("GET", "/size", "Connection: close")
    assert site.said(first, second[:20], second[20:]).count(b"HTTP/1.1 200") == 2


def test_a_connection_is_used_again(site: Site) -> None:
    size = request("POST", "/size", "Content-Length: 4", body=b"abcd")
    answers = site.said(size + size, size, request("GET", "/size", "Connection: close"))
    assert answers.count(b'{"size":4}') == 3
    assert answers.count(b'{"size":0}') == 1


def test_a_body_without_an_end_is_cut_off(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Impatient, "request_seconds", 60)  # nine megabytes take a while
    chunk = b"10000\r\n" + b"x" * 64 * KB + b"\r\n"
    answer = site.said(request("POST", "/size", "Transfer-Encoding: chunked"), *([chunk] * 145))
    assert problem_of(answer) == (413, "payload_too_large")


def test_what_is_not_http_is_a_problem_like_any_other(site: Site) -> None:
    assert problem_of(site.said(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")) == (400, "malformed_request")


def test_who_does_not_read_the_answer_is_not_waited_for(site: Site) -> None:
    with site.connect() as connection:
        connection.sendall(request("GET", "/endless"))
        assert site.stream_ended.wait(60)


def test_a_server_that_stops_answers_everybody(caplog: pytest.LogCaptureFixture) -> None:
    site = Site(grace=4)
    with (
        in_background(site.server),
        site.connect() as half,
        site.connect() as slow,
        caplog.at_level(logging.ERROR),
    ):
        half.sendall(request("POST", "/size", "Content-Length: 500", body=b"{"))
        slow.sendall(request("GET", "/slow?seconds=60"))
        assert all(site.under_way.acquire(timeout=60) for _ in range(2))
        site.server.end()
        assert problem_of(rest_of(half)) == (503, "not_ready")
        assert answered(slow) == [], "what may still be answered was not waited for"
        assert problem_of(rest_of(slow)) == (503, "not_ready")
    assert not [record for record in caplog.records if record.exc_info]


def test_calls_are_answered_while_others_never_finish(api: Api, roma: dict[str, Any]) -> None:
    address = ("127.0.0.1", int(api.url.rpartition(":")[2]))
    unfinished = [
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: ",
        request("POST", "/api/vapi/server", "Content-Length: 500"),
        request("POST", "/api/restaurants", "Content-Type: application/json", "Content-Length: 60000", body=b"{"),
    ]
    call = {"message": {"type": "assistant-request", "phoneNumber": {"number": roma["phone_number"]}}}
    with_all = [socket.create_connection(address) for _ in range(60)]
    try:
        for n, connection in enumerate(with_all):
            connection.sendall(unfinished[n % 3])
        with socket.create_connection(address, timeout=60) as endless:
            with suppress(OSError):
                for _ in range(16):
                    endless.sendall(b"GET / HTTP/1.1\r\nX-A: " + b"a" * KB * KB)
            assert rest_of(endless)[:12] in (b"HTTP/1.1 431", b"")
            assert api.post("/api/vapi/server", call).status_code == 200
            assert answered(*with_all[::3]) == [], "the call waited until others were given up"
    finally:
        for connection in with_all:
            connection.close()
