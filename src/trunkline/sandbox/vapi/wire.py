"""What Vapi's resources share: records, refusals in NestJS form, checks of fields, and lists."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import product
from operator import ge, gt, le, lt
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from trunkline.sandbox.world import Account, World

E164 = re.compile(r"\+[1-9]\d{6,14}")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
# Observed word for word on customer.number; the check of a phone number's own field is the same one.
E164_MESSAGE = (
    "{0} must be a valid phone number in the E.164 format. Hot tip, you may be missing the country code (Eg. US: +1)."
)
Handler = Callable[[Request, World], Awaitable[Response]]


class Refused(Exception):
    """Vapi says no: a list of messages for invalid fields, one text for anything else."""

    def __init__(self, status: int, message: str | list[str], error: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.error = status, message, error


def refusal(status: int, message: str | list[str], error: str | None = None) -> JSONResponse:
    """Observed form of a NestJS error: message, error (the status's phrase unless given) and statusCode."""
    body = {"message": message, "error": error or HTTPStatus(status).phrase, "statusCode": status}
    return JSONResponse(body, status)


def not_served(request: Request) -> JSONResponse:
    return refusal(404, f"Cannot {request.method} {request.url.path}")


def refusing(handler: Handler) -> Handler:
    async def endpoint(request: Request, world: World) -> Response:
        try:
            return await handler(request, world)
        except Refused as no:
            return refusal(no.status, no.message, no.error)

    return endpoint


@dataclass
class Record:
    """One resource of one org: what Vapi stores, secrets included, and its dates in epoch milliseconds."""

    wire: dict[str, Any]
    created: int
    updated: int

    @property
    def id(self) -> str:
        return str(self.wire["id"])

    def touch(self, world: World) -> None:
        self.updated = tick(world)
        self.wire["updatedAt"] = iso(self.updated)


R = TypeVar("R", bound=Record)


def tick(world: World) -> int:
    """Now in milliseconds, later than every tick before: two records never share a date, so paging by date is exact."""
    state = world.vendor("vapi")
    state["tick"] = max(int(time.time() * 1000), int(state.get("tick", 0)) + 1)
    return int(state["tick"])


def iso(milliseconds: float) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def new_id(world: World) -> str:
    return str(uuid.UUID(int=world.random.getrandbits(128), version=4))


def common(world: World, org: str, fields: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """The fields that every new resource has, before its own; a given null counts as not given."""
    now = tick(world)
    head = {"id": new_id(world), "orgId": org, "createdAt": iso(now), "updatedAt": iso(now)}
    return head | {key: value for key, value in fields.items() if value is not None}, now


def shelf(world: World, org: str, kind: str) -> dict[str, Any]:
    """The org's records of one kind by id, oldest first."""
    shelves: dict[str, dict[str, Any]] = world.vendor("vapi").setdefault(kind, {})
    return shelves.setdefault(org, {})


def org_of(request: Request) -> str:
    account: Account = request.state.vapi_org
    return account.id


def pick(request: Request, records: dict[str, R], what: str) -> R:
    """The record that the path names. The wording of this 404 is not published."""
    wanted = str(request.path_params["id"])
    if not UUID.fullmatch(wanted):
        raise Refused(400, ["id must be a UUID"])
    record = records.get(wanted.lower())
    if record is None:
        raise Refused(404, f"{what} Not Found")
    return record


async def body_of(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body() or b"{}")
    except ValueError:
        raise Refused(400, "Unexpected token in JSON at position 0") from None
    if not isinstance(body, dict):
        raise Refused(400, ["body must be an object"])
    return body


class Checks:
    """Collects what is wrong with a body's fields, as class-validator words it, and refuses all at once."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body
        self.messages: list[str] = []

    def only(self, known: Iterable[str]) -> None:
        allowed = set(known)
        self.messages += [f"property {key} should not exist" for key in self.body if key not in allowed]

    def text(self, field: str, longest: int | None = None, shortest: int = 0, required: bool = False) -> None:
        value = self.body.get(field)
        if value is None and not required:
            return
        if not isinstance(value, str):
            self.messages.append(f"{field} must be a string")
        elif longest is not None and len(value) > longest:
            self.messages.append(f"{field} must be shorter than or equal to {longest} characters")
        elif len(value) < shortest:
            self.messages.append(f"{field} must be longer than or equal to {shortest} characters")

    def e164(self, field: str, required: bool = True) -> None:
        value = self.body.get(field)
        if (value is not None or required) and not (isinstance(value, str) and E164.fullmatch(value)):
            self.messages.append(E164_MESSAGE.format(field))

    def uuid(self, field: str, required: bool = False) -> None:
        value = self.body.get(field)
        if (value is not None or required) and not (isinstance(value, str) and UUID.fullmatch(value)):
            self.messages.append(f"{field} must be a UUID")

    def flag(self, field: str) -> None:
        if not isinstance(self.body.get(field), bool | None):
            self.messages.append(f"{field} must be a boolean value")

    def object(self, field: str) -> None:
        if not isinstance(self.body.get(field), dict | None):
            self.messages.append(f"{field} must be an object")

    def server(self, legacy: bool) -> None:
        """`server`; its inline secret left the official document in May 2025, so it is accepted on request only."""
        server = self.body.get("server")
        if server is None:
            return
        if not isinstance(server, dict):
            self.messages.append("server must be an object")
            return
        inner = Checks(server)
        inner.only((*SERVER_FIELDS, "secret") if legacy else SERVER_FIELDS)
        inner.text("url")
        inner.uuid("credentialId")
        inner.object("headers")
        seconds = server.get("timeoutSeconds", 20)
        if not isinstance(seconds, int | float) or not 1 <= seconds <= 300:
            inner.messages.append("timeoutSeconds must not be less than 1 or greater than 300")
        self.messages += [f"server.{message}" for message in inner.messages]

    def done(self) -> None:
        if self.messages:
            raise Refused(400, self.messages)


SERVER_FIELDS = (
    "url",
    "timeoutSeconds",
    "credentialId",
    "headers",
    "staticIpAddressesEnabled",
    "encryptedPaths",
    "backoffPlan",
)


def patched(wire: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """The stored fields after a PATCH: given ones replace, null clears."""
    return {key: value for key, value in (wire | body).items() if value is not None}


COMPARE: dict[str, Callable[[float, float], bool]] = {"Gt": gt, "Ge": ge, "Lt": lt, "Le": le}


@dataclass(frozen=True)
class Window:
    """The part of a list that a query asks for: date limits and how many."""

    limit: int
    dates: list[tuple[str, Callable[[float, float], bool], float]]

    @classmethod
    def of(cls, request: Request) -> Window:
        """From createdAt and updatedAt with Gt, Ge, Lt, Le, and `limit` (0 to 1000, default 100)."""
        query = request.query_params
        wrong: list[str] = []
        dates = []
        for name, (suffix, compare) in product(("createdAt", "updatedAt"), COMPARE.items()):
            if (text := query.get(name + suffix)) is not None:
                try:
                    at = datetime.fromisoformat(text)
                    at = at if at.tzinfo else at.replace(tzinfo=UTC)
                    dates.append((name, compare, at.timestamp() * 1000))
                except (ValueError, OverflowError):
                    wrong.append(f"{name + suffix} must be a valid ISO 8601 date string")
        limit = whole(query.get("limit", "100"), "limit", 0, 1000, wrong)
        if wrong:
            raise Refused(400, wrong)
        return cls(limit, dates)

    def matching(self, records: Iterable[R]) -> Iterator[R]:
        """The records inside the date limits, in the order given."""
        if not self.dates:
            yield from records
            return
        for record in records:
            own = {"createdAt": record.created, "updatedAt": record.updated}
            if all(compare(own[name], limit) for name, compare, limit in self.dates):
                yield record

    def newest(self, records: dict[str, R]) -> list[R]:
        """The newest `limit` records, newest first; `records` is in order of creation."""
        found: list[R] = []
        for record in self.matching(reversed(records.values())):
            if len(found) >= self.limit:
                break
            found.append(record)
        return found


def whole(text: str, name: str, least: int, most: int | None, wrong: list[str]) -> int:
    """A whole number of the query; what is wrong with it is added to `wrong`."""
    try:
        value = float(text)
    except ValueError:
        wrong.append(f"{name} must be a number conforming to the specified constraints")
        return least
    if value < least:
        wrong.append(f"{name} must not be less than {least}")
    if most is not None and value > most:
        wrong.append(f"{name} must not be greater than {most}")
    return int(value) if abs(value) < 1e9 else least
