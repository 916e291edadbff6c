"""Around every request: its id in the answer and in each log line, who asks, a limit to its body, no error without an
answer."""

from __future__ import annotations

import re
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import structlog
from anyio import BrokenResourceError
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trunkline import traces
from trunkline.api.permission import IDENTITY
from trunkline.api.problems import respond, unexpected
from trunkline.domain.acting import Acting, acting, acting_as
from trunkline.domain.ids import new_id
from trunkline.errors import NotFound, PayloadTooLarge, TooManyRequests, Unauthorized
from trunkline.metrics import HTTP_SECONDS
from trunkline.workflows.identify import Identity, admit
from trunkline.workflows.services import Services

log = structlog.get_logger()
SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
KB = 1024
MAX_BODY = 64 * KB
TRACEPARENT = re.compile("[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-")  # W3C's
LARGE_BODIES = {"/api/restaurants/bulk": 8 * KB * KB}
METRICS = "/metrics"
MCP = "/mcp"
TOKEN_ONLY = {METRICS, MCP}  # whose callers often can send nothing but a bearer token
OF_A_SANDBOX = b'{"sandbox":true,'  # begins an answer that tells what was done
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}
QUIET = {"/healthz", "/readyz", METRICS}


class Edge:
    """The outermost layer of ours."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given, parent = headers.get("x-request-id", ""), headers.get("traceparent", "")
        request_id = given if SANE_ID.fullmatch(given) else new_id("req")
        outer = TRACEPARENT.match(parent)
        with traced(scope, request_id, parent if outer else None):
            trace_id = traces.trace_id() or (outer[1] if outer else None)
            known = {"request_id": request_id} | ({"trace_id": trace_id} if trace_id else {})
            with structlog.contextvars.bound_contextvars(**known):
                await Exchange(self._app, scope, receive, send, request_id, trace_id).run()


def traced(scope: Scope, request_id: str, parent: str | None) -> AbstractContextManager[None]:
    """The span of a request. Its path is none of a trace's business: whose number stands in it is told to nobody."""
    if scope["path"] in QUIET:
        return nullcontext()
    about = {"http.request.method": method_of(scope), "trunkline.request_id": request_id}
    return traces.begun(method_of(scope), about, kind="SERVER", within=parent)


def method_of(scope: Scope) -> str:
    """One of those that there are: it is the caller's word, and each would make a new series."""
    return scope["method"] if scope["method"] in METHODS else "other"


def has_left(error: Exception) -> bool:
    """Whether nothing has happened but that who listened to a stream went while the framework kept it alive."""
    return isinstance(error, ExceptionGroup) and error.split(BrokenResourceError)[1] is None


class Exchange:
    """One request and its answer."""

    def __init__(
        self, app: ASGIApp, scope: Scope, receive: Receive, send: Send, request_id: str, trace_id: str | None
    ) -> None:
        self._app = app
        self._scope = scope
        self._receive = receive
        self._send = send
        self._request_id, self._trace_id = request_id, trace_id
        self._received = 0
        self._most = MAX_BODY
        self._status = 0
        self._started = self._began = time.monotonic()
        self._marks = False

    async def run(self) -> None:
        try:
            await self._answer()
        finally:
            method, route = method_of(self._scope), self._route
            HTTP_SECONDS.labels(method, route, str(self._status)).observe(self._began - self._started)
            traces.tell({"http.route": route, "http.response.status_code": self._status}, name=f"{method} {route}")
            note = log.debug if self._scope["path"] in QUIET else log.info
            note(
                "request",
                method=self._scope["method"],
                path=self._scope["path"],
                status=self._status,
                ms=round((time.monotonic() - self._started) * 1000),
            )

    async def _answer(self) -> None:
        try:
            refusal = await self._refusal()
            with acting_as(self._acting()):
                await (refusal or self._app)(self._scope, self.receive, self.send)
        except Exception as error:
            if self._status and has_left(error):
                return
            answer = unexpected(error)
            if self._status:  # half an answer is out: the connection must break
                raise
            await answer(self._scope, self.receive, self.send)

    async def _refusal(self) -> ASGIApp | None:
        """What is told before anything of the body is read; who asks is found out first."""
        path = self._scope["path"].removeprefix(self._scope.get("root_path", ""))
        if not path.isprintable():  # no path of ours has such characters, and PostgreSQL takes no NUL
            return respond(NotFound("there is no such path"))
        if path in TOKEN_ONLY or path.startswith("/api/"):
            headers = Headers(scope=self._scope)
            try:
                identity = await admit(headers, self._services, self._address, secret_as_token=path in TOKEN_ONLY)
            except (TooManyRequests, Unauthorized) as error:
                return respond(error)
            if identity.key_id is not None:
                self._services.key_uses.note(identity.key_id, self._address)
            self._scope[IDENTITY] = identity
        self._most = LARGE_BODIES.get(path, MAX_BODY)
        if self._announced() > self._most:
            return respond(self._too_large(), headers={"Connection": "close"})
        return None

    def _acting(self) -> Acting:
        """Who acts in what this request does, and how it is found in the log and in a trace."""
        identity: Identity | None = self._scope.get(IDENTITY)
        if identity is None:
            return acting()
        return replace(identity.acting, request_id=self._request_id, trace_id=self._trace_id)

    def _too_large(self) -> PayloadTooLarge:
        return PayloadTooLarge(f"the body has more than {self._most // KB} KB", hint="send less")

    @property
    def _address(self) -> str | None:
        client = self._scope.get("client")
        return client[0] if client else None

    @property
    def _services(self) -> Services:
        services: Services = self._scope["app"].state.services
        return services

    @property
    def _route(self) -> str:
        """As it is written in the document, whatever stands in its places; `none` where there is no such path."""
        return getattr(self._scope.get("route"), "path", "none")

    def _announced(self) -> int:
        length = Headers(scope=self._scope).get("content-length", "0")
        return int(length) if length.isdecimal() else 0

    async def receive(self) -> Message:
        message = await self._receive()
        self._received += len(message.get("body", b""))
        if self._received > self._most:
            raise HTTPException(413, self._too_large().detail)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status, self._began = message["status"], time.monotonic()
            headers = MutableHeaders(scope=message)
            headers["X-Request-ID"] = self._request_id
            if self._services.settings.sandbox:
                self._mark(headers)
            if headers.get("location", "").startswith("/"):
                headers["location"] = self._scope.get("root_path", "") + headers["location"]
        elif self._marks and message.get("body"):
            message["body"] = OF_A_SANDBOX + message["body"][1:]
            self._marks = False
        await self._send(message)

    def _mark(self, headers: MutableHeaders) -> None:
        """Nobody takes what is played for what is real."""
        headers["X-Trunkline-Sandbox"] = "true"
        told = self._scope["method"] == "POST" and not self._scope["path"].endswith(MCP)  # that has a form of its own
        self._marks = told and headers.get("content-type") == "application/json"
        if self._marks:
            headers["content-length"] = str(int(headers["content-length"]) + len(OF_A_SANDBOX) - 1)
