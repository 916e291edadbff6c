"""The sandbox as one ASGI application: every vendor at its own paths, the control API under /sandbox."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterable
from copy import deepcopy
from typing import Any, Protocol, cast
from urllib.parse import parse_qsl, urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Message
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from trunkline.sandbox.faults import LIST_KINDS, Fault, FaultBook
from trunkline.sandbox.listings import distorted, first_page
from trunkline.sandbox.world import Drift, Number, Received, Switch, World

Handler = Callable[[Request, World], Awaitable[Response]]
# The operation of a request that no vendor serves.
UNSERVED = "unserved"
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
KEEP_REQUESTS = 200_000


class Vendor(Protocol):
    """What a vendor's file gives the sandbox."""

    name: str
    switches: dict[str, Switch]
    hosts: tuple[str, ...]
    """Paths that lead to this vendor alone, served or not."""
    extras: tuple[str, ...]
    """What `Account.extra` may hold at this vendor."""
    drifts: tuple[Drift, ...]
    """What may change here unasked; what this vendor could not show is left out."""

    def operations(self) -> list[tuple[str, str, str, Handler]]:
        """(operation, HTTP method, path, handler) of every call; more specific paths first."""

    def seed(self, world: World) -> None:
        """Put the default account and stock into a new world."""

    def error(self, status: int) -> Response:
        """How this vendor words a fault's status that came without a body."""

    def check_auth(self, request: Request, world: World) -> Response | None:
        """The refusal for a caller without valid credentials, None for a valid one."""

    def offer(self, world: World, number: Number) -> None:
        """This number may be bought now, as if a search had just shown it."""

    async def unserved(self, request: Request, world: World) -> Response:
        """How this vendor words that there is no such path."""


class Platform(Vendor, Protocol):
    """The vendor that answers the carriers' numbers."""

    def served(self, world: World) -> Iterable[tuple[str, str]]:
        """The numbers that something answers here, each as its carrier and number."""

    def import_held(self, world: World, number: Number) -> None:
        """As if this held number had been imported for the first assistant, with its account's keys."""


class Call:
    """One request to a vendor, which can be carried out as it is, otherwise than it was sent, later, or twice."""

    def __init__(self, vendor: Vendor, handler: Handler, request: Request, body: bytes, world: World) -> None:
        self.vendor, self.handler, self.request, self.body, self.world = vendor, handler, request, body, world

    async def work(self, body: bytes | None = None, query: str | None = None) -> Response:
        """The vendor's own answer; to another body or query than was sent, where one is given."""
        request = self.request
        if body is not None or query is not None:
            scope = request.scope if query is None else {**request.scope, "query_string": query.encode()}
            request = Request(scope, replay(self.body if body is None else body))
        return await self.handler(request, self.world)

    async def later(self, seconds: float, received: Received) -> None:
        """Carry it out although nobody waits for the answer any more."""
        await asyncio.sleep(seconds)
        received.status = (await self.work()).status_code

    def as_rival(self, fields: dict[str, str]) -> bytes:
        """The body as somebody else would send it."""
        if self.body.lstrip().startswith(b"{"):
            return json.dumps(json.loads(self.body) | fields).encode()
        return urlencode(
            dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True)) | fields
        ).encode()

    def for_another_number(self) -> bytes:
        """The body with another number for sale, of the same country and type, in place of the one it names."""
        for digits in re.findall(rb"\d{7,15}", self.body):
            asked = self.world.number(self.vendor.name, f"+{digits.decode()}")
            if asked is None:
                continue
            for other in self.world.for_sale(self.vendor.name):
                alike = (other.country, other.type, other.held_for) == (asked.country, asked.type, None)
                if alike and other is not asked:
                    self.vendor.offer(self.world, other)
                    return self.body.replace(digits, other.number.removeprefix("+").encode())
        return self.body


def for_callers(vendor: Vendor, handler: Handler) -> Handler:
    """The handler behind the vendor's look at who asks."""

    async def checked(request: Request, world: World) -> Response:
        return vendor.check_auth(request, world) or await handler(request, world)

    return checked


def replay(body: bytes) -> Callable[[], Awaitable[Message]]:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


class Sandbox:
    """A world, its armed faults, and the vendors that act in it."""

    def __init__(self, vendors: list[Vendor]) -> None:
        self.vendors = {vendor.name: vendor for vendor in vendors}
        self.faults = FaultBook()
        self.world = World()
        self._late: set[asyncio.Task[None]] = set()
        self.reset()

    def reset(self, seed: int = 0, stock: bool = True) -> None:
        """Back to the start: default accounts and switches, no faults, no requests seen. `stock`: there is some."""
        self.faults.clear()
        self.faults.seed(seed)
        self.world = World()
        for vendor in self.vendors.values():
            self.world.switches |= {name: deepcopy(switch.default) for name, switch in vendor.switches.items()}
            vendor.seed(self.world)
        if not stock:
            self.world.numbers.clear()

    def switches(self) -> dict[str, Switch]:
        return {name: switch for vendor in self.vendors.values() for name, switch in vendor.switches.items()}

    @property
    def platform(self) -> Platform:
        return cast(Platform, self.vendors["vapi"])

    def operations(self) -> dict[str, set[str]]:
        """The names of each vendor's operations."""
        return {
            name: {UNSERVED, *(operation for operation, *_ in vendor.operations())}
            for name, vendor in self.vendors.items()
        }

    def app(self, control: list[BaseRoute]) -> Starlette:
        """All vendors' calls; what none of them serves is answered by the one whose host it would be."""
        routes: list[BaseRoute] = list(control)
        for vendor in self.vendors.values():
            for operation, method, path, handler in vendor.operations():
                endpoint = self._endpoint(vendor, operation, for_callers(vendor, handler))
                routes.append(Route(path, endpoint, methods=[method]))
        unserved = [(path, vendor) for vendor in self.vendors.values() for path in vendor.hosts]
        for path, vendor in sorted(unserved, key=lambda entry: -len(entry[0])):
            routes.append(Route(path, self._endpoint(vendor, UNSERVED, vendor.unserved), methods=METHODS))
        return Starlette(routes=routes)

    def _endpoint(self, vendor: Vendor, operation: str, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            body = await request.body()
            text = body.decode("utf-8", "replace")
            drawn = self.faults.draw(vendor.name, operation, f"{request.url.query}\n{text}")
            received = self._log(vendor.name, operation, request, text, drawn)
            call = Call(vendor, handler, request, body, self.world)
            await asyncio.sleep(sum(f.seconds for f in drawn if f.kind == "latency" and f.when == "before"))
            fault = next((f for f in drawn if f.kind != "latency"), None)
            response = await call.work() if fault is None else await self._misbehave(call, fault, received)
            await asyncio.sleep(sum(f.seconds for f in drawn if f.kind == "latency" and f.when == "after"))
            if fault is None or fault.kind != "late":
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

    async def _misbehave(self, call: Call, fault: Fault, received: Received) -> Response:
        if fault.kind in LIST_KINDS:
            query = first_page(call.request.url.query) if fault.kind == "endless" else None
            return distorted(fault, call.request, await call.work(query=query))
        if fault.kind == "other_number":
            return await call.work(call.for_another_number())
        if fault.kind == "rival":
            return await self._with_rival(call, fault)
        if fault.kind == "late":
            task = asyncio.create_task(call.later(fault.seconds, received))
            self._late.add(task)
            task.add_done_callback(self._late.discard)
            return Dropped()
        if fault.when == "after":
            await call.work()
        if fault.kind == "status":
            return told(call.vendor, fault)
        if fault.kind == "hold":
            gone = asyncio.create_task(_gone(call.request))
            released = asyncio.create_task(self.faults.held(fault))
            await asyncio.wait({gone, released}, return_when=asyncio.FIRST_COMPLETED)
            gone.cancel()
            released.cancel()
        return Dropped()

    async def _with_rival(self, call: Call, fault: Fault) -> Response:
        if fault.when == "before":
            await call.work(call.as_rival(fault.fields))
            return await call.work()
        response = await call.work()
        await call.work(call.as_rival(fault.fields))
        return response


def told(vendor: Vendor, fault: Fault) -> Response:
    """The answer that a status fault spells out."""
    if fault.body is None:
        response = vendor.error(fault.status)
    elif isinstance(fault.body, str):
        response = HTMLResponse(fault.body, fault.status)
    else:
        response = JSONResponse(fault.body, fault.status)
    response.headers.update(fault.headers)
    return response


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
