"""Endpoints: where events are sent, what waits to be sent there, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db import debts, events
from trunkline.db.events import Wanted
from trunkline.db.models import Attempt, Debt, Delivery, Endpoint, Event, Process, utcnow
from trunkline.db.retention import PIECE
from trunkline.domain.endpoints import (
    GIVEN_UP_AFTER,
    GONE,
    GRACE,
    LONGEST_PAUSE,
    THROTTLED,
    WAITS,
    DeliveryStatus,
    EndpointStatus,
    Sent,
    wait_after,
)
from trunkline.domain.states import DebtKind
from trunkline.errors import NotFound

QUEUE = 500  # of one endpoint, looked at once
LEASE = timedelta(seconds=60)  # longer than anything that is done with one


async def add(session: AsyncSession, **columns: object) -> Endpoint:
    """A new one, which gets what happens from now on."""
    row = Endpoint(position=await events.newest(session), **columns)
    session.add(row)
    await session.flush()
    return row


async def get(session: AsyncSession, endpoint_id: str, *, lock: bool = False) -> Endpoint:
    """NotFound for an unknown or deleted one. `lock` keeps it as it is until the transaction ends."""
    row = await session.get(Endpoint, endpoint_id, with_for_update=lock or None, populate_existing=True)
    if row is None or row.deleted_at is not None:
        raise NotFound(f"there is no endpoint {endpoint_id}", hint="GET /api/endpoints lists them")
    return row


async def page(session: AsyncSession, after: str | None, limit: int) -> Sequence[Endpoint]:
    """Oldest first."""
    query = select(Endpoint).where(Endpoint.deleted_at.is_(None)).order_by(Endpoint.id).limit(limit)
    return list((await session.execute(query.where(Endpoint.id > after) if after else query)).scalars())


async def given_up(session: AsyncSession, limit: int) -> Sequence[Endpoint]:
    """Those that were disabled because nothing arrived there; not those that a person has disabled."""
    owed = exists().where(
        Debt.subject == Endpoint.id, Debt.kind == DebtKind.ENDPOINT_DISABLED, Debt.settled_at.is_(None)
    )
    query = select(Endpoint).where(Endpoint.status == EndpointStatus.DISABLED, Endpoint.deleted_at.is_(None), owed)
    return list((await session.execute(query.order_by(Endpoint.id).limit(limit))).scalars())


def edit(row: Endpoint, url: str | None, types: Sequence[str] | None, description: str | None) -> None:
    """What is None stays; no types at all are all types."""
    row.url = url if url is not None else row.url
    row.types = (list(types) or None) if types is not None else row.types
    row.description = (description or None) if description is not None else row.description


def rotate(row: Endpoint, sealed: str) -> None:
    """Another secret; that until now signs too for a while."""
    row.previous_secret, row.previous_until = row.secret, utcnow() + GRACE
    row.secret = sealed


async def enable(session: AsyncSession, row: Endpoint) -> None:
    """It gets what has happened since it was disabled, as far as that is kept."""
    row.status, row.disabled_reason = EndpointStatus.ENABLED.value, None
    row.failing_since = row.paused_until = None
    await debts.settle(session, row.id)


async def disable(session: AsyncSession, row: Endpoint, reason: str, *, owed: bool) -> None:
    """Nothing is sent there until a person enables it; `owed`: as nobody has asked for that, it is a debt."""
    row.status, row.disabled_reason = EndpointStatus.DISABLED.value, reason
    if owed:
        await debts.owe(session, DebtKind.ENDPOINT_DISABLED, row.id, provider=None, reason=reason)


async def remove(session: AsyncSession, row: Endpoint) -> None:
    row.deleted_at = utcnow()
    row.secret, row.previous_secret = "", None
    await debts.settle(session, row.id)


# --- who sends, and what ---------------------------------------------------------------------------------------------


async def with_work(session: AsyncSession) -> Sequence[str]:
    """Those that something is to be sent to, or looked at for, now."""
    now = utcnow()
    due = exists().where(
        Delivery.endpoint_id == Endpoint.id, Delivery.status == DeliveryStatus.WAITING, Delivery.next_try_at <= now
    )
    query = select(Endpoint.id).where(
        Endpoint.status == EndpointStatus.ENABLED,
        Endpoint.deleted_at.is_(None),
        or_(Endpoint.paused_until.is_(None), Endpoint.paused_until <= now),
        or_(Endpoint.position < events.NEWEST.scalar_subquery(), due),
    )
    return list((await session.execute(query)).scalars())


async def lease(session: AsyncSession, endpoint_id: str, process: str, silent_after: float) -> Endpoint | None:
    """The endpoint, which this process alone sends to for a while; None where another one does that has said within so
    many seconds that it lives, or nobody is to."""
    now = utcnow()
    lives = exists().where(Process.id == Endpoint.lease_by, Process.seen_at > now - timedelta(seconds=silent_after))
    query = select(Endpoint).where(
        Endpoint.id == endpoint_id,
        Endpoint.status == EndpointStatus.ENABLED,
        Endpoint.deleted_at.is_(None),
        or_(Endpoint.paused_until.is_(None), Endpoint.paused_until <= now),
        or_(Endpoint.lease_by.is_(None), Endpoint.lease_by == process, Endpoint.lease_until <= now, ~lives),
    )
    row = (await session.execute(query.with_for_update(skip_locked=True))).scalar_one_or_none()
    if row is not None:
        row.lease_by, row.lease_until = process, now + LEASE
    return row


async def fan_out(session: AsyncSession, row: Endpoint) -> None:
    """Queue what has happened since the last time, of what it wants."""
    newest = await events.newest(session)
    found = await events.after(session, row.position, Wanted(types=row.types or ()), QUEUE)
    for event in found:
        about = [one for one in (event.restaurant_id, event.number, event.run_id, event.other_id) if one]
        session.add(
            Delivery(endpoint_id=row.id, event_id=event.id, position=event.position, subjects=about or [event.type])
        )
    last = found[-1].position or 0 if found else 0  # beyond the newest, where more was committed between the two looks
    row.position = last if len(found) == QUEUE else max(newest, last, row.position)


async def queue(session: AsyncSession, endpoint_id: str) -> Sequence[Delivery]:
    """What waits, in the order of the events."""
    query = select(Delivery).where(Delivery.endpoint_id == endpoint_id, Delivery.status == DeliveryStatus.WAITING)
    return list((await session.execute(query.order_by(Delivery.position).limit(QUEUE))).scalars())


async def events_of(session: AsyncSession, deliveries: Sequence[Delivery]) -> dict[str, Event]:
    wanted = [delivery.event_id for delivery in deliveries]
    return {event.id: event for event in (await session.execute(select(Event).where(Event.id.in_(wanted)))).scalars()}


async def record(
    session: AsyncSession, endpoint_id: str, process: str, results: Sequence[tuple[Delivery, Sent, datetime, int]]
) -> None:
    """What came of what this process has sent; nothing, where another one has taken the endpoint over meanwhile."""
    row = await session.get(Endpoint, endpoint_id, with_for_update=True, populate_existing=True)
    if row is None or row.lease_by != process:
        return
    for delivery, sent, at, took in results:
        current = await session.get(Delivery, delivery.id)
        if current is None:
            continue
        error = sent.error[:200] if sent.error else None
        session.add(
            Attempt(
                delivery_id=delivery.id, at=at, status=sent.status, answer=sent.answer, error=error, duration_ms=took
            )
        )
        _count(row, current, sent)
        if sent.status == GONE:
            await disable(session, row, "it answered 410: it is not there any more", owed=True)
    if row.failing_since is not None and utcnow() - row.failing_since >= GIVEN_UP_AFTER:
        await disable(session, row, f"it has failed since {row.failing_since:%Y-%m-%d %H:%M} UTC", owed=True)


def _count(row: Endpoint, delivery: Delivery, sent: Sent) -> None:
    """One try more of a delivery, and when the next one is."""
    now = utcnow()
    delivery.attempts += 1
    delivery.last_status = sent.status
    if sent.arrived:
        delivery.status, delivery.ended_at, row.failing_since = DeliveryStatus.DELIVERED.value, now, None
        return
    row.failing_since = row.failing_since or now
    wait = wait_after(delivery.attempts)
    asked = timedelta(seconds=min(sent.retry_after or 0, LONGEST_PAUSE.total_seconds()))
    if sent.status in THROTTLED:
        row.paused_until = now + max(asked, timedelta(seconds=WAITS[0]))
    if wait is None:
        delivery.status, delivery.ended_at = DeliveryStatus.FAILED.value, now
    else:
        delivery.next_try_at = now + max(timedelta(seconds=wait), asked)


async def let_go(session: AsyncSession, endpoint_id: str, process: str) -> None:
    """Another process may send there at once."""
    await session.execute(
        update(Endpoint)
        .where(Endpoint.id == endpoint_id, Endpoint.lease_by == process)
        .values(lease_by=None, lease_until=None)
        .execution_options(synchronize_session=False)
    )


# --- what a person asks for ------------------------------------------------------------------------------------------


async def deliveries(
    session: AsyncSession, endpoint_id: str, *, before: int | None, limit: int, status: str | None
) -> Sequence[Delivery]:
    """Those of the newest events first."""
    query = select(Delivery).where(Delivery.endpoint_id == endpoint_id).order_by(Delivery.position.desc()).limit(limit)
    if before is not None:
        query = query.where(Delivery.position < before)
    if status is not None:
        query = query.where(Delivery.status == status)
    return list((await session.execute(query)).scalars())


async def attempts(session: AsyncSession, delivery_ids: Sequence[str]) -> dict[str, list[Attempt]]:
    """Of each, oldest first."""
    found: dict[str, list[Attempt]] = {one: [] for one in delivery_ids}
    query = select(Attempt).where(Attempt.delivery_id.in_(delivery_ids)).order_by(Attempt.id)
    for attempt in (await session.execute(query)).scalars():
        found[attempt.delivery_id].append(attempt)
    return found


async def resend(session: AsyncSession, endpoint_id: str, event_id: str) -> Delivery:
    """Send one event once more, whatever came of it. NotFound for one that was never to be sent there."""
    query = select(Delivery).where(Delivery.endpoint_id == endpoint_id, Delivery.event_id == event_id)
    row = (await session.execute(query.with_for_update())).scalar_one_or_none()
    if row is None or not await events_of(session, [row]):
        hint = "GET /api/endpoints/{id}/deliveries lists what was sent there"
        raise NotFound(f"event {event_id} was not sent to {endpoint_id}", hint=hint)
    _again(row)
    return row


async def recover(session: AsyncSession, endpoint_id: str, since: datetime) -> int:
    """Send again what has failed since then, or waits for its next try; how many."""
    query = select(Delivery).where(
        Delivery.endpoint_id == endpoint_id,
        Delivery.status != DeliveryStatus.DELIVERED,
        Delivery.created_at >= since,
    )
    rows = list((await session.execute(query)).scalars())
    for row in rows:
        _again(row)
    return len(rows)


def _again(row: Delivery) -> None:
    row.status, row.attempts, row.next_try_at, row.ended_at = DeliveryStatus.WAITING.value, 0, utcnow(), None


async def forget_answers(session: AsyncSession, restaurant_id: str) -> None:
    """What was answered to events of a restaurant may say what they told of it."""
    told = select(Event.id).where(Event.restaurant_id == restaurant_id)
    sent = select(Delivery.id).where(Delivery.event_id.in_(told))
    change = update(Attempt).where(Attempt.delivery_id.in_(sent)).values(answer=None)
    await session.execute(change.execution_options(synchronize_session=False))


async def prune(session: AsyncSession, before: datetime) -> int:
    """Some of what has ended and was queued before, with its attempts; how many."""
    ended = select(Delivery.id).where(Delivery.created_at < before, Delivery.status != DeliveryStatus.WAITING)
    ids = list((await session.execute(ended.limit(PIECE))).scalars())
    for table, column in ((Attempt, Attempt.delivery_id), (Delivery, Delivery.id)):
        gone = delete(table).where(column.in_(ids)).execution_options(synchronize_session=False)
        await session.execute(gone)
    return len(ids)
