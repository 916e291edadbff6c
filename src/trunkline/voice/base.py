"""The port of the voice platform: list, find, import, connect and remove numbers; the shared assistant; credentials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from trunkline.carriers.base import ImportSource
from trunkline.domain.calls import CallReport
from trunkline.domain.numbers import E164
from trunkline.texts import host_of

# The platform's words for a carrier, where they are not ours.
CARRIERS = {"byo-phone-number": "byo"}


@dataclass(frozen=True)
class Target:
    """What answers a number: the shared assistant, or our own server where each call is to ask us (exactly one)."""

    assistant_id: str | None = None
    server_url: str | None = None
    server_credential_id: str | None = None


@dataclass(frozen=True)
class VoiceNumber:
    """A number as the voice platform holds it. `number` is None for a record that never got one.

    `status` is active, activating or blocked (or a word we do not know). `assistant_id` and `server_url` are what
    answers it, with `server_credential_id` as the proof that the server gets; `other_target` is true where a squad or a
    workflow does.
    """

    id: str
    provider: str
    number: E164 | None
    status: str
    name: str | None = None
    assistant_id: str | None = None
    server_url: str | None = None
    server_credential_id: str | None = None
    other_target: bool = False

    def answered_by(self, target: Target) -> bool:
        """Whether exactly this target answers the number. Beside an assistant, the number's own server is not asked."""
        if self.other_target or self.assistant_id != target.assistant_id:
            return False
        asked = (self.server_url, self.server_credential_id)
        return target.server_url is None or asked == (target.server_url, target.server_credential_id)

    def free_for(self, assistant_id: str, server_url: str | None) -> bool:
        """Whether nobody else is served: no assistant, squad or workflow, or only the shared assistant; and without
        an assistant, no server but ours."""
        if self.other_target or self.assistant_id not in (None, assistant_id):
            return False
        return self.assistant_id is not None or self.server_url in (None, server_url)

    @property
    def carrier(self) -> str:
        """Our word for who the platform says provides it."""
        return CARRIERS.get(self.provider, self.provider)

    @property
    def native(self) -> bool:
        """Whether the platform itself provides it: it was imported from nowhere, and who deletes the record gives the
        number back."""
        return self.provider == "vapi"

    @property
    def answerer(self) -> str:
        """What answers it, in words."""
        if self.other_target:
            return "answered by a squad or a workflow"
        if self.assistant_id is not None:
            return f"answered by assistant {self.assistant_id}"
        return f"answered by the server at {host_of(self.server_url)}" if self.server_url else "answered by nothing"

    @property
    def connected(self) -> bool:
        """Whether anything answers it."""
        return self.other_target or (self.assistant_id, self.server_url) != (None, None)

    @property
    def ready(self) -> bool:
        """Vapi has shown `active` records without a number: both are needed."""
        return self.status == "active" and self.number is not None


@dataclass(frozen=True)
class Assistant:
    """The shared assistant, as far as we have a say in it; `id` is None for one that is yet to be made.

    `server_messages` are the events that its server gets, None for the platform's own choice; `tools` the names of its
    tools, None where they cannot be seen. Those are read only.
    """

    id: str | None
    name: str | None
    first_message: str | None = None
    server_url: str | None = None
    server_credential_id: str | None = None
    server_messages: tuple[str, ...] | None = None
    tools: tuple[str, ...] | None = None


class VoicePlatform(Protocol):
    """One organisation at the voice platform. Raises ProviderError subclasses as a Carrier does."""

    @property
    def clock_skew(self) -> float | None:
        """By how many seconds our clock was ahead of the platform's at its last answer; None if it has not said."""

    async def numbers(self) -> list[VoiceNumber]:
        """Every number of the organisation: all pages, or an error."""

    async def find(self, number: E164) -> VoiceNumber | None:
        """The record of exactly this number; the oldest if there are several."""

    async def records(self, number: E164) -> list[VoiceNumber]:
        """All records of exactly this number, the oldest first: somebody may have imported it more than once."""

    async def get(self, voice_id: str) -> VoiceNumber:
        """One record; Missing if it is gone."""

    async def import_number(
        self, number: E164, source: ImportSource, credential_id: str | None, target: Target, name: str
    ) -> VoiceNumber:
        """Add the number with the carrier's credentials and connect it, in one request, once. OutcomeUnknown if the
        reply was lost, AlreadyThere if the platform says that it has the number. `name` is cut to 40 characters."""

    async def connect(self, voice: VoiceNumber, target: Target | None, name: str | None = None) -> VoiceNumber:
        """Point the number at the target, None to detach it. Repeatable. Missing if the record is gone."""

    async def renew(self, voice: VoiceNumber, source: ImportSource, credential_id: str | None) -> VoiceNumber:
        """Give the record the carrier's keys as they are now, and nothing else. Repeatable. Missing if it is gone."""

    async def remove(self, voice_id: str) -> None:
        """Delete the record. Already gone counts as success."""

    async def account(self) -> str:
        """The organisation that the key belongs to, by its id; empty where nothing tells it yet."""

    async def shared_assistant(self, fresh: bool = False) -> str:
        """The id of the shared assistant; ActionRequired if there is none by that id or name. Kept for a minute;
        `fresh` asks now, as it may have been deleted and made again, and so does the first use after a refusal of a
        change that named it."""

    async def credential(self, source: ImportSource) -> str | None:
        """The id of this account's credential, found or created; None where the platform has no endpoint for it and
        the import does not need one; ActionRequired where it does. Asked once per account, then kept."""

    async def applications(self) -> frozenset[str] | None:
        """The ids of the platform's own applications at carriers, one for each credential that has one: what answers a
        number there and is none of these is not this organisation. None where the platform does not let us see."""

    async def webhook_credential(self) -> str:
        """The id of the credential by which the platform proves to our server who it is: our secret in X-Vapi-Secret.
        Found, or created once; ActionRequired where a person must make it. Asked once, then kept."""

    async def find_webhook_credential(self) -> str | None:
        """The same, only looked for: None where it is yet to be created."""

    async def assistant(self) -> Assistant | None:
        """The shared assistant as it stands, None if there is none by that name; ActionRequired if there is none by
        that id."""

    async def living_assistant(self, known: str | None) -> str | None:
        """The id under which the shared assistant can answer a call now, asked anew: as it is configured, else `known`
        where that still exists (it was renamed). None where the platform says that there is neither."""

    async def save_assistant(self, wish: Assistant) -> Assistant:
        """Change the assistant to this and leave the rest of it alone, or create it once with a model that knows how to
        ask us which restaurant was called. OutcomeUnknown if the reply to a creation was lost."""

    async def call(self, call_id: str) -> CallReport:
        """What is known of a call now; Missing if the platform does not know it."""

    async def close(self) -> None: ...
