"""Vapi at the door of the running application: sends messages, and looks at what was kept of them."""

from __future__ import annotations

import json
import uuid
from typing import Any

from tests.api.conftest import Api, Json
from tests.support.app_server import SECRET
from tests.support.vapi_messages import shape
from trunkline.settings import Settings

PATH = "/api/vapi/server"
UNMAPPED = {"error": Settings.model_fields["unmapped_message"].default}


def post(api: Api, message: Json, **headers: str) -> Any:
    sent = headers or {"X-Vapi-Secret": SECRET}
    body = json.dumps({"message": message})
    answer = api.anonymous.post(PATH, content=body, headers=sent | {"Content-Type": "application/json"})
    return answer.json() if answer.status_code == 200 else answer


def values(restaurant: Json) -> Json:
    return {
        "restaurant_id": restaurant["id"],
        "restaurant_name": restaurant["name"],
        "called_number": restaurant["phone_number"],
    }


def calls(api: Api, restaurant: Json | None = None) -> dict[str, Json]:
    path = f"/api/restaurants/{restaurant['id']}/calls" if restaurant else "/api/calls"
    return {call["id"]: call for call in api.get(path, limit=200)["items"]}


def to(restaurant: Json, name: str = "assistant-request 2026", call_id: str | None = None, **changes: Any) -> Json:
    """A message about a call to this restaurant, told by its number alone."""
    call = {"id": call_id or str(uuid.uuid4()), "phoneNumberId": str(uuid.uuid4())}
    row = {"id": str(uuid.uuid4()), "number": restaurant["phone_number"]}
    return shape(name, call=call, phoneNumber=row, **changes)


def counted(api: Api, name: str) -> float:
    lines = api.client.get("/metrics").text.splitlines()
    return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(name)), 0.0)
