"""The sandbox as one ASGI application: every vendor at its own paths, the control API under /sandbox."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from trunkline.sandbox.faults import Fault, FaultBook
from trunkline.sandbox.world import Received, World

Handler = Callable[[Request, World], Awaitable[Response]]
KEEP_REQUESTS = 200_000


class Vendor(Protocol):
    """What a vendor's file gives the sandbox."""

    name: str
    switches: dict[str, Any]

    def operations(self) -> list[tuple[str, str, str, Handler]]:
        """(operation, HTTP method, path, handler) of every call; more specific paths first."""

    def seed(self, world: World) -> None:
        """Put the default account and stock into a new world."""

    def error(self, status: int) -> Response:
        """How this vendor words a fault's status that came without a body."""

    def check_auth(self, request: Request, world: World) -> Response | None:
        """The refusal for a caller without valid credentials, None for a valid one."""


class Sandbox:
    """A world, its armed faults, and the vendors that act in it."""

    def __init__(self, vendors: list[Vendor]) -> None:
        self.vendors = {vendor.name: vendor for vendor in vendors}
        self.faults = FaultBook()
        self.world = World()
        self.reset()

    def reset(self, seed: int = 0, stock: bool = True) -> None:
        """Back to the start: default accounts and switches, no faults, no requests seen. `stock`: there is some."""
        self.faults.clear()
        self.faults.seed(seed)
        self.world = World()
        for vendor in self.vendors.values():
            self.world.switches |= vendor.switches
            vendor.seed(self.world)
        if not stock:
            self.world.numbers.clear()

    def app(self, control: list[BaseRoute]) -> Starlette:
        routes: list[BaseRoute] = list(control)
        for vendor in self.vendors.values():
            for operation, method, path, handler in vendor.operations():
                routes.append(Route(path, self._endpoint(vendor, operation, handler), methods=[method]))
        return Starlette(routes=routes)

    def _endpoint(self, vendor: Vendor, operation: str, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            body = (await request.body()).decode("utf-8", "replace")
            drawn = self.faults.draw(vendor.name, operation, f"{request.url.query}\n{body}")
            received = self._log(vendor.name, operation, request, body, drawn)
            for slow in drawn:
                if slow.kind == "latency":
                    await asyncio.sleep(slow.seconds)
            fault = next((f for f in drawn if f.kind != "latency"), None)
            response: Response | None = None
            if fault is None or fault.when == "after":
                refused = vendor.check_auth(request, self.world)
                response = refused or await handler(request, self.world)
            if fault is not None:
                response = await self._misbehave(vendor, fault, request)
            assert response is not None
            received.status = response.status_code
            return response

        return endpoint

    def _log(self, provider: str, operation: str, request: Request, body: str, drawn: list[Fault]) -> Received:
        received = Received(
            at=World.now().isoformat(),
            provider=provider,
            operation=operation,
            method=request.method,
            path=request.url.path,
            query=mask(request.url.query),
            body=mask(body),
            fault=",".join(f"{f.kind}:{f.when}" for f in drawn) or None,
        )
        if len(self.world.requests) < KEEP_REQUESTS:
            self.world.requests.append(received)
        return received

    async def _misbehave(self, vendor: Vendor, fault: Fault, request: Request) -> Response:
        if fault.kind == "status":
            response = vendor.error(fault.status) if fault.body is None else JSONResponse(fault.body, fault.status)
            response.headers.update(fault.headers)
            return response
        if fault.kind == "hold":
            gone = asyncio.create_task(_gone(request))
            released = asyncio.create_task(self.faults.held(fault))
            await asyncio.wait({gone, released}, return_when=asyncio.FIRST_COMPLETED)
            gone.cancel()
            released.cancel()
        return Dropped()


SECRET_KEYS = (
    *("authToken", "apiKey", "apiSecret", "api_secret", "twilioAuthToken", "twilioApiSecret", "token", "secret"),
    *("authPassword", "password", "secretKey", "clientSecret", "Authorization", "X-Vapi-Secret"),
)


def mask(text: str) -> str:
    """The request text with the values of secret keys replaced, so that the log can be shown."""
    if not any(key in text for key in SECRET_KEYS):
        return text
    if text.lstrip().startswith("{"):
        try:
            return json.dumps(_mask_value(json.loads(text)))
        except ValueError:
            return "[unreadable body with a secret]"
    return "&".join(f"{p.split('=')[0]}=***" if p.split("=")[0] in SECRET_KEYS else p for p in text.split("&"))


def _mask_value(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: "***" if k in SECRET_KEYS and isinstance(v, str) else _mask_value(v) for k, v in value.items()}
    return [_mask_value(v) for v in value] if isinstance(value, list) else value


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


class Dropped(Response):
    """The connection is closed and not a byte is sent: what a client sees when a reply is lost."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        scope["extensions"]["trunkline.sandbox"]["abort"]()
        while (await receive())["type"] != "http.disconnect":
            pass


class DroppingProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol, with a way for the application to close the connection without an answer."""

    def on_headers_complete(self) -> None:
        self.scope.setdefault("extensions", {})["trunkline.sandbox"] = {"abort": self.transport.abort}
        super().on_headers_complete()
