"""What the workflows work with, built once by bootstrap."""

from __future__ import annotations

from asyncio import Lock
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from trunkline.carriers.base import Carrier
from trunkline.db.session import Database
from trunkline.domain.choosing import OwnedNumber
from trunkline.domain.marks import other_installation
from trunkline.errors import ActionRequired
from trunkline.providers.outgoing import Outgoing
from trunkline.settings import Routing, Settings
from trunkline.voice.base import Target, VoiceNumber, VoicePlatform
from trunkline.workflows.engine import Engine
from trunkline.workflows.gate import Gate
from trunkline.workflows.import_trust import ImportTrust
from trunkline.workflows.inventory import BatchInventory
from trunkline.workflows.key_uses import KeyUses
from trunkline.workflows.listings import Listings
from trunkline.workflows.pace_callers import Callers

WEBHOOK_PATH = "/api/vapi/server"


@dataclass
class Balance:
    """What a carrier account had when it was asked, by the monotonic clock, less what was spent since; None where it
    does not say, or is filled up by itself."""

    asked_at: float
    left: Decimal | None
    currency: str | None


@dataclass
class Services:
    """`carriers` are the configured ones, in the order to try; `installation` is the name in our owner marks;
    `outgoing` leads to endpoints; at the `gate` runs wait for their turn; `credentials` are those of the carriers in
    Vapi that were found in this process (None: not needed), `identified` are who has told whose keys we have; `lists`
    are those that the items of a batch share while it runs here, by batch id, `listings` those that all assignments
    share; `chosen` are the numbers that runs of this process are buying."""

    settings: Settings
    database: Database
    engine: Engine
    carriers: dict[str, Carrier]
    voice: VoicePlatform
    installation: str
    outgoing: Outgoing
    gate: Gate
    credentials: dict[str, str | None] = field(default_factory=dict)
    trust: ImportTrust = field(default_factory=ImportTrust)
    balances: dict[str, Balance] = field(default_factory=dict)
    balances_asked: defaultdict[str, Lock] = field(default_factory=lambda: defaultdict(Lock))
    identified: set[str] = field(default_factory=set)
    lists: dict[str, BatchInventory] = field(default_factory=dict)
    listings: Listings = field(default_factory=Listings)
    chosen: set[str] = field(default_factory=set)
    key_uses: KeyUses = field(default_factory=KeyUses)
    callers: Callers = field(default_factory=Callers)

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

    def is_ours(self, voice: VoiceNumber, shared: str | None, target: Mapping[str, Any] | None) -> bool:
        """Whether a record serves nobody else: nothing answers it, or what we set to (`target`, as it is stored with
        the number), or what answers for all restaurants now (`shared`: the shared assistant's id)."""
        if voice.other_target:
            return False
        set_by_us = target or {}
        if voice.assistant_id is not None and voice.assistant_id not in (shared, set_by_us.get("assistant_id")):
            return False
        return voice.server_url in (None, self.server_url, set_by_us.get("server_url"))

    async def may_change(self, voice: VoiceNumber, target: Mapping[str, Any] | None) -> bool:
        """Whether a number that our tables hold serves nobody else at Vapi, in whatever routing mode, also at an
        address that our server had before, and while there is no shared assistant (any more). Another installation's
        mark makes it theirs, whatever answers it; who only looks, and has not read our name, cannot tell."""
        if self.installation and other_installation(self.installation, voice.name) is not None:
            return False
        return asks_our_server(voice) or self.is_ours(voice, await self.shared_assistant(), target)

    async def shared_assistant(self) -> str | None:
        """The shared assistant's id; None where the voice platform has none (any more) by that id or name."""
        try:
            return await self.voice.shared_assistant()
        except ActionRequired as error:
            if error.account_wide:
                raise
            return None


def asks_our_server(voice: VoiceNumber) -> bool:
    """Whether a server of ours answers it, also at an address that it had before."""
    at_server = not voice.other_target and voice.assistant_id is None
    return at_server and (voice.server_url or "").endswith(WEBHOOK_PATH)


def plain_target(target: Target, application: str | None = None) -> dict[str, str]:
    """What we set to answer a number, as it is stored with it and known again; `application` is what the import linked
    at its carrier, where that has such."""
    known = {"server_url": target.server_url, "assistant_id": target.assistant_id, "application": application}
    return {name: value for name, value in known.items() if value}


def leads_to_vapi(owned: OwnedNumber, target: Mapping[str, Any] | None) -> bool:
    """Whether Vapi answers a number of ours at its carrier: by the carrier's word, or by what our import linked."""
    linked = (target or {}).get("application")
    return owned.by_vapi or (owned.application is not None and owned.application == linked)
