"""Whether what a carrier sells can be imported: until one import has worked, one number is bought at a time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

MOST_FAILURES = 2  # so many bought numbers may fail before it is no longer the numbers' fault


@dataclass
class _Line:
    proven: bool = False
    failures: int = 0
    one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)
    holder: str | None = None


class ImportTrust:
    """By carrier, in this process. A run that is about to buy `enter`s, says whether the import `worked` or `failed`,
    and `leave`s at its end, whatever that is."""

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}

    async def enter(self, carrier: str, run_id: str) -> None:
        """Wait until an import has worked, or until it is this run's turn to show that one does."""
        line = self._lines.setdefault(carrier, _Line())
        if line.proven or line.holder == run_id:
            return
        await line.one_at_a_time.acquire()
        if line.proven:
            line.one_at_a_time.release()
        else:
            line.holder = run_id

    def worked(self, carrier: str) -> bool:
        """What was bought can be imported. Whether that had been in doubt."""
        line = self._lines.setdefault(carrier, _Line())
        doubted = line.failures > 0
        line.proven, line.failures = True, 0
        return doubted

    def failed(self, carrier: str) -> bool:
        """A number that was bought could not be imported. Whether no more may be bought."""
        line = self._lines.setdefault(carrier, _Line())
        line.proven, line.failures = False, line.failures + 1
        return line.failures >= MOST_FAILURES

    def leave(self, run_id: str) -> None:
        for line in self._lines.values():
            if line.holder == run_id:
                line.holder = None
                line.one_at_a_time.release()
