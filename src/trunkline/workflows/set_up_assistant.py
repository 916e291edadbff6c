"""The shared assistant as our server needs it: made, or changed where it differs."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from trunkline.errors import SettingsError
from trunkline.settings import Routing
from trunkline.voice.base import Assistant
from trunkline.workflows.services import Services

# What our server must hear of a call, and what it answers besides.
EVENTS = ("tool-calls", "status-update", "end-of-call-report")
QUESTIONS = ("transfer-destination-request", "handoff-destination-request")
GREETINGS = {
    Routing.SERVER: "Thank you for calling {{restaurant_name}}. How can I help you?",
    Routing.ASSISTANT: "Thank you for calling. How can I help you?",
}
OUR_VARIABLE = re.compile(r"\{\{-?\s*restaurant_\w+")


@dataclass(frozen=True)
class Change:
    """One field of the assistant, as texts; `before` is None where it had none."""

    field: str
    before: str | None
    after: str


@dataclass(frozen=True)
class Setup:
    """What is to be done: the assistant as it should be, and in what it differs from now; nothing if it is right."""

    wish: Assistant
    changes: list[Change]

    @property
    def creates(self) -> bool:
        return self.wish.id is None


async def plan_setup(services: Services) -> Setup:
    """Look and compare, change nothing. SettingsError without PUBLIC_BACKEND_URL; ActionRequired where a person must
    make the webhook's credential, or VAPI_ASSISTANT_ID names none."""
    url = services.server_url
    if url is None:
        raise SettingsError(
            "PUBLIC_BACKEND_URL is not set", hint="set it to the https address at which Vapi reaches us"
        )
    now = await services.voice.assistant()
    credential = await services.voice.find_webhook_credential()
    before = now or Assistant(None, None)
    wish = replace(
        before,
        name=before.name if now else services.settings.vapi_assistant_name,
        first_message=greeting(before.first_message, services.settings.vapi_routing),
        server_url=url,
        server_credential_id=credential,
        server_messages=events(before.server_messages) if now else EVENTS + QUESTIONS,
    )
    return Setup(wish, differences(before, wish))


async def apply_setup(services: Services, setup: Setup) -> Assistant:
    """Do it, once; the credential is made first if there is none."""
    credential = await services.voice.webhook_credential()
    return await services.voice.save_assistant(replace(setup.wish, server_credential_id=credential))


def greeting(before: str | None, routing: Routing) -> str:
    """An own greeting stays, unless nobody would fill in its variable: only a call that asked our server has one, and
    a missing variable is spoken by its name (Vapi's documents)."""
    if before and (routing is Routing.SERVER or not OUR_VARIABLE.search(before)):
        return before
    return GREETINGS[routing]


def events(before: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """A list of one's own is added to. Without one Vapi sends what it chooses, which has all of these and more."""
    return before if before is None else (*before, *(e for e in EVENTS + QUESTIONS if e not in before))


def differences(before: Assistant, wish: Assistant) -> list[Change]:
    def listed(messages: tuple[str, ...] | None) -> str | None:
        return ", ".join(messages) if messages is not None else None

    shown: dict[str, tuple[str | None, str | None]] = {
        "name": (before.name, wish.name),
        "firstMessage": (before.first_message, wish.first_message),
        "server.url": (before.server_url, wish.server_url),
        "server.credentialId": (before.server_credential_id, wish.server_credential_id or "a new one, made for it"),
        "serverMessages": (listed(before.server_messages), listed(wish.server_messages)),
    }
    return [Change(field, old, str(new)) for field, (old, new) in shown.items() if old != new]
