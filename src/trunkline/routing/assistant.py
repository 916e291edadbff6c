"""The shared assistant's id, in memory: no call waits for a question to Vapi."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import structlog

from trunkline.errors import TrunklineError
from trunkline.settings import Routing, Settings
from trunkline.voice.base import VoicePlatform

log = structlog.get_logger()
# Where calls are answered with it, one that was deleted is noticed soon; else it is asked for to be ready.
REFRESH_SECONDS = {Routing.SERVER: 20.0, Routing.ASSISTANT: 300.0}
RETRY_SECONDS = 5.0


class KnownAssistant:
    """`id` is None until Vapi has named it, and while Vapi says that there is none. One that VAPI_ASSISTANT_ID gives is
    believed from the start, and in assistant mode, where no call needs it, for ever."""

    def __init__(self, voice: VoicePlatform, settings: Settings) -> None:
        self._voice = voice
        self.id = settings.vapi_assistant_id
        self._watched = settings.vapi_routing is Routing.SERVER or self.id is None
        self._every = REFRESH_SECONDS[settings.vapi_routing]
        self._asking: asyncio.Task[None] | None = None
        self._doubted = asyncio.Event()

    async def ask(self) -> None:
        """Once, also if several do it at the same time; an answer that cannot be had leaves the last one standing."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        await asyncio.shield(self._asking)

    async def _ask(self) -> None:
        before = self.id
        try:
            self.id = await self._voice.living_assistant(before)
        except TrunklineError as error:
            log.warning("the shared assistant cannot be asked for", reason=error.detail, known=before)
            return
        if self.id is None:
            log.error("Vapi has no shared assistant: its calls are answered as nobody's", known=before)
        elif self.id != before:
            log.info("shared assistant", id=self.id, before=before)

    def doubt(self) -> None:
        """Vapi has ended a call because of it: ask soon."""
        self._doubted.set()

    async def keep(self) -> None:
        """For ever."""
        try:
            while self._watched:
                await self.ask()
                await asyncio.sleep(RETRY_SECONDS)
                if self.id is not None:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._doubted.wait(), self._every - RETRY_SECONDS)
                self._doubted.clear()
        finally:
            if self._asking is not None:
                self._asking.cancel()
