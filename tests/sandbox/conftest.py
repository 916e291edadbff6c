"""A Vapi organisation with an account at each carrier, and a server that it asks."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from tests.sandbox.vapi_client import client_of, open_accounts, shared, told
from tests.support.sandbox_server import SandboxServer
from tests.support.webhook import Webhook


@pytest.fixture
def vapi(sandbox: SandboxServer) -> Iterator[httpx2.Client]:
    open_accounts(sandbox)
    with client_of(sandbox) as client:
        yield client


@pytest.fixture
def webhook(vapi: httpx2.Client) -> Iterator[Webhook]:
    """A server that names the shared assistant and the restaurant Bella Napoli."""
    with Webhook() as server:
        variables = {"restaurant_name": "Bella Napoli", "restaurant_id": "r1"}
        chosen = {"assistantId": shared(vapi), "assistantOverrides": {"variableValues": variables}}
        server.answers["assistant-request"] = 200, chosen
        server.answers["tool-calls"] = told("Bella Napoli")
        yield server
