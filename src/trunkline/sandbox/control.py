"""The sandbox's own interface, under /sandbox: look, reset, accounts, stock, faults, switches and the request log."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, fields
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from trunkline.sandbox.app import Sandbox
from trunkline.sandbox.faults import Fault
from trunkline.sandbox.world import Account, Number

MONEY = {"balance", "price"}
T = TypeVar("T")


class BadControl(ValueError):
    """The control request is unusable; the text says which field and why."""


def control_routes(sandbox: Sandbox) -> list[BaseRoute]:
    """Every control call; each answers JSON, 400 {"error"} for a bad request, 404 {"error"} for an unknown thing.

    A vendor adds its own by a method `control_routes(sandbox)`.
    """
    control = Control(sandbox)
    table: list[tuple[str, str, Callable[[Request], Awaitable[Response]]]] = [
        ("GET", "/sandbox/state", control.show),
        ("GET", "/sandbox/health", control.health),
        ("POST", "/sandbox/reset", control.reset),
        ("PUT", "/sandbox/accounts/{carrier}/{account}", control.put_account),
        ("GET", "/sandbox/numbers", control.list_numbers),
        ("POST", "/sandbox/numbers", control.add_numbers),
        ("DELETE", "/sandbox/numbers", control.clear_stock),
        ("GET", "/sandbox/faults", control.list_faults),
        ("POST", "/sandbox/faults", control.add_fault),
        ("DELETE", "/sandbox/faults", control.clear_faults),
        ("DELETE", "/sandbox/faults/{fault:int}", control.remove_fault),
        ("PUT", "/sandbox/switches", control.put_switches),
        ("GET", "/sandbox/requests", control.list_requests),
        ("DELETE", "/sandbox/requests", control.clear_requests),
    ]
    routes: list[BaseRoute] = [Route(path, guarded(call), methods=[method]) for method, path, call in table]
    for vendor in sandbox.vendors.values():
        own: Callable[[Sandbox], list[BaseRoute]] | None = getattr(vendor, "control_routes", None)
        routes += own(sandbox) if own is not None else []
    return routes


def guarded(call: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            return await call(request)
        except BadControl as error:
            return JSONResponse({"error": str(error)}, 400)

    return endpoint


async def body_of(request: Request) -> Any:
    raw = await request.body()
    try:
        return json.loads(raw) if raw else {}
    except ValueError as error:
        raise BadControl(f"the body is not JSON: {error}") from None


def build(kind: type[T], data: Any) -> T:
    """A dataclass from JSON; an unknown or unusable field is a BadControl that names it."""
    if not isinstance(data, dict):
        raise BadControl(f"expected an object, got {type(data).__name__}")
    known = {f.name for f in fields(kind)}  # type: ignore[arg-type]
    if unknown := set(data) - known:
        raise BadControl(f"unknown field {sorted(unknown)[0]!r}; known are {', '.join(sorted(known))}")
    values = dict(data)
    for name in MONEY & set(values):
        try:
            values[name] = Decimal(str(values[name]))
        except InvalidOperation:
            raise BadControl(f"{name} is not an amount: {values[name]!r}") from None
    try:
        return kind(**values)
    except TypeError as error:
        raise BadControl(str(error)) from None


def plain(value: Any) -> Any:
    return json.loads(json.dumps(value, default=str))


class Control:
    """The control calls of one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    async def show(self, request: Request) -> Response:
        world = self.sandbox.world
        accounts = [asdict(a) | {"secret": "***" if a.secret else ""} for a in world.accounts.values()]
        held: dict[str, int] = {}
        for number in world.numbers.values():
            if number.account is not None:
                held[number.carrier] = held.get(number.carrier, 0) + 1
        return JSONResponse(
            plain(
                {
                    "accounts": accounts,
                    "held": held,
                    "for_sale": {name: len(world.for_sale(name)) for name in self.sandbox.vendors},
                    "switches": world.switches,
                    "faults": self.sandbox.faults.rules(),
                    "requests": len(world.requests),
                }
            )
        )

    async def health(self, request: Request) -> Response:
        return JSONResponse({"status": "ok", "vendors": sorted(self.sandbox.vendors)})

    async def reset(self, request: Request) -> Response:
        data = await body_of(request)
        self.sandbox.reset(seed=int(data.get("seed", 0)), stock=bool(data.get("stock", True)))
        return JSONResponse({"status": "reset"})

    async def put_account(self, request: Request) -> Response:
        """Create the account or change the named fields of one: `{"trial": false}` is the upgrade."""
        key = request.path_params["carrier"], request.path_params["account"]
        before = self.sandbox.world.accounts.get(key)
        data = {**(asdict(before) if before else {}), **await body_of(request)}
        account = build(Account, data | {"carrier": key[0], "id": key[1]})
        self.sandbox.world.add_account(account)
        return JSONResponse(plain(asdict(account) | {"secret": "***"}))

    async def list_numbers(self, request: Request) -> Response:
        """All numbers; `?carrier=` and `?held=true|false` narrow."""
        query = request.query_params
        numbers = [
            asdict(n)
            for n in self.sandbox.world.numbers.values()
            if query.get("carrier", n.carrier) == n.carrier
            and ("held" not in query or (query["held"] == "true") == (n.account is not None))
        ]
        return JSONResponse(plain(numbers))

    async def add_numbers(self, request: Request) -> Response:
        """Put numbers up for sale, or with `account` into an account's hands. One object or a list."""
        data = await body_of(request)
        numbers = [build(Number, item) for item in (data if isinstance(data, list) else [data])]
        for number in numbers:
            vendor = self.sandbox.vendors.get(number.carrier)
            if vendor is None:
                raise BadControl(f"carrier: no vendor {number.carrier!r}")
            self.sandbox.world.add_number(number)
            hold = getattr(vendor, "hold", None)
            if number.account is not None and hold is not None:
                hold(self.sandbox.world, number)
        return JSONResponse({"added": len(numbers)}, 201)

    async def clear_stock(self, request: Request) -> Response:
        """Nothing is for sale any more (`?carrier=` narrows); numbers that are held stay."""
        world, carrier = self.sandbox.world, request.query_params.get("carrier")
        gone = [k for k, n in world.numbers.items() if n.account is None and carrier in (None, n.carrier)]
        for key in gone:
            del world.numbers[key]
        return JSONResponse({"removed": len(gone)})

    async def list_faults(self, request: Request) -> Response:
        return JSONResponse(self.sandbox.faults.rules())

    async def add_fault(self, request: Request) -> Response:
        data = await body_of(request)
        faults = [build(Fault, item) for item in (data if isinstance(data, list) else [data])]
        for fault in faults:
            if fault.kind not in ("latency", "status", "drop", "hold") or fault.when not in ("before", "after"):
                raise BadControl("kind is one of latency, status, drop, hold; when is before or after")
        return JSONResponse([asdict(self.sandbox.faults.add(fault)) for fault in faults], 201)

    async def clear_faults(self, request: Request) -> Response:
        self.sandbox.faults.clear()
        return Response(status_code=204)

    async def remove_fault(self, request: Request) -> Response:
        found = self.sandbox.faults.remove(request.path_params["fault"])
        return Response(status_code=204) if found else JSONResponse({"error": "no such fault"}, 404)

    async def put_switches(self, request: Request) -> Response:
        data = await body_of(request)
        if unknown := set(data) - set(self.sandbox.world.switches):
            known = ", ".join(sorted(self.sandbox.world.switches))
            raise BadControl(f"unknown switch {sorted(unknown)[0]!r}; known are {known}")
        self.sandbox.world.switches |= data
        return JSONResponse(self.sandbox.world.switches)

    async def list_requests(self, request: Request) -> Response:
        """What the vendors received, oldest first; `?provider=`, `?operation=`, `?after=N` (skip the first) narrow."""
        query = request.query_params
        seen = [
            asdict(r)
            for r in self.sandbox.world.requests[int(query.get("after", 0)) :]
            if query.get("provider", r.provider) == r.provider and query.get("operation", r.operation) == r.operation
        ]
        return JSONResponse(seen)

    async def clear_requests(self, request: Request) -> Response:
        self.sandbox.world.requests.clear()
        return Response(status_code=204)
