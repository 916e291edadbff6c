"""What a person does with endpoints: says where events are sent, renews the secret, sends again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db import endpoints
from trunkline.db.models import Delivery, Endpoint
from trunkline.domain.endpoints import EndpointFormat, EndpointStatus, Sent, checked_url, new_secret, seal
from trunkline.domain.events import EventType
from trunkline.errors import Conflict, InvalidInput
from trunkline.providers.outgoing import PrivateAddress
from trunkline.workflows.once import Begun, Once, begin_once, find_begun
from trunkline.workflows.read_events import give_places
from trunkline.workflows.send_events import sealing_keys, secrets_of, send
from trunkline.workflows.services import Services


@dataclass(frozen=True)
class Change:
    """What is None stays as it is."""

    url: str | None = None
    types: Sequence[EventType] | None = None
    description: str | None = None
    enabled: bool | None = None


class Made(NamedTuple):
    """An endpoint, and its secret: None where the same request had made it before, as nobody is told again."""

    endpoint_id: str
    secret: str | None


async def create_endpoint(
    services: Services,
    url: str,
    types: Sequence[EventType],
    form: EndpointFormat,
    description: str | None,
    once: Once | None = None,
) -> Made:
    """A new one, once per idempotency key. InvalidInput for an address that events do not go to."""
    if before := await find_begun(services, once):
        return Made(before.run, None)
    checked = await _checked(services, url)
    secret = new_secret()
    sealed = seal(secret, (await sealing_keys(services))[0])
    await give_places(services)

    async def begin(session: AsyncSession) -> Begun:
        row = await endpoints.add(
            session,
            url=checked,
            types=[kind.value for kind in types] or None,
            format=form.value,
            description=description,
            secret=sealed,
        )
        return Begun(row.id)

    begun = await begin_once(services, once, None, begin)
    return Made(begun.run, None if once is not None and once.replayed else secret)


async def change_endpoint(services: Services, endpoint_id: str, change: Change) -> Endpoint:
    url = await _checked(services, change.url) if change.url is not None else None
    async with services.database.write() as session:
        row = await endpoints.get(session, endpoint_id, lock=True)
        types = None if change.types is None else [kind.value for kind in change.types]
        endpoints.edit(row, url, types, change.description)
        if change.enabled is True and row.status == EndpointStatus.DISABLED:
            await endpoints.enable(session, row)
        elif change.enabled is False and row.status == EndpointStatus.ENABLED:
            await endpoints.disable(session, row, "a person has disabled it", owed=False)
    return row


async def delete_endpoint(services: Services, endpoint_id: str) -> Endpoint:
    async with services.database.write() as session:
        row = await endpoints.get(session, endpoint_id, lock=True)
        await endpoints.remove(session, row)
    return row


async def renew_secret(services: Services, endpoint_id: str) -> tuple[Endpoint, str]:
    """Its new secret; for a day what is sent is signed with that until now as well."""
    secret = new_secret()
    sealed = seal(secret, (await sealing_keys(services))[0])
    async with services.database.write() as session:
        row = await endpoints.get(session, endpoint_id, lock=True)
        endpoints.rotate(row, sealed)
    return row, secret


async def send_example(services: Services, endpoint_id: str, event: Mapping[str, Any]) -> Sent:
    """Send this one now, once; what came of it. It is not an event of ours, and is not kept."""
    async with services.database.read() as session:
        row = await endpoints.get(session, endpoint_id)
    return await send(services, row, await secrets_of(services, row), event["id"], event)


async def send_again(services: Services, endpoint_id: str, event_id: str) -> Delivery:
    """One event once more. Conflict while the endpoint is disabled."""
    async with services.database.write() as session:
        await _enabled(session, endpoint_id)
        row = await endpoints.resend(session, endpoint_id, event_id)
    services.database.ring()
    return row


async def recover(services: Services, endpoint_id: str, since: datetime) -> int:
    """What has not arrived since then is sent again at once; how many."""
    async with services.database.write() as session:
        await _enabled(session, endpoint_id)
        count = await endpoints.recover(session, endpoint_id, since)
    services.database.ring()
    return count


async def _enabled(session: Any, endpoint_id: str) -> None:
    row = await endpoints.get(session, endpoint_id, lock=True)
    if row.status == EndpointStatus.DISABLED:
        raise Conflict(f"the endpoint is disabled: {row.disabled_reason}", hint="enable it first")


async def _checked(services: Services, url: str) -> str:
    checked = checked_url(url, private=services.settings.endpoints_allow_private)
    try:
        await services.outgoing.refuse_private(checked)
    except PrivateAddress as error:
        hint = "give a public address, or set ENDPOINTS_ALLOW_PRIVATE"
        raise InvalidInput(str(error), field="url", hint=hint) from None
    return checked
