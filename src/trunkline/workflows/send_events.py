"""Sends events to endpoints: each endpoint in a line of its own, by one process at a time, at least once."""

from __future__ import annotations

import asyncio
import html
import json
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog

from trunkline.db import endpoints, events
from trunkline.db.installation import key_salt
from trunkline.db.models import Delivery, Endpoint, Event, utcnow
from trunkline.domain.endpoints import EndpointFormat, Sent, ready, sealing_key, unseal
from trunkline.metrics import DELIVERIES
from trunkline.workflows.read_events import give_places
from trunkline.workflows.services import Services
from trunkline.workflows.tell_events import plain_event

log = structlog.get_logger()
PAUSE, LONGEST_PAUSE = 0.5, 5.0  # between two looks at whether there is something to send
AT_ONCE = 8  # to one endpoint
LONGEST_BODY = 20_000


async def send_events(services: Services) -> None:
    """For ever. An endpoint that is slow, or dead, holds up nothing but itself."""
    lines: dict[str, asyncio.Task[None]] = {}
    bell = services.database.bell()
    try:
        while True:
            try:
                for endpoint_id in await with_work(services):
                    if endpoint_id not in lines or lines[endpoint_id].done():
                        lines[endpoint_id] = line = asyncio.create_task(serve(services, endpoint_id))
                        line.add_done_callback(lambda _: bell.ring())
            except Exception as error:
                log.warning("events cannot be sent now", error=type(error).__name__)
            await bell.wait(PAUSE, LONGEST_PAUSE)
    finally:
        for line in lines.values():
            line.cancel()


async def with_work(services: Services) -> Sequence[str]:
    async with services.database.read() as session:
        if services.database.embedded or not await events.unplaced(session):
            return await endpoints.with_work(session)
    await give_places(services)
    async with services.database.read() as session:
        return await endpoints.with_work(session)


async def serve(services: Services, endpoint_id: str) -> None:
    """Send what is due to one endpoint, until nothing is, or another process sends there."""
    try:
        while await _round(services, endpoint_id):
            pass
        async with services.database.write() as session:
            await endpoints.let_go(session, endpoint_id, services.engine.process_id)
    except Exception as error:
        log.warning("events wait for the database", endpoint=endpoint_id, error=type(error).__name__)


async def _round(services: Services, endpoint_id: str) -> bool:
    """Send some of what is due; whether there was anything."""
    process = services.engine.process_id
    async with services.database.write() as session:
        endpoint = await endpoints.lease(session, endpoint_id, process, services.settings.takeover_seconds)
        if endpoint is None:
            return False
        await endpoints.fan_out(session, endpoint)
    async with services.database.read() as session:
        due = ready(await endpoints.queue(session, endpoint_id), utcnow())[:AT_ONCE]
        told = await endpoints.events_of(session, due)
    if not due:
        return False
    secrets = await secrets_of(services, endpoint)
    results = await asyncio.gather(*(_deliver(services, endpoint, secrets, one, told.get(one.event_id)) for one in due))
    async with services.database.write() as session:
        await endpoints.record(session, endpoint_id, process, results)
    return True


async def _deliver(
    services: Services, endpoint: Endpoint, secrets: Sequence[str], delivery: Delivery, event: Event | None
) -> tuple[Delivery, Sent, datetime, int]:
    at, began = utcnow(), time.monotonic()
    if event is None:
        sent = Sent(error="the event is not kept any more")
    else:
        sent = await send(services, endpoint, secrets, event.id, plain_event(event))
    DELIVERIES.labels("arrived" if sent.arrived else "failed").inc()
    return delivery, sent, at, round((time.monotonic() - began) * 1000)


async def send(
    services: Services, endpoint: Endpoint, secrets: Sequence[str], event_id: str, event: Mapping[str, Any]
) -> Sent:
    """One event, signed with each of the secrets that count now."""
    if not secrets:
        return Sent(error="its secret was sealed with another VAPI_SECRET_KEY: rotate it")
    from standardwebhooks import Webhook  # what is sent seldom is loaded late

    body, now = body_of(EndpointFormat(endpoint.format), event), utcnow()
    signatures = " ".join(Webhook(secret).sign(event_id, now, body) for secret in secrets)
    headers = {
        "Content-Type": "application/json",
        "webhook-id": event_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signatures,
    }
    return await services.outgoing.post(endpoint.url, body.encode(), headers)


async def secrets_of(services: Services, endpoint: Endpoint) -> list[str]:
    """Those that sign now: its own, and for a while the one before."""
    keys = await sealing_keys(services)
    sealed = [endpoint.secret]
    if endpoint.previous_secret and endpoint.previous_until and endpoint.previous_until > utcnow():
        sealed.append(endpoint.previous_secret)
    return [secret for one in sealed if (secret := unseal(one, keys)) is not None]


async def sealing_keys(services: Services) -> list[bytes]:
    """That of VAPI_SECRET_KEY, which seals, and that of the one before, which opens as well."""
    settings = services.settings
    async with services.database.read() as session:
        salt = await key_salt(session)
    known = [one.get_secret_value() for one in (settings.vapi_secret_key, settings.vapi_secret_key_previous) if one]
    return [sealing_key(one, salt) for one in known]


def body_of(form: EndpointFormat, event: Mapping[str, Any]) -> str:
    if form is EndpointFormat.SLACK:
        who = event["actor"]["name"] or event["actor"]["id"] or event["actor"]["kind"]
        why = f", because: {event['reason']}" if event["reason"] else ""
        return json.dumps({"text": html.escape(f"*{event['type']}* {event['text']} (by {who}{why})", quote=False)})
    body = json.dumps({"type": event["type"], "timestamp": event["at"], "data": event})
    if len(body) > LONGEST_BODY:
        body = json.dumps(
            {"type": event["type"], "timestamp": event["at"], "data": {**event, "before": {}, "after": {}}}
        )
    return body
