"""Requests and answers of our API, without the sending."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

import httpx2
import msgspec

from trunkline import __version__

T = TypeVar("T")
DEFAULT_URL = "http://localhost:8000"
PAGE = 200
KEY_HEAD = "trk_"  # as domain/keys.py has it
PATIENCE = 60.0  # seconds for which a server is waited for that was there a moment ago
TOO_MANY = 429
MOST_ATTEMPTS = 3  # of a request that came too early
LONGEST_PAUSE = 60  # seconds that are waited without being asked to
QUIET = 40.0  # the server says something every 15 seconds, if only that it is there
NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout)


class TrunklineClientError(Exception):
    """Base of what a client raises. `detail` is one sentence for a person; `hint` says what to do next."""

    def __init__(self, detail: str, hint: str | None = None) -> None:
        super().__init__(f"{detail} ({hint})" if hint else detail)
        self.detail = detail
        self.hint = hint


class ApiError(TrunklineClientError):
    """The server refused the request. Read `code`: it never changes its meaning. `field` names the input at fault;
    `differences` are those of a plan that has changed."""

    def __init__(
        self,
        code: str,
        status: int,
        detail: str,
        hint: str | None = None,
        field: str | None = None,
        differences: Sequence[str] = (),
    ) -> None:
        super().__init__(detail, hint)
        self.code = code
        self.status = status
        self.field = field
        self.differences = tuple(differences)


class ServerUnreachable(TrunklineClientError):
    """No server answered. `sent` is true where the request had left: it may have been carried out."""

    def __init__(self, detail: str, hint: str, *, sent: bool) -> None:
        super().__init__(detail, hint)
        self.sent = sent


@dataclass(frozen=True)
class Call(Generic[T]):
    """A request that answers one `kind`. What is None in `query` and `body` is left out; in the body of a change
    (PATCH) it is sent, for there it takes something off."""

    method: str
    path: str
    kind: type[T]
    query: dict[str, Any] = field(default_factory=dict)
    body: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Pages(Generic[T]):
    """A list that is read page by page."""

    path: str
    kind: type[T]
    query: dict[str, Any]

    def page(self, cursor: str | None) -> Call[Any]:
        return Call("GET", self.path, dict, {"limit": PAGE, "cursor": cursor} | self.query)

    def read(self, answer: Any) -> tuple[list[T], str | None]:
        """The items of a page, and where the next one begins."""
        page = shaped(answer, dict[str, Any])
        return shaped(page.get("items"), list[self.kind]), page.get("next_cursor")  # type: ignore[name-defined]


def options(url: str, secret: str | None, timeout: float) -> dict[str, Any]:
    """How both kinds of client are set up."""
    headers = {"User-Agent": f"trunkline-client/{__version__}", "Accept": "application/json"}
    return {
        "base_url": url,
        "headers": headers | shown_by(secret),
        "timeout": httpx2.Timeout(timeout, connect=5.0),
    }


def shown_by(secret: str | None) -> dict[str, str]:
    """How a caller shows who he is: by the operator's secret, or by a key."""
    if not secret:
        return {}
    return {"Authorization": f"Bearer {secret}"} if secret.startswith(KEY_HEAD) else {"X-Vapi-Secret": secret}


def request_of(call: Call[Any]) -> dict[str, Any]:
    given = {name: value for name, value in call.query.items() if value is not None}
    query = {name: v.isoformat() if isinstance(v, datetime) else v for name, v in given.items()}
    sent: dict[str, Any] = {"method": call.method, "url": call.path, "params": query, "headers": call.headers}
    if call.body is not None:
        kept = call.method == "PATCH"
        sent["json"] = {name: value for name, value in call.body.items() if kept or value is not None}
    return sent


def answer_of(call: Call[T], response: httpx2.Response) -> T:
    """The answer, or the ApiError that the server's problem is."""
    check(response)
    try:
        return shaped(msgspec.json.decode(response.content), call.kind)
    except msgspec.DecodeError:
        raise strange(response) from None


def check(response: httpx2.Response) -> None:
    """ApiError unless the request succeeded; the response has been read."""
    if response.is_success:
        return
    try:
        problem = msgspec.json.decode(response.content)
        raise ApiError(
            problem["code"],
            response.status_code,
            problem["detail"],
            problem.get("hint"),
            problem.get("field"),
            problem.get("differences") or (),
        )
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError):
        raise strange(response) from None


def pause_before_again(response: httpx2.Response, attempt: int) -> float | None:
    """How many seconds to wait before the same is asked again: nothing of it was looked at. None for an answer that
    counts, as the last of some attempts does, and for a longer wait."""
    asked = response.headers.get("Retry-After", "")
    if response.status_code != TOO_MANY or attempt >= MOST_ATTEMPTS or not asked.isdecimal():
        return None
    return float(asked) if int(asked) <= LONGEST_PAUSE else None


def shaped(data: Any, kind: type[T]) -> T:
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise ApiError(
            "unexpected_answer",
            200,
            f"the server's answer is not as this client knows it: {error}",
            "update the client",
        ) from None


def strange(response: httpx2.Response) -> ApiError:
    """Something answered that is not Trunkline."""
    detail = f"{response.url} answered {response.status_code}, and not as Trunkline does"
    return ApiError("unexpected_answer", response.status_code, detail, "check TRUNKLINE_URL")


def unreachable(url: str, error: httpx2.HTTPError) -> ServerUnreachable:
    if isinstance(error, NOT_SENT):
        return ServerUnreachable(
            f"no server answers at {url}",
            "start one with `trunkline serve` or `make run`; TRUNKLINE_URL says where it is",
            sent=False,
        )
    what = "did not answer in time" if isinstance(error, httpx2.TimeoutException) else "broke off"
    return ServerUnreachable(
        f"the server at {url} {what}", "what was asked may have been done: look before you ask again", sent=True
    )


class EventReader(Generic[T]):
    """What a client knows while it reads a stream: how far it has read, and whether a lost server may come back.
    `kind_of` says what an event of a name is; the one that is named `last` is the last."""

    def __init__(
        self,
        call: Call[Any],
        kind_of: Callable[[str], type[T] | None],
        last: str | None = None,
        last_id: str | None = None,
    ) -> None:
        self.over = False
        self._call, self._kind_of, self._last = call, kind_of, last
        self._heard = -PATIENCE
        self._last_id = last_id
        self._event: dict[str, str] = {}

    def request(self) -> dict[str, Any]:
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": self._last_id} if self._last_id else {})
        self._event = {}
        return request_of(self._call) | {"headers": headers, "timeout": httpx2.Timeout(QUIET, connect=5.0)}

    def check(self, response: httpx2.Response) -> None:
        """ApiError unless it is a stream of events; a refusal has been read."""
        check(response)
        if not response.headers.get("content-type", "").startswith("text/event-stream"):
            raise strange(response)

    def feed(self, line: str) -> Iterator[T]:
        """What the event tells that ends with this line, if one does."""
        self._heard = time.monotonic()
        if line:
            name, _, value = line.partition(":")
            self._event[name] = value.removeprefix(" ")
            return
        event, self._event = self._event, {}
        kind = self._kind_of(event.get("event", "")) if "data" in event else None
        if kind is not None:
            self._last_id = event.get("id", self._last_id)
            self.over = event.get("event") == self._last
            yield shaped(msgspec.json.decode(event["data"]), kind)

    def lost(self, url: str, error: httpx2.HTTPError) -> None:
        """ServerUnreachable, unless the server was there a moment ago and may be restarting."""
        if time.monotonic() - self._heard >= PATIENCE:
            raise unreachable(url, error) from None
