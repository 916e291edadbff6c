"""The sandbox's own interface, under /sandbox: look, reset, accounts, stock, faults, switches and the request log."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from trunkline.sandbox.app import METHODS, Sandbox, Vendor
from trunkline.sandbox.drift import Asked, UnknownKind, drift
from trunkline.sandbox.faults import Fault, UnknownName
from trunkline.sandbox.words import operation_of
from trunkline.sandbox.world import EXACT, Account, Number

T = TypeVar("T")
# What may be changed of a number that is there; the rest would be another number.
CHANGEABLE = ("price", "currency", "upfront", "voice", "sms", "address", "bundle", "wire")
NARROWING = ("carrier", "number", "country", "type", "account", "held")


class BadControl(ValueError):
    """The control request is unusable; the text says which field and why."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


def control_routes(sandbox: Sandbox) -> list[BaseRoute]:
    """Every control call; each answers JSON, {"error"} with 400 for a bad request, 404 for an unknown thing or path,
    409 for a number that is held, 422 for a fault that could never apply.

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
        ("PATCH", "/sandbox/numbers", control.change_numbers),
        ("DELETE", "/sandbox/numbers", control.clear_stock),
        ("POST", "/sandbox/drift", control.drift),
        ("GET", "/sandbox/operations", control.list_operations),
        ("GET", "/sandbox/faults", control.list_faults),
        ("POST", "/sandbox/faults", control.add_fault),
        ("DELETE", "/sandbox/faults", control.clear_faults),
        ("DELETE", "/sandbox/faults/{fault:int}", control.remove_fault),
        ("GET", "/sandbox/switches", control.list_switches),
        ("PUT", "/sandbox/switches", control.put_switches),
        ("GET", "/sandbox/requests", control.list_requests),
        ("DELETE", "/sandbox/requests", control.clear_requests),
    ]
    routes: list[BaseRoute] = [Route(path, guarded(call), methods=[method]) for method, path, call in table]
    for vendor in sandbox.vendors.values():
        own: Callable[[Sandbox], list[BaseRoute]] | None = getattr(vendor, "control_routes", None)
        routes += own(sandbox) if own is not None else []
    return [*routes, Route("/sandbox/{rest:path}", no_such_path, methods=METHODS)]


async def no_such_path(request: Request) -> Response:
    return JSONResponse({"error": f"no control path {request.method} {request.url.path}; see docs/sandbox.md"}, 404)


def guarded(call: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            return await call(request)
        except BadControl as error:
            return JSONResponse({"error": str(error)}, error.status)

    return endpoint


async def body_of(request: Request) -> Any:
    raw = await request.body()
    try:
        return json.loads(raw) if raw else {}
    except ValueError as error:
        raise BadControl(f"the body is not JSON: {error}") from None


async def object_of(request: Request) -> dict[str, Any]:
    data = await body_of(request)
    if not isinstance(data, dict):
        raise BadControl("the body is a JSON object")
    return data


def build(kind: type[T], data: Any) -> T:
    """A dataclass from JSON; an unknown or unusable field is a BadControl that names it."""
    try:
        built: T = ADAPTERS[kind].validate_python(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(map(str, first["loc"])) or "body"
        known = ", ".join(getattr(kind, "__dataclass_fields__", {}))
        hint = f"; known are {known}" if first["type"] == "unexpected_keyword_argument" else ""
        raise BadControl(f"{name}: {first['msg']}{hint}") from None
    return built


@dataclass
class Fresh:
    """How a reset world is to be."""

    __pydantic_config__ = EXACT

    seed: int = 0
    stock: bool = True


# Made once: making one takes longer than a thousand numbers.
ADAPTERS: dict[type, TypeAdapter[Any]] = {kind: TypeAdapter(kind) for kind in (Account, Number, Fault, Fresh, Asked)}


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
        """`{"seed": 0, "stock": true}` unless told: the faults' chance, and whether anything is for sale."""
        self.sandbox.reset(**asdict(build(Fresh, await body_of(request))))
        return JSONResponse({"status": "reset"})

    async def put_account(self, request: Request) -> Response:
        """Create the account or change the named fields of one: `{"trial": false}` is the upgrade."""
        key = request.path_params["carrier"], request.path_params["account"]
        before = self.sandbox.world.accounts.get(key)
        data = (asdict(before) if before else {}) | await object_of(request)
        account = build(Account, data | {"carrier": key[0], "id": key[1]})
        known = self.vendor(account.carrier).extras
        if unknown := set(account.extra) - set(known):
            raise BadControl(f"extra: unknown {sorted(unknown)[0]!r}; known are {', '.join(known)}")
        self.sandbox.world.add_account(account)
        return JSONResponse(plain(asdict(account) | {"secret": "***"}))

    def vendor(self, carrier: str) -> Vendor:
        vendor = self.sandbox.vendors.get(carrier)
        if vendor is None:
            raise BadControl(f"carrier: no vendor {carrier!r}; known are {', '.join(sorted(self.sandbox.vendors))}")
        return vendor

    async def list_numbers(self, request: Request) -> Response:
        """All numbers; `?carrier=`, `number`, `country`, `type`, `account` and `held=true|false` narrow."""
        return JSONResponse(plain([asdict(number) for number in self._narrowed(request)]))

    def _narrowed(self, request: Request) -> list[Number]:
        query = dict(request.query_params)
        if unknown := set(query) - set(NARROWING):
            raise BadControl(f"unknown filter {sorted(unknown)[0]!r}; known are {', '.join(NARROWING)}")
        held = query.pop("held", None)
        return [
            number
            for number in self.sandbox.world.numbers.values()
            if all(getattr(number, name) == value for name, value in query.items())
            and (held is None or (held == "true") == (number.account is not None))
        ]

    async def change_numbers(self, request: Request) -> Response:
        """Change a price, a currency or another field of CHANGEABLE of all numbers that the query leaves.

        `wire` is merged into each number's record. Answers {"changed": how many}.
        """
        data = await object_of(request)
        if not data or set(data) - set(CHANGEABLE):
            raise BadControl(f"the body is an object with some of {', '.join(CHANGEABLE)}")
        checked = build(Number, {"carrier": "any", "number": "any"} | data)
        numbers = self._narrowed(request)
        for number in numbers:
            for name in set(data) - {"wire"}:
                setattr(number, name, getattr(checked, name))
            number.wire |= checked.wire
        return JSONResponse({"changed": len(numbers)})

    async def add_numbers(self, request: Request) -> Response:
        """Put numbers up for sale, or with `account` into an account's hands. One object or a list.

        A number that somebody holds is refused (409), and then none of them is added; `?replace=true` takes it away.
        With `?imported=true` those that get an account are in Vapi as well, answered by its first assistant.
        """
        data = await body_of(request)
        numbers = [build(Number, item) for item in (data if isinstance(data, list) else [data])]
        replace = request.query_params.get("replace") == "true"
        for number in numbers:
            self.vendor(number.carrier)
            before = self.sandbox.world.number(number.carrier, number.number)
            if before is not None and before.account is not None and not replace:
                held = f"{number.number} is held by {before.account} at {number.carrier}"
                raise BadControl(f"{held}; add ?replace=true to take it away", 409)
        for number in numbers:
            vendor = self.sandbox.vendors[number.carrier]
            self.sandbox.world.add_number(number)
            hold = getattr(vendor, "hold", None)
            if number.account is not None and hold is not None:
                hold(self.sandbox.world, number)
            if number.account is not None and request.query_params.get("imported") == "true":
                self.sandbox.platform.import_held(self.sandbox.world, number)
        return JSONResponse({"added": len(numbers)}, 201)

    async def clear_stock(self, request: Request) -> Response:
        """Nothing is for sale any more (`?carrier=` narrows); numbers that are held stay."""
        world, carrier = self.sandbox.world, request.query_params.get("carrier")
        gone = [k for k, n in world.numbers.items() if n.account is None and carrier in (None, n.carrier)]
        for key in gone:
            del world.numbers[key]
        return JSONResponse({"removed": len(gone)})

    async def drift(self, request: Request) -> Response:
        """`{"seed": 0, "changes": 40, "kinds": null}` unless told. Answers what was changed, in that order."""
        try:
            changed = drift(self.sandbox, build(Asked, await body_of(request)))
        except UnknownKind as unknown:
            raise BadControl(str(unknown)) from None
        return JSONResponse([asdict(one) for one in changed])

    async def list_faults(self, request: Request) -> Response:
        return JSONResponse(self.sandbox.faults.rules())

    async def add_fault(self, request: Request) -> Response:
        data = await body_of(request)
        faults = [build(Fault, item) for item in (data if isinstance(data, list) else [data])]
        for fault in faults:
            fault.operation = operation_of(fault.provider, fault.operation)
            try:
                fault.check(self.sandbox.operations())
            except UnknownName as unknown:
                raise BadControl(str(unknown), 422) from None
        return JSONResponse([asdict(self.sandbox.faults.add(fault)) for fault in faults], 201)

    async def clear_faults(self, request: Request) -> Response:
        self.sandbox.faults.clear()
        return Response(status_code=204)

    async def remove_fault(self, request: Request) -> Response:
        found = self.sandbox.faults.remove(request.path_params["fault"])
        return Response(status_code=204) if found else JSONResponse({"error": "no such fault"}, 404)

    async def list_operations(self, request: Request) -> Response:
        """What a fault or a filter of the requests can name, by provider."""
        return JSONResponse({name: sorted(known) for name, known in self.sandbox.operations().items()})

    async def list_switches(self, request: Request) -> Response:
        return JSONResponse(self.sandbox.world.switches)

    async def put_switches(self, request: Request) -> Response:
        """Set the named ones. All of them are looked at before any is set."""
        data, known = await object_of(request), self.sandbox.switches()
        if unknown := set(data) - set(known):
            raise BadControl(f"unknown switch {sorted(unknown)[0]!r}; known are {', '.join(sorted(known))}")
        for name, value in data.items():
            try:
                TypeAdapter(known[name].of).validate_python(value, strict=True)
            except ValidationError as error:
                raise BadControl(f"{name}: {error.errors(include_url=False)[0]['msg']}; {known[name].about}") from None
        self.sandbox.world.switches |= data
        return JSONResponse(self.sandbox.world.switches)

    async def list_requests(self, request: Request) -> Response:
        """What the vendors received, oldest first; `?provider=`, `?operation=`, `?after=N` (skip the first) narrow."""
        query = request.query_params
        after = query.get("after", "0")
        if not after.isdecimal():
            raise BadControl(f"after: how many requests to skip, not {after!r}")
        seen = [
            asdict(r)
            for r in self.sandbox.world.requests[int(after) :]
            if query.get("provider", r.provider) == r.provider and query.get("operation", r.operation) == r.operation
        ]
        return JSONResponse(seen)

    async def clear_requests(self, request: Request) -> Response:
        self.sandbox.world.requests.clear()
        return Response(status_code=204)
