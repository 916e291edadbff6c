"""The one way to a provider: timeouts, own User-Agent, pacing, status to error class, redacted log, no hidden retry."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx2
import structlog

from trunkline import __version__
from trunkline.errors import ActionRequired, OutcomeUnknown, ProviderError, Rejected, RetryLater, Role
from trunkline.logs import REDACTOR
from trunkline.metrics import PROVIDER_REQUESTS, PROVIDER_SECONDS
from trunkline.providers.account import Account

log = structlog.get_logger()
NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
LONGEST_WAIT = 300.0


@dataclass(frozen=True)
class Reply:
    """A provider's answer. `body` is parsed JSON, or the text where it is not JSON, or None where it is empty."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


Classify = Callable[[Reply], ProviderError | None]
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
    are not followed: they would take the keys, or a purchase, elsewhere. `classify` is the vendor's reading of its own
    refusals (4xx): it returns the error, or None for the general rule. The error gets its provider, role and operation
    here.
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
    ) -> None:
        self.account = account
        self.provider, self.role = account.provider, role
        self._classify = classify
        limits = account.limits
        REDACTOR.know(*(auth or ())[1:], (headers or {}).get("Authorization", "").removeprefix("Bearer "))
        self._client = httpx2.AsyncClient(
            base_url=base_url,
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
                response = await self._client.request(
                    method,
                    path,
                    params=params,
                    json=json,
                    data=form,
                    timeout=httpx2.USE_CLIENT_DEFAULT if timeout is None else timeout,
                )
            except httpx2.HTTPError as error:
                lost = creates and not isinstance(error, NEVER_SENT)
                self._record(operation, method, path, started, type(error).__name__)
                raise self._no_answer(operation, error, lost) from None
        reply = Reply(response.status_code, _body_of(response), response.headers)
        self.account.answered(reply.headers)
        self._record(operation, method, path, started, str(reply.status))
        if reply.status >= 300:
            raise self._error(operation, reply, creates)
        return reply

    async def close(self) -> None:
        await self._client.aclose()

    def named(self, error: E, operation: str) -> E:
        """The error, with who was asked and for what."""
        error.provider, error.role, error.operation = self.provider, self.role, operation
        return error

    def _record(self, operation: str, method: str, path: str, started: float, outcome: str) -> None:
        seconds = time.monotonic() - started
        PROVIDER_REQUESTS.labels(self.provider, operation, outcome).inc()
        PROVIDER_SECONDS.labels(self.provider).observe(seconds)
        log.info(
            "provider request",
            provider=self.provider,
            operation=operation,
            method=method,
            path=path.split("?")[0],
            outcome=outcome,
            ms=round(seconds * 1000),
        )

    def _no_answer(self, operation: str, error: Exception, lost: bool) -> ProviderError:
        what = "did not answer in time" if isinstance(error, httpx2.TimeoutException) else "closed the connection"
        if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
            what = "cannot be reached"
        kind = OutcomeUnknown if lost else RetryLater
        return self.named(kind(f"{self.provider} {what} ({operation})"), operation)

    def _error(self, operation: str, reply: Reply, creates: bool) -> ProviderError:
        error = self._general(reply, creates) if reply.status in (408, 429) or reply.status >= 500 else None
        return self.named(error or self._classify(reply) or self._general(reply, creates), operation)

    def _general(self, reply: Reply, creates: bool) -> ProviderError:
        if reply.status == 429:
            wait = retry_after(reply.headers)
            self.account.pause(wait or 0)
            return RetryLater(f"{self.provider} asks us to slow down", retry_after=wait)
        if reply.status == 408 or reply.status >= 500:
            if creates:
                return OutcomeUnknown(f"{self.provider} answered {reply.status}")
            return RetryLater(f"{self.provider} answered {reply.status}", retry_after=retry_after(reply.headers))
        if reply.status in (401, 403):
            return ActionRequired(
                f"{self.provider} refused our credentials ({reply.status})",
                hint=f"check the {self.provider} keys in the settings; they must belong to an active account",
                account_wide=True,
            )
        return Rejected(f"{self.provider} refused the request ({reply.status}): {short_text(reply.body)}")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from Retry-After or x-ratelimit-reset (both in seconds), at most five minutes."""
    for name in ("retry-after", "x-ratelimit-reset"):
        try:
            return min(max(float(headers[name]), 0.0), LONGEST_WAIT)
        except (KeyError, ValueError):
            continue
    return None


def short_text(body: Any) -> str:
    """A provider's own words for a person: its message if it has one, never a whole page, never a secret of ours."""
    if isinstance(body, dict):
        message = body.get("message") or body.get("error-code-label") or body.get("title") or ""
        return REDACTOR.text("; ".join(map(str, message)) if isinstance(message, list) else str(message))[:300]
    return "no details given"


def _body_of(response: httpx2.Response) -> Any:
    if not response.content:
        return None
    try:
        return response.json()
    except ValueError:
        return response.text
