"""One account at a provider, shared by all its clients in the process: its pace, its pauses, its clock, its name."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from aiolimiter import AsyncLimiter

from trunkline.errors import RetryLater, Role
from trunkline.settings import Settings


@dataclass(frozen=True)
class Limits:
    """Pacing of one account: requests per second, requests at once, and seconds to wait for an answer."""

    per_second: float = 20.0
    at_once: int = 10
    timeout: float = 20.0

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        return cls(
            settings.provider_requests_per_second, settings.provider_concurrency, settings.provider_timeout_seconds
        )


class Account:
    """One account at one provider: a carrier account, or an organisation at the voice platform.

    Whoever asks the account goes through `turn`, so that everything that is to be shared with other askers, also with
    those of another process, has its place there. `clock_skew` is by how many seconds our clock was ahead of the
    provider's at its last answer; `identity` is the provider's own name of the account, None until it is known.
    """

    def __init__(self, provider: str, limits: Limits) -> None:
        self.provider = provider
        self.limits = limits
        self.identity: str | None = None
        self.clock_skew: float | None = None
        self._bucket = AsyncLimiter(max(limits.per_second, 1.0), 1.0)
        self._places = asyncio.Semaphore(limits.at_once)
        self._not_before = 0.0

    @classmethod
    def of(cls, provider: str, settings: Settings) -> Account:
        return cls(provider, Limits.of(settings))

    @asynccontextmanager
    async def turn(self, role: Role, operation: str) -> AsyncIterator[None]:
        """One request may be sent inside. Waits for a pause to end, for a place and for the pace.

        A pause longer than we wait for an answer is the caller's to sit out, who can free what it holds meanwhile:
        RetryLater, of this role and operation.
        """
        await self._rest(role, operation)
        async with self._places:
            # Not before: turns that were taken while all places were busy would all be used at once afterwards.
            await self._bucket.acquire()
            await self._rest(role, operation)  # a pause may have begun while we queued
            yield

    def pause(self, seconds: float) -> None:
        """Nothing is sent for so long: the provider has asked for it."""
        self._not_before = max(self._not_before, time.monotonic() + seconds)

    def answered(self, headers: Mapping[str, str]) -> None:
        """Learn from an answer what time it is at the provider, None where it does not say."""
        try:
            self.clock_skew = time.time() - parsedate_to_datetime(headers["date"]).timestamp()
        except (KeyError, ValueError):
            self.clock_skew = None

    async def _rest(self, role: Role, operation: str) -> None:
        while (wait := self._not_before - time.monotonic()) > 0:
            if wait > self.limits.timeout:
                detail = f"{self.provider} has asked us to pause"
                raise RetryLater(detail, retry_after=wait, provider=self.provider, role=role, operation=operation)
            await asyncio.sleep(wait)


class Accounts:
    """The accounts that the settings name, one of each provider, made when they are first asked for."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known: dict[str, Account] = {}

    def of(self, provider: str) -> Account:
        if provider not in self._known:
            self._known[provider] = Account.of(provider, self._settings)
        return self._known[provider]
