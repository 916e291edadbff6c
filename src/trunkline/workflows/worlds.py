"""What every carrier, Vapi and our own tables say of all numbers: each list read to its end, or not believed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from trunkline.carriers.base import Carrier
from trunkline.db import accounts as account_rows
from trunkline.db import books
from trunkline.db.books import Books
from trunkline.db.models import utcnow
from trunkline.domain.choosing import OwnedNumber, with_answerer
from trunkline.errors import ActionRequired, ProviderError
from trunkline.settings import Routing
from trunkline.voice.base import Target, VoiceNumber
from trunkline.workflows import accounts
from trunkline.workflows.reach_server import unhealthy
from trunkline.workflows.services import Services

SUSPICIOUS = 4  # numbers of ours from which on a list that lacks more than half of them is not believed


@dataclass
class Listing:
    """One provider's list. `doubt` is why it proves nothing by what it lacks: it could not be read to its end, is of
    another account, or lacks suddenly more than half of ours. What it does show is known all the same."""

    provider: str
    account: str = ""
    read: int = 0
    doubt: str | None = None
    hint: str | None = None

    @property
    def whole(self) -> bool:
        return self.doubt is None

    def plain(self) -> dict[str, Any]:
        return {"provider": self.provider, "read": self.read, "whole": self.whole} | (
            {} if self.whole else {"doubt": self.doubt, "hint": self.hint}
        )


@dataclass
class AtCarrier(Listing):
    """`keys` is a fingerprint of the present keys, `keys_in_voice` of those that Vapi was given (None: not known)."""

    keys: str = ""
    keys_in_voice: str | None = None
    held: dict[str, OwnedNumber] = field(default_factory=dict)


@dataclass
class AtVapi(Listing):
    """`records` by number, the oldest first; `target` is what is to answer now, None where there is nothing that could,
    `shared` the shared assistant's id, and `dead` why calls would not be answered at all."""

    records: dict[str, list[VoiceNumber]] = field(default_factory=dict)
    target: Target | None = None
    shared: str | None = None
    dead: str | None = None

    def of(self, carrier: str) -> Iterator[tuple[str, list[VoiceNumber]]]:
        """The numbers that this carrier provides."""
        return ((number, found) for number, found in self.records.items() if found[0].carrier == carrier)


@dataclass(frozen=True)
class Worlds:
    """All sides, as they were seen since `began_at`."""

    carriers: Mapping[str, AtCarrier]
    vapi: AtVapi
    books: Books
    began_at: datetime

    @property
    def lists(self) -> list[Listing]:
        return [*self.carriers.values(), self.vapi]


async def read_worlds(services: Services) -> Worlds:
    """Ask for the pages of all lists, one provider after the other, and read the books after them: what changes
    meanwhile is known for busy."""
    began_at = utcnow()
    vapi = await _read_vapi(services)
    carriers = {name: await _read_carrier(services, carrier, vapi) for name, carrier in services.carriers.items()}
    seen = {number for listing in carriers.values() for number in listing.held} | set(vapi.records)
    async with services.database.read() as session:
        ours = await books.read(session, seen, began_at)
        given = await account_rows.keys_in_voice(session)
    _doubt_shrunk(vapi, {row.number for row in ours.held if row.voice_id is not None}, set(vapi.records))
    for name, listing in carriers.items():
        listing.keys_in_voice = given.get(name)
        known = {row.number for row in ours.held if row.carrier == name and row.account in (None, listing.account)}
        _doubt_shrunk(listing, known, set(listing.held))
    return Worlds(carriers, vapi, ours, began_at)


async def _read_carrier(services: Services, carrier: Carrier, vapi: AtVapi) -> AtCarrier:
    """Of a carrier whose numbers are in Vapi from the start, Vapi's list has told all."""
    imported = carrier.capabilities.imported
    listing = AtCarrier(carrier.name, keys=carrier.import_source().keys if imported else "")
    try:
        keys = await accounts.keys_of(services, carrier.name)
        listing.account = keys.now
        if imported:
            listing.held = {owned.number: owned async for owned in carrier.owned()}
        else:
            listing.held = {number: held_there(records[0], vapi.account) for number, records in vapi.of(carrier.name)}
            listing.doubt, listing.hint = vapi.doubt, vapi.hint
        if any(owned.application for owned in listing.held.values()):
            known = await services.voice.applications()
            listing.held = {number: with_answerer(owned, known) for number, owned in listing.held.items()}
        if keys.changed:
            listing.doubt = f"the keys are of account {keys.now}; until now they were of {keys.accepted}"
            listing.hint = f"set the former keys again, or: trunkline accounts accept {carrier.name}"
    except ProviderError as error:
        listing.doubt, listing.hint = error.detail, error.hint
    listing.read = len(listing.held)
    return listing


def held_there(record: VoiceNumber, account: str) -> OwnedNumber:
    """A number that is nowhere but in Vapi, as its carrier would show it."""
    assert record.number is not None
    used_by = record.answerer.removeprefix("answered by ") if record.connected else None
    return OwnedNumber(record.number, record.id, record.name or "", used_by, account=account)


async def _read_vapi(services: Services) -> AtVapi:
    listing = AtVapi(accounts.VOICE)
    try:
        keys = await accounts.keys_of(services, accounts.VOICE)
        listing.account = keys.now
        for record in await services.voice.numbers():
            listing.read += 1
            if record.number is not None:
                listing.records.setdefault(record.number, []).append(record)
        await _find_target(services, listing)
        if keys.changed:
            listing.doubt = f"the key is of organisation {keys.now}; until now it was of {keys.accepted}"
            listing.hint = f"set the former key again, or: trunkline accounts accept {accounts.VOICE}"
    except ProviderError as error:
        listing.doubt, listing.hint = error.detail, error.hint
    return listing


async def _find_target(services: Services, listing: AtVapi) -> None:
    """What is to answer, asked for anew; nothing is made that is not there."""
    try:
        listing.shared = await services.voice.shared_assistant(fresh=True)
    except ActionRequired as error:
        if error.account_wide:
            raise
        listing.dead = error.detail
    if services.settings.vapi_routing is Routing.ASSISTANT:
        listing.target = Target(assistant_id=listing.shared) if listing.shared else None
        return
    base = services.settings.public_backend_url
    listing.dead = await unhealthy(services, base) if base else "PUBLIC_BACKEND_URL is not set"
    if base:
        proof = await services.voice.find_webhook_credential()
        listing.target = Target(server_url=services.server_url, server_credential_id=proof)


def _doubt_shrunk(listing: Listing, ours: set[str], shown: set[str]) -> None:
    lacking = ours - shown
    if listing.whole and len(ours) >= SUSPICIOUS and len(lacking) * 2 > len(ours):
        listing.doubt = f"{len(lacking)} of the {len(ours)} numbers that the books hold there are not on its list"
        listing.hint = "look in its console whether they are gone; nothing is concluded from this list"
