"""What happened, as it is asked for, answered and sent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from trunkline.api.paging import Listing
from trunkline.api.shapes import Answer, Moment, Page, Short
from trunkline.db import models as rows
from trunkline.db.events import Wanted
from trunkline.domain.acting import WORDS, ActorKind
from trunkline.domain.events import FOR_RESTAURANTS, EventType
from trunkline.workflows.identify import Identity
from trunkline.workflows.tell_events import plain_event

Types = list[EventType]


class EventFilter(Listing):
    type: Types = Field(default=[], description="only these; may be given several times")
    subject: Short | None = Field(
        default=None, description="only those about this number, or about the restaurant, run, key ... of this id"
    )
    actor: Short | None = Field(default=None, description="only those by this kind of actor, or by the one of this id")
    since: Moment | None = Field(default=None, description="only those that happened then or later")

    def wanted(self, identity: Identity) -> Wanted:
        """The same, as far as who asks may see it."""
        types: list[str] = [kind.value for kind in self.type]
        if not identity.is_operator:
            types = [kind.value for kind in FOR_RESTAURANTS if not types or kind in types] or ["none"]
        return Wanted(types, self.subject, self.actor, self.since, identity.restaurant_id)


class EventQuery(EventFilter):
    order: Literal["newest", "oldest"] = Field(default="newest", description="which come first")


class StreamQuery(EventFilter):
    pass


class Actor(Answer):
    kind: ActorKind
    id: str | None = Field(description="of the key, batch, debt ...; null for a restaurant's key that is not it")
    name: str | None = Field(description="what people call it: a key's comment, X-Vapi-Secret")


class Event(Answer):
    """One committed change. `id` is the same however often it is told."""

    id: str
    type: EventType
    at: datetime
    text: str = Field(description="what happened, in a sentence")
    restaurant_id: str | None
    number: str | None
    run_id: str | None = Field(description="the assignment, release, move, batch ... that it is about, or was part of")
    other_id: str | None = Field(description="the purchase, debt, key ... that it is about")
    actor: Actor
    reason: str | None = Field(description="that a person gave")
    request_id: str | None = Field(description="finds the request in the log")
    trace_id: str | None
    before: dict[str, Any] = Field(description="what has changed, as it was")
    after: dict[str, Any] = Field(description="and as it is")


class EventPage(Page[Event]):
    pass


class EventMessage(Answer):
    """What is sent to an endpoint, signed as Standard Webhooks say; `webhook-id` is the event's id."""

    type: EventType
    timestamp: datetime
    data: Event


class HistoryQuery(Listing):
    pass


class HistoryLine(Answer):
    """One thing that happened, as it is told."""

    at: datetime
    text: str
    by: str = Field(description="who did it, in words")
    reason: str | None
    type: EventType
    event_id: str


class History(Page[HistoryLine]):
    pass


def show_event(row: rows.Event, identity: Identity) -> Event:
    """As far as who asks may see it."""
    return Event.model_validate(plain_event(row, for_restaurant=not identity.is_operator))


def show_line(event: Event, names: Mapping[str, str]) -> HistoryLine:
    """With the restaurant's name, as far as it is known still, for its id."""
    who = event.actor.name or event.actor.id
    by = WORDS[event.actor.kind] + (f" ({who})" if who else "")
    named = event.restaurant_id and names.get(event.restaurant_id)
    text = event.text.replace(event.restaurant_id or "", named) if named else event.text
    return HistoryLine(at=event.at, text=text, by=by, reason=event.reason, type=event.type, event_id=event.id)
