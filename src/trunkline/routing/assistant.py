"""The shared assistant's id, in memory: no call waits for a question to Vapi."""

from __future__ import annotations

import asyncio

import structlog

from trunkline.errors import TrunklineError
from trunkline.voice.base import VoicePlatform

log = structlog.get_logger()
REFRESH_SECONDS = 300.0
RETRY_SECONDS = 5.0


class KnownAssistant:
    """`id` is None only until Vapi has answered once. One that VAPI_ASSISTANT_ID gives is never asked for."""

    def __init__(self, voice: VoicePlatform, fixed: str | None) -> None:
        self._voice = voice
        self._fixed = fixed is not None
        self.id = fixed

    async def ask(self) -> None:
        """Once; an answer that cannot be had leaves the last one standing."""
        try:
            found = await self._voice.assistant()
        except TrunklineError as error:
            log.warning("the shared assistant cannot be asked for", reason=error.detail, known=self.id)
            return
        if found is None or found.id is None:
            log.warning("Vapi has no shared assistant", known=self.id)
        elif found.id != self.id:
            log.info("shared assistant", id=found.id)
            self.id = found.id

    async def keep(self) -> None:
        """For ever."""
        while not self._fixed:
            await self.ask()
            await asyncio.sleep(REFRESH_SECONDS if self.id else RETRY_SECONDS)
