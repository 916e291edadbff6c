"""What the workflows work with, built once by bootstrap."""

from __future__ import annotations

from dataclasses import dataclass, field

from trunkline.carriers.base import Carrier
from trunkline.db.session import Database
from trunkline.settings import Routing, Settings
from trunkline.voice.base import Target, VoiceNumber, VoicePlatform
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

    async def credential(self, carrier: Carrier) -> str | None:
        """The carrier's credential in Vapi, asked once in the life of a process; None where the import needs none."""
        if carrier.name not in self.credentials:
            self.credentials[carrier.name] = await self.voice.credential(carrier.import_source())
        return self.credentials[carrier.name]

    async def target(self) -> Target:
        """What answers a restaurant's number: the shared assistant, or our server, which each call then asks."""
        if self.settings.vapi_routing is Routing.ASSISTANT:
            return Target(assistant_id=await self.voice.shared_assistant())
        return Target(server_url=self.server_url, server_credential_id=await self.voice.webhook_credential())

    async def may_change(self, voice: VoiceNumber) -> bool:
        """Whether a number that our tables hold serves nobody else at Vapi: it has nothing, the shared assistant or our
        server, in whatever routing mode, also at an address that our server had before."""
        if voice.free_for(await self.voice.shared_assistant(), self.server_url):
            return True
        at_server = not voice.other_target and voice.assistant_id is None
        return at_server and (voice.server_url or "").endswith(WEBHOOK_PATH)
