"""Providers' accounts, as they are answered."""

from __future__ import annotations

from pydantic import Field

from trunkline.api.shapes import Answer, Body
from trunkline.workflows.accounts import KeysOf


class ProviderAccount(Answer):
    """Whose keys the settings hold for a provider (`voice` is the Vapi organisation), and whose were accepted. While
    they differ, nothing is bought, settled or given back there."""

    provider: str
    now: str = Field(description="the account that the keys in the settings open; empty where that is not known yet")
    accepted: str | None = Field(description="the account that was worked with until now")
    changed: bool


class ProviderAccounts(Answer):
    items: list[ProviderAccount]


class TakeOver(Body):
    """Whose marks are ours from now on."""

    installation: str = Field(min_length=1, max_length=8, description="the name in its owner marks")


class Installation(Answer):
    name: str


def show_account(keys: KeysOf) -> ProviderAccount:
    return ProviderAccount(provider=keys.provider, now=keys.now, accepted=keys.accepted, changed=keys.changed)
