"""The MCP server at a path of the application that serves the API, which it asks within the same process."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx2
from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.context import ServerRequestContext
from mcp.server.transport_security import TransportSecuritySettings
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from trunkline.client import AsyncTrunkline
from trunkline.mcp.quotes import Quotes
from trunkline.mcp.server import build_server

WITHIN = "http://trunkline"  # no name that is looked up: the application itself answers
HERE: set[str | None] = {"localhost", "127.0.0.1", "::1"}
LONGEST = 600.0  # seconds; the API ends its own answers sooner


class Door:
    """Whoever comes has shown a key or the secret to the application already. A session is his who began it."""

    def __init__(self, app: ASGIApp, secret: str, home: str | None, stopped: Callable[[], Awaitable[object]]) -> None:
        self._app = app
        self._homes = HERE | ({urlsplit(home).hostname} if home else set())
        self._stopped = stopped
        key = hashlib.sha256(b"trunkline mcp\0" + secret.encode()).digest()
        self._server = build_server(self._client, Quotes(key))
        # Its own protection knows no address but loopback: `is_foreign` is ours.
        unbound = TransportSecuritySettings(enable_dns_rebinding_protection=False)
        self._server.streamable_http_app(transport_security=unbound)
        self._answer = AuthContextMiddleware(self._server.session_manager.handle_request)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        async with self._server.session_manager.run():
            yield

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.is_foreign(Headers(scope=scope).get("origin")):
            await PlainTextResponse("a page of another address may not ask here", 403)(scope, receive, send)
            return
        shown = hashlib.sha256(credential(Headers(scope=scope)).encode()).hexdigest()
        scope["user"] = AuthenticatedUser(AccessToken(token=shown, client_id=shown, scopes=[]))
        answer = asyncio.ensure_future(self._answer(scope, receive, send))
        if scope["method"] != "GET":
            await answer
            return
        stopped = asyncio.ensure_future(self._stopped())  # a stream that waits for what may come
        try:
            await asyncio.wait([answer, stopped], return_when=asyncio.FIRST_COMPLETED)
        finally:
            answer.cancel()
            stopped.cancel()

    def is_foreign(self, origin: str | None) -> bool:
        """Whether a page asks that is neither ours nor this machine's: a browser says so, whatever the page wants."""
        return origin is not None and urlsplit(origin).hostname not in self._homes

    @asynccontextmanager
    async def _client(self, ctx: ServerRequestContext[Any, Any]) -> AsyncIterator[AsyncTrunkline]:
        request = ctx.request
        assert request is not None
        came_from = (request.client.host, request.client.port) if request.client else ("127.0.0.1", 0)
        within = httpx2.ASGITransport(self._app, client=came_from)
        async with AsyncTrunkline(WITHIN, credential(request.headers), timeout=LONGEST, transport=within) as client:
            yield client


def credential(headers: Any) -> str:
    """What the caller has shown, of whichever kind."""
    secret: str | None = headers.get("x-vapi-secret")
    return secret if secret is not None else headers.get("authorization", "").partition(" ")[2].strip()
