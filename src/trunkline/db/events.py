"""The events: announced while a transaction runs, written with it, read in the order in which they were committed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Select, Table, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from trunkline import traces
from trunkline.db.models import Event, utcnow
from trunkline.domain.acting import acting
from trunkline.domain.events import LONGEST_REASON, EventType, Subjects
from trunkline.domain.ids import new_id

LOCK = 7_481_205_833  # of who gives out positions
PIECE = 1000
NEWEST: Select[tuple[int]] = select(func.coalesce(func.max(Event.position), 0))
INSERT = insert(cast(Table, Event.__table__))
INSERT_IN_PLACE = INSERT.values(position=NEWEST.scalar_subquery() + 1)  # of the only writer: what it commits comes next
UNPLACED = select(Event.seq).where(Event.position.is_(None))
Values = dict[str, Any]


@dataclass
class Noted:
    """A change that its transaction has made so far: a later one of the same thing adds to it. `kind` and `subjects`
    are asked when all is written; None is no event. `born` tells what is new, as it is then."""

    kind: Callable[[Values, Values], EventType | None]
    subjects: Callable[[], Subjects]
    born: Callable[[], Values] | None = None
    before: Values = field(default_factory=dict)
    after: Values = field(default_factory=dict)

    def add(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        fresh = {name: value for name, value in before.items() if name not in self.after}
        self.before = {**fresh, **self.before}
        self.after |= after

    def event(self) -> Values | None:
        if self.born is not None:
            told = {name: value for name, value in self.born().items() if value is not None}
            kind = self.kind({}, told)
            return _row(kind, self.subjects(), {}, told) if kind else None
        changed = {name for name in {*self.before, *self.after} if self.before.get(name) != self.after.get(name)}
        if not changed:
            return None
        before = {name: value for name, value in self.before.items() if name in changed and value is not None}
        after = {name: value for name, value in self.after.items() if name in changed}
        kind = self.kind(before, after)
        return _row(kind, self.subjects(), before, after) if kind else None


def announce(
    session: AsyncSession | Session,
    kind: EventType,
    subjects: Subjects,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """This has happened, once the transaction is committed. For what is written by a statement, or is in no row: what
    is changed in rows is noted by itself. Nothing secret, and no person's words but what erasure takes out again."""
    _noted(session).append(_row(kind, subjects, dict(before or {}), dict(after or {})))


def announce_state(session: AsyncSession | Session, number: str, before: str | None, after: str | None) -> None:
    """A number's state, where a statement has changed it; None: we had, or have, no row of it."""
    there = {"state": before} if before else {}
    note_change(
        session,
        ("state", number),
        state_event,
        lambda: Subjects(number=number),
        there,
        {"state": after} if after else {},
    )


def state_event(before: Values, after: Values) -> EventType:
    return EventType(f"number.{after['state']}") if after else EventType.NUMBER_FORGOTTEN


def note_change(
    session: AsyncSession | Session,
    key: tuple[Any, ...],
    kind: Callable[[Values, Values], EventType | None],
    subjects: Callable[[], Subjects],
    before: Mapping[str, Any],
    after: Mapping[str, Any],
) -> None:
    """What has changed of the thing that the key names."""
    by_key = noted_changes(session)
    if key not in by_key:
        by_key[key] = Noted(kind, subjects)
        _noted(session).append(by_key[key])
    by_key[key].add(before, after)


def note_birth(session: Session, key: tuple[Any, ...], noted: Noted) -> None:
    """What is new, told as it is when all is written."""
    noted_changes(session)[key] = noted
    _noted(session).append(noted)


def noted_changes(session: AsyncSession | Session) -> dict[tuple[Any, ...], Noted]:
    """What the transaction has changed so far, by what it is."""
    by_key: dict[tuple[Any, ...], Noted] = session.info.setdefault("changes", {})
    return by_key


def _noted(session: AsyncSession | Session) -> list[Noted | Values]:
    noted: list[Noted | Values] = session.info.setdefault("events", [])
    return noted


def _row(kind: EventType, subjects: Subjects, before: Values, after: Values) -> Values:
    return {"type": kind.value, "before": before or None, "after": after or None, **vars(subjects)}


async def write(session: AsyncSession) -> bool:
    """Write what was noted, with the transaction that did it; whether there was anything."""
    noted = session.info.pop("events", [])
    session.info.pop("changes", None)
    found = [row for one in noted if (row := one.event() if isinstance(one, Noted) else one)]
    if not found:
        return False
    who = acting()
    by = {
        "at": utcnow(),
        "actor": who.kind.value,
        "actor_id": who.id,
        "actor_name": who.name,
        "reason": who.reason[:LONGEST_REASON] if who.reason else None,
        "request_id": who.request_id,
        "trace_id": who.trace_id or traces.trace_id(),
    }
    statement = INSERT_IN_PLACE if session.get_bind().dialect.name == "sqlite" else INSERT
    await session.execute(statement, [{"id": new_id("evt"), **by, **row} for row in found])
    return True


# --- reading ---------------------------------------------------------------------------------------------------------


async def unplaced(session: AsyncSession) -> bool:
    """Whether there are committed events that have no position."""
    return (await session.execute(UNPLACED.limit(1))).first() is not None


async def place(session: AsyncSession) -> bool:
    """Give the committed events that have none their positions, one caller after the other, so that whoever has read up
    to a position has missed nothing before it. Whether there may be more."""
    if not await unplaced(session):
        return False
    await session.execute(select(func.pg_advisory_xact_lock(LOCK)))
    row = func.row_number().over(order_by=Event.seq).label("nth")
    waiting = select(Event.seq, row).where(Event.position.is_(None)).order_by(Event.seq).limit(PIECE).subquery()
    newest = NEWEST.scalar_subquery()
    placed = await session.execute(
        update(Event)
        .where(Event.seq == waiting.c.seq)
        .values(position=newest + waiting.c.nth)
        .execution_options(synchronize_session=False)
    )
    return int(placed.rowcount) >= PIECE  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Wanted:
    """Which events: of these types, about this subject (whatever it is), by this actor (a kind, or an id), that
    happened then or later; `restaurant_id` and `types` of a reader who may see no others."""

    types: Sequence[str] = ()
    subject: str | None = None
    actor: str | None = None
    since: datetime | None = None
    restaurant_id: str | None = None

    def narrow(self, query: Select[Any]) -> Select[Any]:
        if self.types:
            query = query.where(Event.type.in_(self.types))
        if self.subject is not None:
            query = query.where(_about(self.subject))
        if self.actor is not None:
            query = query.where(or_(Event.actor == self.actor, Event.actor_id == self.actor))
        if self.since is not None:
            query = query.where(Event.at >= self.since)
        if self.restaurant_id is not None:
            query = query.where(Event.restaurant_id == self.restaurant_id)
        return query


def _about(subject: str) -> Any:
    """Of a run also what was done in its name; of a restaurant, or a number, all that names it."""
    prefix = subject.partition("_")[0]
    if prefix == "rst":
        return Event.restaurant_id == subject
    if subject.startswith("+"):
        return Event.number == subject
    return or_(Event.run_id == subject, Event.other_id == subject, Event.actor_id == subject)


async def after(session: AsyncSession, position: int, wanted: Wanted, limit: int) -> Sequence[Event]:
    """Those behind a position, in their order."""
    query = select(Event).where(Event.position > position).order_by(Event.position).limit(limit)
    return list((await session.execute(wanted.narrow(query))).scalars())


async def before(session: AsyncSession, position: int | None, wanted: Wanted, limit: int) -> Sequence[Event]:
    """Those before a position, newest first; the newest, where it is None."""
    query = select(Event).where(Event.position.is_not(None)).order_by(Event.position.desc()).limit(limit)
    if position is not None:
        query = query.where(Event.position < position)
    return list((await session.execute(wanted.narrow(query))).scalars())


async def newest(session: AsyncSession) -> int:
    """Where they end now."""
    position: int = await session.scalar(NEWEST)
    return position


async def is_told(session: AsyncSession, wanted: Wanted) -> bool:
    """Whether there is one."""
    return (await session.execute(wanted.narrow(select(Event)).limit(1))).first() is not None


async def position_of(session: AsyncSession, event_id: str) -> int | None:
    return (await session.execute(select(Event.position).where(Event.id == event_id))).scalar_one_or_none()
