"""Endpoints: where events are sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from trunkline.client import models
from trunkline.client.operations.common import headers_of, part
from trunkline.client.wire import Call, Pages

AT = "/api/endpoints"


def create_endpoint(
    url: str,
    *,
    types: Sequence[str] = (),
    format: str | None = None,
    description: str | None = None,
    idempotency_key: str | None = None,
) -> Call[models.MadeEndpoint]:
    """Have what happens from now on sent there; its secret is told only now."""
    body = {"url": url, "types": list(types), "format": format, "description": description}
    return Call("POST", AT, models.MadeEndpoint, body=body, headers=headers_of(idempotency_key))


def endpoints() -> Pages[models.Endpoint]:
    """Oldest first."""
    return Pages(AT, models.Endpoint, {})


def endpoint(endpoint_id: str) -> Call[models.Endpoint]:
    return Call("GET", f"{AT}/{part(endpoint_id)}", models.Endpoint)


def change_endpoint(endpoint_id: str, *, reason: str | None = None, **changes: Any) -> Call[models.Endpoint]:
    """`url`, `types`, `description`, `enabled`: what is left out stays."""
    return Call("PATCH", f"{AT}/{part(endpoint_id)}", models.Endpoint, {"reason": reason}, changes)


def delete_endpoint(endpoint_id: str, *, reason: str | None = None) -> Call[models.Endpoint]:
    return Call("DELETE", f"{AT}/{part(endpoint_id)}", models.Endpoint, {"reason": reason})


def rotate_endpoint(endpoint_id: str, *, reason: str | None = None) -> Call[models.MadeEndpoint]:
    """Give it another secret; for a day what is sent is signed with both."""
    return Call("POST", f"{AT}/{part(endpoint_id)}/rotate", models.MadeEndpoint, {"reason": reason})


def send_example(endpoint_id: str, *, type: str | None = None) -> Call[models.Attempt]:
    """Send one at once; what came of it."""
    return Call("POST", f"{AT}/{part(endpoint_id)}/example", models.Attempt, body={"type": type})


def recover_endpoint(endpoint_id: str, since: datetime) -> Call[models.Recovered]:
    """Send again what has not arrived since then."""
    return Call("POST", f"{AT}/{part(endpoint_id)}/recover", models.Recovered, body={"since": since.isoformat()})


def deliveries(endpoint_id: str, *, status: str | None = None) -> Pages[models.Delivery]:
    """What was sent there, of the newest events first."""
    return Pages(f"{AT}/{part(endpoint_id)}/deliveries", models.Delivery, {"status": status})


def resend_event(endpoint_id: str, event_id: str) -> Call[models.Delivery]:
    """Send one event again, whatever came of it."""
    return Call("POST", f"{AT}/{part(endpoint_id)}/deliveries/{part(event_id)}/resend", models.Delivery)
