"""Endpoints, as they are asked for and answered."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from trunkline.api.paging import Listing
from trunkline.api.shapes import Answer, Body, Moment, Page, Text
from trunkline.db import models as rows
from trunkline.domain.endpoints import LONGEST_URL, DeliveryStatus, EndpointFormat, EndpointStatus, Sent
from trunkline.domain.events import EventType

Url = Annotated[Text, Field(max_length=LONGEST_URL, description="https, and a public address")]
Types = Annotated[
    list[Annotated[EventType, Field(strict=False)]], Field(description="the types that are sent there; none are all")
]
Description = Annotated[Text | None, Field(max_length=200, description="whose it is, for whoever reads it later")]


class NewEndpoint(Body):
    url: Url
    types: Types = Field(default=[])
    format: EndpointFormat = Field(
        default=EndpointFormat.JSON, strict=False, description="`slack`: a text, as Slack's incoming webhooks take it"
    )
    description: Description = None


class EndpointPatch(Body):
    url: Url | None = None
    types: Types | None = None
    description: Description = None
    enabled: bool | None = Field(default=None, description="true: it gets what has happened since it was disabled")


class ExampleBody(Body):
    type: EventType = Field(default=EventType.NUMBER_ASSIGNED, strict=False, description="of which type")


class Recovery(Body):
    since: Moment = Field(strict=False, description="what has not arrived since then is sent again")


class EndpointQuery(Listing):
    pass


class DeliveryQuery(Listing):
    status: DeliveryStatus | None = Field(default=None, description="only those")


class Endpoint(Answer):
    id: str
    url: str
    types: list[EventType] = Field(description="none are all")
    format: EndpointFormat
    description: str | None
    status: EndpointStatus
    disabled_reason: str | None
    failing_since: datetime | None = Field(description="nothing arrived since; after 5 days it is disabled")
    previous_secret_until: datetime | None = Field(description="until when what is sent is signed twice")
    created_at: datetime


class MadeEndpoint(Endpoint):
    secret: str | None = Field(
        description="verifies what is sent; shown this once. Null in a repeated answer: rotate it then"
    )


class EndpointPage(Page[Endpoint]):
    pass


class Attempt(Answer):
    at: datetime | None
    status: int | None = Field(description="that was answered; null where there was no answer")
    answer: str | None = Field(description="its first 2 kB")
    error: str | None
    duration_ms: int | None


class Delivery(Answer):
    """One event on its way to an endpoint."""

    event_id: str
    status: DeliveryStatus
    next_try_at: datetime | None
    attempts: list[Attempt]
    created_at: datetime


class DeliveryPage(Page[Delivery]):
    pass


class Recovered(Answer):
    events: int = Field(description="how many are sent again")


def show_endpoint(row: rows.Endpoint) -> Endpoint:
    return Endpoint(
        id=row.id,
        url=row.url,
        types=[EventType(kind) for kind in row.types or ()],
        format=EndpointFormat(row.format),
        description=row.description,
        status=EndpointStatus(row.status),
        disabled_reason=row.disabled_reason,
        failing_since=row.failing_since,
        previous_secret_until=row.previous_until,
        created_at=row.created_at,
    )


def show_delivery(row: rows.Delivery, attempts: list[rows.Attempt]) -> Delivery:
    waits = row.status == DeliveryStatus.WAITING
    return Delivery(
        event_id=row.event_id,
        status=DeliveryStatus(row.status),
        next_try_at=row.next_try_at if waits else None,
        attempts=[
            Attempt(at=one.at, status=one.status, answer=one.answer, error=one.error, duration_ms=one.duration_ms)
            for one in attempts
        ],
        created_at=row.created_at,
    )


def show_sent(sent: Sent) -> Attempt:
    return Attempt(at=None, status=sent.status, answer=sent.answer, error=sent.error, duration_ms=None)
