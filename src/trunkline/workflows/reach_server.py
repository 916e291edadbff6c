"""Asks a server of ours whether it answers, as Vapi would."""

from __future__ import annotations

from typing import Any

from trunkline.errors import TrunklineError
from trunkline.providers.account import Account
from trunkline.providers.http import ProviderClient, Reply
from trunkline.providers.pace import Limits
from trunkline.workflows.services import Services

ANSWER_SECONDS = 10.0


async def unhealthy(services: Services, base: str) -> str | None:
    """Why a server of ours does not answer there, None if it does."""
    try:
        reply = await asked(services, base, "GET", "/healthz")
    except TrunklineError as error:
        return error.detail
    return None if isinstance(reply.body, dict) and reply.body.get("status") == "ok" else "something else answers"


async def asked(services: Services, base: str, method: str, path: str, body: Any = None) -> Reply:
    secret = services.settings.vapi_secret_key
    headers = {"X-Vapi-Secret": secret.get_secret_value()} if secret and method == "POST" else None
    client = ProviderClient(Account("the server", Limits(timeout=ANSWER_SECONDS)), base.rstrip("/"), headers=headers)
    try:
        return await client.request(path.rsplit("/", 1)[-1], method, path, json=body)
    finally:
        await client.close()
