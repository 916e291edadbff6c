"""The one way to a provider: timeouts, own User-Agent, pacing, status to error class, redacted log, no hidden retry."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, TypeVar

import httpx2
import msgspec
import structlog

from trunkline import __version__, traces
from trunkline.errors import ActionRequired, OutcomeUnknown, ProviderError, Rejected, RetryLater, Role
from trunkline.logs import REDACTOR
from trunkline.metrics import PROVIDER_REQUESTS, PROVIDER_SECONDS
from trunkline.providers.account import Account
from trunkline.providers.interception import (
    NOT_PASSED_ON,
    answered_by_another,
    is_page,
    proxy_wants_login,
    title_of,
    untrusted,
)
from trunkline.providers.trust import trusted
from trunkline.texts import cleaned, lines, one_line

log = structlog.get_logger()
NEVER_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
    httpx2.LocalProtocolError,
)
LONGEST_WAIT = 300.0
MOST_PATHS = 64  # of an address that are kept
LARGE = 50_000  # bytes of an answer
ROWS = 50  # that are decoded in one go
PARTS = msgspec.json.Decoder(dict[str, msgspec.Raw] | list[msgspec.Raw])
# A number of seconds that is larger is a moment in Unix time; a larger one still, a moment in milliseconds.
MOMENT, MOMENT_IN_MS = 10**8, 10**11


@dataclass(frozen=True)
class Reply:
    """A provider's answer. `body` is parsed JSON, or the text where it is not JSON, or None where it is empty."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


Classify = Callable[[Reply], ProviderError | None]
# Where providers and gateways put their words: the first of these that is there, then what they add to it.
MESSAGES = ("message", "error-code-label", "error_text", "title", "error_title", "error")
DETAILS = ("detail", "invalid-parameters", "invalid_parameters", "errors")
IsOwn = Callable[[Reply], bool]
Check = Callable[[], Awaitable[None]]
E = TypeVar("E", bound=ProviderError)
_checks: ContextVar[tuple[Check, ...]] = ContextVar("checks before sending", default=())


@contextmanager
def before_sending(check: Check) -> Iterator[None]:
    """Inside, `check` is awaited before every request that changes something at a provider (anything but a GET), when
    the request has got its turn and its place: between the check and the bytes there is no more waiting. What it
    raises is raised by the request, of which nothing is sent. Within another one, both are awaited, the outer first.

    The check holds a place at the account, so it must ask nothing of the same account.
    """
    token = _checks.set((*_checks.get(), check))
    try:
        yield
    finally:
        _checks.reset(token)


class ProviderClient:
    """One address at which an account is asked; several clients of an account share its pace.

    A reply below 300 is returned; anything else raises the ProviderError class that says what to do next. Redirects
    are not followed: they would take the keys, or a purchase, elsewhere. `is_own` tells whether a refusal (4xx) has the
    vendor's own form: any other answer is a proxy's or a firewall's, and is Intercepted, or OutcomeUnknown for
    a request that must not happen twice. `classify` is the vendor's reading of its own refusals (4xx): it returns the
    error, or None for the general rule. The error gets its provider, role and operation here.
    """

    def __init__(
        self,
        account: Account,
        base_url: str,
        *,
        role: Role = Role.CARRIER,
        auth: tuple[str, str] | None = None,
        headers: dict[str, str] | None = None,
        classify: Classify = lambda reply: None,
        is_own: IsOwn = lambda reply: isinstance(reply.body, dict),
    ) -> None:
        self.account = account
        self.provider, self.role = account.provider, role
        self._classify, self._is_own = classify, is_own
        limits = account.limits
        REDACTOR.know((headers or {}).get("Authorization", "").removeprefix("Bearer "))
        if auth:
            REDACTOR.know_login(*auth)
        address = base_url.rstrip("/")
        # To take an address apart costs as much as to send to it, and most requests go to the same few.
        self._url = lru_cache(MOST_PATHS)(lambda path: httpx2.URL(f"{address}/{path.lstrip('/')}"))
        self._client = httpx2.AsyncClient(
            verify=trusted(),
            auth=auth,
            headers={"User-Agent": f"trunkline/{__version__}", "Accept": "application/json", **(headers or {})},
            timeout=httpx2.Timeout(limits.timeout, connect=min(5.0, limits.timeout), pool=None),
            limits=httpx2.Limits(max_connections=limits.at_once, max_keepalive_connections=limits.at_once),
        )

    async def request(
        self,
        operation: str,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        creates: bool = False,
        timeout: float | None = None,
    ) -> Reply:
        """Send once. `creates` marks a request that must not happen twice: if its reply is lost, the outcome is
        unknown instead of "try again"."""
        async with self.account.turn(self.role, operation):
            if method != "GET":
                for check in _checks.get():
                    await check()
            started = time.monotonic()
            try:
                with traces.part(f"{self.provider} {operation}", {"http.request.method": method}, kind="CLIENT"):
                    response = await self._client.request(
                        method,
                        self._url(path),
                        params=params,
                        json=json,
                        data=form,
                        timeout=httpx2.USE_CLIENT_DEFAULT if timeout is None else timeout,
                    )
                    traces.tell({"http.response.status_code": response.status_code})
            except httpx2.HTTPError as error:
                told = self._no_answer(operation, error, creates)
                self._record(operation, method, path, started, type(error).__name__, told.detail)
                raise self.named(told, operation) from None
        reply = Reply(response.status_code, await _body_of(response), response.headers)
        self.account.answered(reply.headers)
        self._record(operation, method, path, started, str(reply.status))
        if reply.status >= 300 or is_page(reply.body):
            raise self.named(self._error(reply, creates), operation)
        return reply

    async def close(self) -> None:
        await self._client.aclose()

    def named(self, error: E, operation: str) -> E:
        """The error, with who was asked and for what."""
        error.provider, error.role, error.operation = self.provider, self.role, operation
        return error

    def _record(
        self, operation: str, method: str, path: str, started: float, outcome: str, reason: str | None = None
    ) -> None:
        seconds = time.monotonic() - started
        PROVIDER_REQUESTS.labels(self.provider, operation, outcome).inc()
        PROVIDER_SECONDS.labels(self.provider, operation).observe(seconds)
        log.info(
            "provider request",
            provider=self.provider,
            operation=operation,
            method=method,
            path=path.split("?")[0],
            outcome=outcome,
            ms=round(seconds * 1000),
            **({"reason": reason} if reason else {}),
        )

    def _no_answer(self, operation: str, error: Exception, creates: bool) -> ProviderError:
        if intercepted := untrusted(self.provider, error) or proxy_wants_login(self.provider, error):
            return intercepted
        what = "did not answer in time" if isinstance(error, httpx2.TimeoutException) else "closed the connection"
        if isinstance(error, NEVER_SENT):
            what = "cannot be reached"
        lost = creates and not isinstance(error, NEVER_SENT)
        return (OutcomeUnknown if lost else RetryLater)(f"{self.provider} {what} ({operation})")

    def _error(self, reply: Reply, creates: bool) -> ProviderError:
        status = reply.status
        if status in (408, 429) or (status >= 500 and status not in NOT_PASSED_ON):
            return self._passing(reply, creates)
        if status < 400 or not self._is_own(reply):
            words = short_text(reply.body, "")
            error = answered_by_another(self.provider, status, words, reply.headers.get("location"))
            if not creates or 300 <= status < 400 or status in NOT_PASSED_ON:
                return error
            # What was done behind the page cannot be known: some proxies read answers, and put a page in their place.
            return OutcomeUnknown(error.detail, hint=error.hint, account_wide=True)
        return self._classify(reply) or self._refused(reply)

    def _passing(self, reply: Reply, creates: bool) -> ProviderError:
        if reply.status == 429:
            wait = retry_after(reply.headers)
            self.account.pause(wait or 0)
            return RetryLater(f"{self.provider} asks us to slow down", retry_after=wait)
        who = f"{self.provider}, or something before it," if is_page(reply.body) else self.provider
        words = short_text(reply.body, "")
        detail = f"{who} answered {reply.status}" + (f": {words}" if words else "")
        return OutcomeUnknown(detail) if creates else RetryLater(detail, retry_after=retry_after(reply.headers))

    def _refused(self, reply: Reply) -> ProviderError:
        if reply.status in (401, 403):
            return ActionRequired(
                f"{self.provider} refused our credentials ({reply.status})",
                hint=f"check the {self.provider} keys in the settings; they must belong to an active account",
                account_wide=True,
            )
        return Rejected(f"{self.provider} refused the request ({reply.status}): {short_text(reply.body)}")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, at most five minutes, from Retry-After or x-ratelimit-reset: each a number of seconds, a moment
    in Unix time (Vapi's SDK reads it so), or an HTTP date. Moments are compared with the answer's own clock."""
    for name in ("retry-after", "x-ratelimit-reset"):
        value = headers.get(name, "").strip()
        moment = _moment(value)
        try:
            seconds = float(value) if moment is None else moment - (_moment(headers.get("date", "")) or time.time())
        except ValueError:
            continue
        if math.isfinite(seconds):
            return min(max(seconds, 0.0), LONGEST_WAIT)
    return None


def _moment(value: str) -> float | None:
    """Unix time, of a number that is one or of an HTTP date; None for anything else."""
    try:
        number = float(value)
    except ValueError:
        try:
            return parsedate_to_datetime(value).timestamp()
        except (ValueError, OverflowError):
            return None
    if not MOMENT < number < math.inf:
        return None
    return number / 1000 if number > MOMENT_IN_MS else number


def short_text(body: Any, otherwise: str = "no details given") -> str:
    """A provider's own words for a person, of a page its title; never a secret of ours."""
    words = title_of(body) if is_page(body) else words_of(body)
    return REDACTOR.text(one_line(words))[:300] or otherwise


def words_of(body: Any) -> str:
    """The message and what it says of single fields, or all that there is (Vonage: {"country": "Is required."})."""
    if isinstance(body, str | int | float):
        return str(body)
    if isinstance(body, list):
        return "; ".join(filter(None, map(words_of, body)))
    if not isinstance(body, dict):
        return ""
    said = [words for name in MESSAGES if (words := words_of(body.get(name)))][:1]
    said += [words for name in DETAILS if (words := words_of(body.get(name)))]
    if said:
        return ": ".join(dict.fromkeys(said))
    if "name" in body and "reason" in body:
        return f"{words_of(body['name'])}: {words_of(body['reason'])}"
    return "; ".join(f"{name}: {words}" for name, value in body.items() if (words := words_of(value)))


async def _body_of(response: httpx2.Response) -> Any:
    """A page of a long list is parsed beside the event loop: a call may ring."""
    if len(response.content) < LARGE:
        return _parsed(response)
    return await asyncio.to_thread(_parsed, response)


def _parsed(response: httpx2.Response) -> Any:
    """Here a provider's texts become ours, so here they lose what would act on a terminal, a log or a page. What has no
    escapes and is ASCII has nothing of that."""
    content = response.content
    if not content:
        return None
    try:
        body = _decoded(response)
        plain = content.isascii() and b"\\" not in content and b"\x7f" not in content
        return body if plain else cleaned(body)
    except (ValueError, RecursionError):
        return lines(response.text)


def _decoded(response: httpx2.Response) -> Any:
    try:
        return _in_parts(response.content)
    except (ValueError, RecursionError):
        return response.json()  # more lenient, and in whatever encoding


def _in_parts(content: bytes | msgspec.Raw) -> Any:
    """What is large is decoded some rows at a time, with pauses: to decode it at once stops every thread until it is
    done, and with them the calls that ring."""
    if len(content) < LARGE or bytes(memoryview(content)[:1]) not in (b"[", b"{"):
        return msgspec.json.decode(content)
    parts = PARTS.decode(content)
    if isinstance(parts, dict):
        return {name: _in_parts(part) for name, part in parts.items()}
    rows: list[Any] = []
    for start in range(0, len(parts), ROWS):
        rows += msgspec.json.decode(b"[%b]" % b",".join(parts[start : start + ROWS]))
        time.sleep(0)
    return rows
