"""Who does what is being done: known wherever something is written, without being handed from hand to hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any


class ActorKind(StrEnum):
    """What kind of somebody acts."""

    KEY = "key"
    SECRET = "secret"  # noqa: S105
    RESTAURANT = "restaurant"
    DEBTS = "debts"
    BATCH = "batch"
    RECONCILE = "reconcile"
    CARRIER = "carrier"
    HOUSE = "house"
    CONSOLE = "console"


WORDS: dict[ActorKind, str] = {
    ActorKind.KEY: "an API key",
    ActorKind.SECRET: "whoever has the operator's secret",
    ActorKind.RESTAURANT: "the restaurant, by its own key",
    ActorKind.DEBTS: "the worker that settles what is owed",
    ActorKind.BATCH: "a batch",
    ActorKind.RECONCILE: "a reconciliation",
    ActorKind.CARRIER: "the carrier",
    ActorKind.HOUSE: "the server's own upkeep",
    ActorKind.CONSOLE: "a person in the console",
}


@dataclass(frozen=True)
class Acting:
    """Who acts: `id` and `name` say which of its kind (an id of ours, what people call it; never a secret), `reason` is
    what a person gave, `key_id` the API key that it goes back to, also where a batch goes on with it; `request_id` and
    `trace_id` lead to the log and the trace of the request that it began with, of which a run that was begun at
    `traceparent` is a part."""

    kind: ActorKind
    id: str | None = None
    name: str | None = None
    reason: str | None = None
    request_id: str | None = None
    trace_id: str | None = None
    key_id: str | None = None
    traceparent: str | None = None

    def plain(self) -> dict[str, Any]:
        """As it is kept with a run, so that who goes on with the run acts for the same."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def stored(cls, plain: Mapping[str, Any] | None) -> Acting:
        """The house, where none was kept."""
        return cls(**{**plain, "kind": ActorKind(plain["kind"])}) if plain else THE_HOUSE


THE_HOUSE = Acting(ActorKind.HOUSE)
_ACTING: ContextVar[Acting] = ContextVar("acting", default=THE_HOUSE)


def acting() -> Acting:
    """Who acts now; the house, where nobody else was said to."""
    return _ACTING.get()


@contextmanager
def acting_as(who: Acting) -> Iterator[None]:
    """Inside, this is who acts; also in tasks that are begun there."""
    before = _ACTING.set(who)
    try:
        yield
    finally:
        _ACTING.reset(before)


def give_reason(reason: str | None) -> None:
    """For what is left of this task: why a person wants what is about to be done."""
    if reason is not None:
        _ACTING.set(replace(acting(), reason=reason))
