"""What the workflows work with, built once by bootstrap."""

from __future__ import annotations

from dataclasses import dataclass, field

from trunkline.carriers.base import Carrier
from trunkline.db.session import Database
from trunkline.settings import Settings
from trunkline.voice.base import Target, VoicePlatform
from trunkline.workflows.engine import Engine

WEBHOOK_PATH = "/api/vapi/server"


@dataclass
class Services:
    """`carriers` are the configured ones, in the order to try; `installation` is the name in our owner marks;
    `credentials` are the carriers' credentials in Vapi that were found in this process (None: not needed)."""

    settings: Settings
    database: Database
    engine: Engine
    carriers: dict[str, Carrier]
    voice: VoicePlatform
    installation: str
    credentials: dict[str, str | None] = field(default_factory=dict)

    @property
    def server_url(self) -> str | None:
        """Where Vapi's webhook reaches us."""
        base = self.settings.public_backend_url
        return base.rstrip("/") + WEBHOOK_PATH if base else None

    async def target(self) -> Target:
        """What answers a restaurant's number."""
        return Target(assistant_id=await self.voice.shared_assistant())
