"""How Twilio words its answers: bodies, headers, refusals and pages."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from itertools import islice
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from trunkline.sandbox.app import Handler
from trunkline.sandbox.world import World

ROOT = "/2010-04-01"
PAGE_SIZE, MAX_PAGE_SIZE = 50, 1000
PAGING = ("PageSize", "Page", "PageToken")
T = TypeVar("T")

# As recorded on calls of the 2010 API (2023); the request id is new for each answer.
HEADERS = {
    "Twilio-Concurrent-Requests": "1",
    "Twilio-Request-Duration": "0.080",
    "X-Home-Region": "us1",
    "X-Api-Domain": "api.twilio.com",
    "X-Powered-By": "AT-5000",
    "X-Shenanigans": "none",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "Accept, Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key",
    "Access-Control-Allow-Methods": "GET, POST, DELETE, OPTIONS",
    "Access-Control-Allow-Credentials": "true",
    "Access-Control-Expose-Headers": "ETag",
}

AUTHENTICATE = "Authenticate"
# A fault's status without a body of its own: (code, message). 503's wording is recorded, the rest is the dictionary's.
STATUSES = {
    401: (20003, AUTHENTICATE),
    403: (20006, "Access Denied"),
    404: (20404, "The requested resource was not found"),
    429: (20429, "Too Many Requests"),
    500: (20500, "Internal Server Error"),
    503: (20503, "Service is unavailable, please try again"),
}


class Refused(Exception):
    """Twilio says no: `code` is Twilio's, `status` is HTTP's."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status

    def response(self) -> Response:
        # The link of a 503 is recorded with the status in place of the code.
        page = 503 if self.status == 503 else self.code
        body = {
            "code": self.code,
            "message": self.message,
            "more_info": f"https://www.twilio.com/docs/errors/{page}",
            "status": self.status,
        }
        response = answer(body, self.status)
        if self.status == 401:
            response.headers["WWW-Authenticate"] = 'Basic realm="Twilio API"'
        return response


def switched(world: World, switch: str) -> Refused:
    """The refusal that a switch spells out as {"status", "code", "message"}."""
    wording = world.switches[switch]
    return Refused(int(wording["code"]), str(wording["message"]), int(wording["status"]))


def not_found(request: Request) -> Refused:
    return Refused(20404, f"The requested resource {request.url.path} was not found", 404)


def answer(body: Any, status: int = 200) -> Response:
    headers = HEADERS | {"Twilio-Request-Id": f"RQ{uuid.uuid4().hex}"}
    return Response(status_code=204, headers=headers) if status == 204 else JSONResponse(body, status, headers)


def refusing(work: Callable[[Request, World], Response]) -> Handler:
    """A handler whose refusals are answers."""

    async def handler(request: Request, world: World) -> Response:
        request.state.form = dict(parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True))
        try:
            return work(request, world)
        except Refused as refused:
            return refused.response()

    return handler


def rfc2822(moment: datetime) -> str:
    return format_datetime(moment)


def flag(query: dict[str, str], name: str, default: bool) -> bool:
    return query.get(name, str(default)).lower() == "true"


@dataclass(frozen=True)
class Page:
    """One page of a list. `Page` is only the client's own count: the place in the list is in the token.

    A client that counts up `Page` without a token gets the first page again, as the API's description has it
    ("this value is simply for client state").
    """

    size: int
    page: int
    token: str | None

    @classmethod
    def of(cls, request: Request) -> Page:
        query = request.query_params
        size, page = query.get("PageSize", str(PAGE_SIZE)), query.get("Page", "0")
        for name, value, least in (("PageSize", size, 1), ("Page", page, 0)):
            if not value.isdecimal() or int(value) < least:
                raise Refused(20001, f"{name} is not valid")
        return cls(min(int(size), MAX_PAGE_SIZE), int(page), query.get("PageToken") or None)

    def cut(
        self, forward: Callable[[str | None], Iterable[T]], backward: Callable[[str], Iterable[T]]
    ) -> tuple[list[T], bool]:
        """The page's rows and whether there are more; a token is PA or PB (after, before) and the row's own id."""
        token = self.token
        if token is None or token.startswith("PA"):
            rows = list(islice(forward(token[2:] if token else None), self.size + 1))
            return rows[: self.size], len(rows) > self.size
        if not token.startswith("PB"):
            raise Refused(20001, "PageToken is not valid")
        rows = list(islice(backward(token[2:]), self.size))
        return rows[::-1], True

    def cut_list(self, items: list[T], key: Callable[[T], str]) -> tuple[list[T], bool]:
        """The same for a short list that is already in order."""

        def after(token: str | None) -> Iterator[T]:
            if token is None:
                return iter(items)
            return islice(items, next((i + 1 for i, item in enumerate(items) if key(item) == token), len(items)), None)

        def before(token: str) -> Iterator[T]:
            return islice(
                reversed(items), next((i + 1 for i, x in enumerate(reversed(items)) if key(x) == token), 0), None
            )

        return self.cut(after, before)

    def links(self, request: Request, keys: list[str], more: bool) -> dict[str, str | None]:
        """Path and query of this, the first, the next and the previous page; `keys` are the ids of the page's rows."""
        kept = [(name, value) for name, value in request.query_params.multi_items() if name not in PAGING]

        def link(page: int, token: str | None = None) -> str:
            paging = [("PageSize", str(self.size)), ("Page", str(page))]
            paging += [("PageToken", token)] if token else []
            return f"{request.url.path}?{urlencode(kept + paging)}"

        previous = None
        if self.page > 0 and keys:
            previous = link(self.page - 1, f"PB{keys[0]}")
        return {
            "this": link(self.page, self.token),
            "first": link(0),
            "next": link(self.page + 1, f"PA{keys[-1]}") if more and keys else None,
            "previous": previous,
        }


def listing(request: Request, page: Page, key: str, rows: list[dict[str, Any]], more: bool) -> Response:
    """A page of the 2010 API: links relative to the host, no total."""
    links = page.links(request, [row["sid"] for row in rows], more)
    start = page.page * page.size
    return answer(
        {
            key: rows,
            "first_page_uri": links["first"],
            "next_page_uri": links["next"],
            "previous_page_uri": links["previous"],
            "uri": links["this"],
            "page": page.page,
            "page_size": page.size,
            "start": start,
            "end": start + max(len(rows) - 1, 0),
        }
    )
