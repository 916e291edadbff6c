"""Behind a proxy that gives the server a prefix, the webhook is found."""

from __future__ import annotations

import json

import pytest

from tests.routing.conftest import SECRET, OpenDoor
from tests.support.vapi_messages import NUMBER, shape
from trunkline.workflows.services import WEBHOOK_PATH

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)]


@pytest.mark.parametrize("slash", ["", "/"])
async def test_a_call_is_answered_behind_a_prefix(open_door: OpenDoor, slash: str) -> None:
    async with open_door(root_path="/voice/tl") as door:
        await door.town.served(NUMBER, "Roma")
        body = json.dumps({"message": shape("assistant-request 2026")})
        headers = {"X-Vapi-Secret": SECRET}
        answer = await door.client.post(f"{WEBHOOK_PATH}{slash}", content=body, headers=headers)
        assert answer.json()["assistantOverrides"]["variableValues"]["restaurant_name"] == "Roma"
        elsewhere = await door.client.post(f"/x{WEBHOOK_PATH}{slash}", content=body, headers=headers)
        assert elsewhere.status_code == 404
