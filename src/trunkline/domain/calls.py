"""What is said of a call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True)
class CallReport:
    """What the voice platform says of one call, at one moment; None where it says nothing that can be read.

    `final` says everything there is to say, after the end. `number` is ours, by the platform's ids of it (the most
    reliable first) and by itself. `cost` is in USD.
    """

    id: str
    final: bool
    number_ids: tuple[str | None, str | None] = (None, None)
    number: str | None = None
    caller: str | None = None
    called: str | None = None
    status: str | None = None
    ended_reason: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    duration_seconds: Decimal | None = None
    cost: Decimal | None = None
