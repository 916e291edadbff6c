"""HTTP on the wire: bounds to what a request may take before the application sees it, in bytes and in time."""

from __future__ import annotations

import asyncio
from typing import Any

import structlog
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from trunkline.api.problems import respond
from trunkline.errors import (
    HeadersTooLarge,
    MalformedRequest,
    NotReady,
    PayloadTooLarge,
    RequestTimeout,
    TrunklineError,
)

log = structlog.get_logger()
KB = 1024
SLICE = 16 * KB  # the parser is given no more at once, so that nothing grows far beyond its bound


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, for callers who have not shown who they are. A request is refused whose head is too long,
    that is longer than any we take, or whose body is not here in time; a connection is closed on which no request
    comes, or whose answer is not read."""

    max_head = 64 * KB
    max_request = 9 * KB * KB  # more than the largest body that an endpoint takes
    request_seconds = 30.0  # from the first byte of a request, or from the connection, to the last byte of its body
    stalled_seconds = 60.0  # for which nothing of an answer could be sent
    linger_seconds = 2.0  # for which a refused caller may still read why; what it sends meanwhile is not read

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._refused = False
        self._stalled: asyncio.TimerHandle | None = None
        self._in_head, self._size = True, 0
        self._timer: asyncio.TimerHandle | None = self.loop.call_later(self.request_seconds, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        if self._stalled is not None:
            self._stalled.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """The usual request is here in one piece, and costs a few comparisons."""
        if len(data) > SLICE:
            for start in range(0, len(data), SLICE):
                self._take(data[start : start + SLICE])
        else:
            self._take(data)

    def _take(self, data: bytes) -> None:
        if self._refused:
            return
        self._size += len(data)
        super().data_received(data)
        if self._size and not self._refused:
            self._bound_unfinished()

    def _bound_unfinished(self) -> None:
        if self._in_head and self._size > self.max_head:
            self._refuse(self._head_too_large())
        elif self._size > self.max_request:
            self._refuse(PayloadTooLarge(f"the request has more than {self.max_request // KB} KB", hint="send less"))
        elif self._timer is None:
            self._timer = self.loop.call_later(self.request_seconds, self._too_slow)

    def on_headers_complete(self) -> None:
        if self._refused:
            return
        self._in_head = False
        if self._size > self.max_head and self._head() > self.max_head:
            self._refuse(self._head_too_large())
        else:
            super().on_headers_complete()

    def _head(self) -> int:
        """Its length without what separates its parts."""
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def _head_too_large(self) -> HeadersTooLarge:
        return HeadersTooLarge(f"the request's head has more than {self.max_head // KB} KB", hint="send less")

    def on_body(self, body: bytes) -> None:
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_head, self._size = True, 0
        if self._timer is not None:
            self._stop_timer()
        if not self._refused:
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self._refuse(MalformedRequest("this is not HTTP/1.1 as this server reads it", hint="check what sends it"))

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self.loop.call_later(self.stalled_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def shutdown(self) -> None:
        """The server stops: a request that is not complete is not waited for."""
        super().shutdown()
        if self.cycle and self.cycle.more_body and not self.cycle.response_started:
            self.give_up()

    def give_up(self) -> None:
        """The server cannot wait any longer for what answers the request."""
        if self.cycle and not self.cycle.response_complete:
            begun = self.cycle.response_started
            self._refuse(stops(), answer=not begun)
        self.transport.close()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        self._timer = None
        if self._answering():  # the request before this one is not answered yet, and that is no fault of the caller's
            self._timer = self.loop.call_later(self.request_seconds, self._too_slow)
        elif self._in_head:  # there is no request yet that could be answered
            self.transport.close()
        else:
            self._refuse(RequestTimeout("the request was not complete in time", hint="send it in one go"))

    def _answering(self) -> bool:
        return bool(self.cycle and not self.cycle.response_complete and not self.cycle.more_body)

    def _refuse(self, error: TrunklineError, *, answer: bool | None = None) -> None:
        """Hang up; with an answer unless one has begun, or the request before this one is being answered."""
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        self._stop_timer()
        log.info("request refused", code=error.code, client=self.client[0] if self.client else None)
        cycle: Any = self.cycle
        if answer is None:
            answer = cycle is None or cycle.response_complete or not (cycle.response_started or self._answering())
        if answer:
            self.transport.write(_raw(error))
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
        self.flow.pause_reading()
        self.loop.call_later(self.linger_seconds, self.transport.close)


def stops() -> NotReady:
    return NotReady("the server stops", hint="look whether it was done, then ask again in a moment")


def _raw(error: TrunklineError) -> bytes:
    answer = respond(error, headers={"Connection": "close"})
    head = b"".join(name + b": " + value + b"\r\n" for name, value in answer.raw_headers)
    return STATUS_LINE[answer.status_code] + head + b"\r\n" + bytes(answer.body)
