"""Which changes of rows are events: what of a row is watched, and what it is called when it changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

from sqlalchemy import inspect
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from trunkline.db.events import Noted, Values, announce, note_birth, note_change, noted_changes, state_event
from trunkline.db.models import (
    Apply,
    Assignment,
    Base,
    Batch,
    BudgetRow,
    Debt,
    Endpoint,
    Key,
    Mapping,
    Move,
    Number,
    ProviderAccount,
    PurchaseIntent,
    Release,
    Repoint,
    Restaurant,
    RunRow,
    StockPurchase,
)
from trunkline.domain.budgets import BudgetOf, SpendingLimits
from trunkline.domain.endpoints import EndpointStatus
from trunkline.domain.events import EventType, Subjects
from trunkline.domain.states import RunStatus

Kind = Callable[[Values, Values], EventType | None]


@dataclass(frozen=True)
class Watched:
    """Columns that change together as one event. `born`: the row itself is new, and they are what is told of it.
    `hidden`: that they changed is told, and not how."""

    columns: tuple[str, ...]
    kind: Kind
    born: bool = False
    hidden: bool = False


def always(kind: EventType) -> Kind:
    return lambda before, after: kind


def when(kind: EventType, column: str) -> Kind:
    """Only where it has a value from then on."""
    return lambda before, after: kind if after.get(column) else None


def only_changed(kind: EventType, column: str) -> Kind:
    """Only where it had a value before."""
    return lambda before, after: kind if before.get(column) else None


def switched(before: Values, after: Values) -> EventType | None:
    if "status" not in after:
        return None
    off = after["status"] == EndpointStatus.DISABLED
    return EventType.ENDPOINT_DISABLED if off else EventType.ENDPOINT_ENABLED


def activated(before: Values, after: Values) -> EventType | None:
    return EventType.NUMBER_ACTIVATED if before.get("active") is False and after.get("active") else None


# The noun of a kind of run, and what is told when one begins.
RUNS: dict[type[RunRow], tuple[str, tuple[str, ...]]] = {
    Assignment: ("assignment", ("batch_id", "criteria")),
    Release: ("release", ("give_back",)),
    Move: ("move", ("from_id", "own_number", "why")),
    Batch: ("batch", ()),
    Repoint: ("repoint", ()),
    Apply: ("apply", ("plan_id", "why")),
    StockPurchase: ("stock_purchase", ("carrier",)),
}
ENDS = ("status", "source", "number", "reason", "message", "hint")  # of a run, as far as its kind has them


def run_event(noun: str) -> Kind:
    """By the status that it has from then on."""

    def kind(before: Values, after: Values) -> EventType | None:
        match after.get("status"):
            case None:
                return None
            case RunStatus.RUNNING:
                return EventType(f"{noun}.started")
            case RunStatus.PAUSED:
                return EventType(f"{noun}.paused")
            case _:
                return EventType(f"{noun}.ended")

    return kind


WATCHED: dict[type[Base], tuple[Watched, ...]] = {
    Restaurant: (
        Watched(("name", "external_id"), always(EventType.RESTAURANT_CREATED), born=True),
        Watched(("name", "external_id", "notes"), always(EventType.RESTAURANT_CHANGED)),
        Watched(("deleted_at",), when(EventType.RESTAURANT_DELETED, "deleted_at")),
        Watched(("api_key_hash",), always(EventType.RESTAURANT_KEY_ROTATED), hidden=True),
    ),
    Number: (
        Watched(("protected", "labels", "release_after"), always(EventType.NUMBER_DESCRIBED)),
        Watched(("put_aside_until", "put_aside_reason"), when(EventType.NUMBER_PUT_ASIDE, "put_aside_until")),
        Watched(("monthly_price", "currency"), only_changed(EventType.NUMBER_PRICE_CHANGED, "monthly_price")),
    ),
    Mapping: (
        Watched(("source", "active"), always(EventType.NUMBER_ASSIGNED), born=True),
        Watched(("end_reason",), when(EventType.NUMBER_UNASSIGNED, "end_reason")),
        Watched(("active",), activated),
    ),
    PurchaseIntent: (
        Watched(
            ("carrier", "monthly_price", "upfront_price", "currency"), always(EventType.PURCHASE_INTENDED), born=True
        ),
    ),
    Key: (
        Watched(("comment", "scopes", "expires_at"), always(EventType.KEY_CREATED), born=True),
        Watched(("hash",), always(EventType.KEY_ROTATED), hidden=True),
        Watched(("revoked_at",), when(EventType.KEY_REVOKED, "revoked_at")),
    ),
    BudgetRow: (Watched(tuple(vars(SpendingLimits())), always(EventType.BUDGET_CHANGED)),),
    Endpoint: (
        Watched(("types", "format", "description"), always(EventType.ENDPOINT_CREATED), born=True),
        Watched(("types", "description"), always(EventType.ENDPOINT_CHANGED)),
        Watched(("url",), always(EventType.ENDPOINT_CHANGED), hidden=True),  # it may say a secret, as Slack's do
        Watched(("secret",), always(EventType.ENDPOINT_ROTATED), hidden=True),
        Watched(("status", "disabled_reason"), switched),
        Watched(("deleted_at",), when(EventType.ENDPOINT_DELETED, "deleted_at")),
    ),
    Debt: (Watched(("kind", "provider"), always(EventType.DEBT_OPENED), born=True),),
    ProviderAccount: (
        Watched(("account",), only_changed(EventType.ACCOUNT_CHANGED, "account")),
        Watched(("blocked_until", "blocked_reason"), when(EventType.ACCOUNT_BLOCKED, "blocked_until")),
    ),
    **{
        row: (
            Watched(("status", *told), run_event(noun), born=True),
            Watched(ENDS, run_event(noun)),
        )
        for row, (noun, told) in RUNS.items()
    },
}
SHOWN_AS = {"notes": "metadata", "from_id": "from_restaurant_id"}


def announce_end(
    session: AsyncSession, run: type[RunRow], subjects: Subjects, values: Values, before: RunStatus = RunStatus.RUNNING
) -> None:
    """Of a run whose status a statement has changed."""
    was, told = {"status": before.value}, plain({name: value for name, value in values.items() if name in ENDS})
    kind = run_event(RUNS[run][0])(was, told)
    assert kind is not None
    announce(session, kind, subjects, before=was, after=told)


def subjects_of(row: Any) -> Subjects:
    """Whom and what a row is about."""
    match row:
        case Restaurant():
            return Subjects(row.id)
        case Number():
            return Subjects(number=row.number)
        case Mapping():
            return Subjects(row.restaurant_id, row.number, row.assignment_id)
        case PurchaseIntent():
            return Subjects(row.restaurant_id, row.number, row.assignment_id, row.id)
        case Debt():
            return about_debt(row.id, row.subject, row.restaurant_id, row.run_id)
        case Endpoint():
            return Subjects(other_id=row.id)
        case Key():
            return Subjects(row.restaurant_id, other_id=row.id)
        case BudgetRow():
            return about_budget(row.subject, row.kind)
        case RunRow():
            restaurant = getattr(row, "restaurant_id", None) or getattr(row, "to_id", None)
            return Subjects(restaurant, getattr(row, "number", None), row.id)
        case _:
            return Subjects()


def about_budget(subject: str, kind: str) -> Subjects:
    return Subjects(subject) if kind == BudgetOf.RESTAURANT else Subjects(other_id=subject)


def about_debt(debt_id: str, subject: str, restaurant_id: str | None, run_id: str | None) -> Subjects:
    return Subjects(restaurant_id, subject if subject.startswith("+") else None, run_id, debt_id)


@contextmanager
def unnoted(session: AsyncSession) -> Iterator[None]:
    """Inside, what is changed in rows is no event by itself: whoever does it announces what has happened."""
    session.info["unnoted"] = True
    try:
        yield
    finally:
        del session.info["unnoted"]


def note_events(session: Session) -> None:
    """Before a flush: what it is about to write."""
    if session.info.get("unnoted"):
        return
    for row in session.new:
        _note_new(session, row)
    for row in session.dirty:
        _note_changed(session, row)


def _note_new(session: Session, row: Any) -> None:
    if isinstance(row, Number):
        note_change(session, ("state", row.number), state_event, _about(row), {}, {"state": row.state})
    for watched in WATCHED.get(type(row), ()):
        if watched.born and (key := (id(row),)) not in noted_changes(session):
            note_birth(session, key, Noted(watched.kind, _about(row), born=partial(_values, row, watched.columns)))


def _note_changed(session: Session, row: Any) -> None:
    if (id(row),) in noted_changes(session):
        return  # it is new, and told as it is in the end
    attributes = inspect(row).attrs
    if isinstance(row, Number) and (state := attributes.state.history).has_changes():
        before = {"state": _one(state.deleted)}
        note_change(session, ("state", row.number), state_event, _about(row), before, {"state": row.state})
    for nth, watched in enumerate(WATCHED.get(type(row), ())):
        histories = {name: attributes[name].history for name in watched.columns if name in attributes}
        changed = {name: history for name, history in histories.items() if history.has_changes()}
        if changed and not watched.born:
            before = plain({name: _one(history.deleted) for name, history in changed.items()})
            after = {"changed": True} if watched.hidden else _values(row, changed)
            before = {} if watched.hidden else before
            note_change(session, (id(row), nth), watched.kind, _about(row), before, after)


def _about(row: Any) -> Callable[[], Subjects]:
    return partial(subjects_of, row)


def _values(row: Any, columns: Iterable[str]) -> Values:
    return plain({name: getattr(row, name) for name in columns})


def _one(values: Any) -> Any:
    return values[0] if values else None


def plain(values: Values) -> Values:
    """As JSON has it, by the names that people know."""
    return {SHOWN_AS.get(name, name): _written(value) for name, value in values.items()}


def _written(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case Decimal():
            return f"{value.normalize():f}"
        case _:
            return value
