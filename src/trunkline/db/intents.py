"""Purchase intents: committed before money, closed when the outcome is known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import Row, String, Table, bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db.event_rows import plain
from trunkline.db.events import announce
from trunkline.db.models import Assignment, PurchaseIntent, utcnow
from trunkline.domain.events import EventType, Subjects
from trunkline.domain.states import IntentStatus

INTENTS = cast(Table, PurchaseIntent.__table__)
AGREED = ("carrier", "monthly_price", "upfront_price", "currency")
TOLD = [INTENTS.c[name] for name in ("id", "restaurant_id", "number", "assignment_id", *AGREED)]
CLOSE = (
    update(INTENTS)
    .where(INTENTS.c.id == bindparam("this_intent"), INTENTS.c.status == "open")
    .values(
        status=bindparam("status"),
        number=func.coalesce(bindparam("brought", type_=String), INTENTS.c.number),
        reason=bindparam("reason"),
        closed_at=bindparam("closed_at"),
        look_at=bindparam("look_at"),
    )
    .returning(*TOLD)
)
SENT = update(INTENTS).where(INTENTS.c.id == bindparam("this_intent")).values(tried_at=bindparam("tried_at"))
SENT_AGAIN = SENT.values(attempts=INTENTS.c.attempts + 1)
TRIED = select(INTENTS.c.offer).where(
    INTENTS.c.mark == bindparam("mark"),
    INTENTS.c.carrier == bindparam("carrier"),
    INTENTS.c.status != IntentStatus.OPEN.value,
)
# A purchase that came to nothing may still be carried out: the carrier is asked again after these, and then no more.
LOOKS = (timedelta(seconds=30), timedelta(minutes=5), timedelta(hours=1), timedelta(hours=12))
OPEN_FOR = select(PurchaseIntent).where(
    PurchaseIntent.restaurant_id == bindparam("restaurant"), PurchaseIntent.status == "open"
)


async def add(session: AsyncSession, intent: PurchaseIntent) -> None:
    """Write it at once: IntegrityError if another open intent has chosen the number, or the restaurant has one."""
    session.add(intent)
    await session.flush()


async def open_for(session: AsyncSession, restaurant_id: str) -> PurchaseIntent | None:
    return (await session.execute(OPEN_FOR, {"restaurant": restaurant_id})).scalar_one_or_none()


async def get(session: AsyncSession, intent_id: str) -> PurchaseIntent | None:
    return await session.get(PurchaseIntent, intent_id, populate_existing=True)


async def of_run(session: AsyncSession, mark: str) -> PurchaseIntent | None:
    """The open intent under this mark: that of a purchase for stock, which is for no restaurant."""
    query = select(PurchaseIntent).where(PurchaseIntent.mark == mark, PurchaseIntent.status == IntentStatus.OPEN)
    return (await session.execute(query)).scalar_one_or_none()


async def bought_under(session: AsyncSession, mark: str, number: str) -> bool:
    """Whether a purchase under this mark has brought this number."""
    query = select(PurchaseIntent.id).where(
        PurchaseIntent.mark == mark, PurchaseIntent.number == number, PurchaseIntent.status == IntentStatus.BOUGHT
    )
    return (await session.execute(query.limit(1))).first() is not None


async def open_marks(session: AsyncSession) -> set[str]:
    """The marks of purchases that are under way: what carries one of them is about to be somebody's."""
    query = select(PurchaseIntent.mark).where(PurchaseIntent.status == IntentStatus.OPEN)
    return set((await session.execute(query)).scalars())


async def tried(session: AsyncSession, mark: str, carrier: str) -> list[str | None]:
    """The numbers that were asked for under this mark at this carrier: what came of it is known."""
    offers = (await session.execute(TRIED, {"mark": mark, "carrier": carrier})).scalars()
    return [offer["number"] for offer in offers]


async def spent_in_batch(session: AsyncSession, batch_id: str) -> Sequence[PurchaseIntent]:
    """What a batch has bought or is buying."""
    query = (
        select(PurchaseIntent)
        .join(Assignment, Assignment.id == PurchaseIntent.assignment_id)
        .where(
            Assignment.batch_id == batch_id,
            PurchaseIntent.status.in_([IntentStatus.OPEN, IntentStatus.BOUGHT]),
        )
    )
    return (await session.execute(query)).scalars().all()


async def sent(session: AsyncSession, intent: PurchaseIntent, *, again: bool) -> None:
    """The request is about to leave: from now on the carrier's list may lag behind it. `again`: not for the first
    time."""
    await session.execute(SENT_AGAIN if again else SENT, {"this_intent": intent.id, "tried_at": utcnow()})


def count_from_now(intent: PurchaseIntent) -> None:
    """On the copy at hand: how far the carrier's list may lag is counted from this moment."""
    intent.tried_at = utcnow()


async def close(
    session: AsyncSession, intent_id: str, status: IntentStatus, reason: str | None = None, brought: str | None = None
) -> bool:
    """False if it was closed before. `brought` is the number that came of it, where one did: the carrier may have
    chosen it. One that came to nothing is looked for again later, by itself."""
    look_at = None if status is IntentStatus.BOUGHT else utcnow() + LOOKS[0]
    outcome = {"status": status.value, "reason": reason, "closed_at": utcnow(), "look_at": look_at, "brought": brought}
    changed = (await session.execute(CLOSE, {"this_intent": intent_id} | outcome)).first()
    if changed is not None:
        _announce(session, changed, status, reason)
    return changed is not None


def _announce(session: AsyncSession, row: Row[Any], status: IntentStatus, reason: str | None) -> None:
    kind = EventType.PURCHASE_BOUGHT if status is IntentStatus.BOUGHT else EventType.PURCHASE_FAILED
    subjects = Subjects(row.restaurant_id, row.number, row.assignment_id, row.id)
    agreed = {name: getattr(row, name) for name in AGREED}
    announce(session, kind, subjects, after=plain({"status": status.value, "reason": reason, **agreed}))


async def landed(session: AsyncSession, intent_id: str, number: str) -> None:
    """What came to nothing, as it seemed, was carried out after all."""
    late = "carried out late"
    landed = update(INTENTS).where(INTENTS.c.id == intent_id).returning(*TOLD)
    values = {"status": IntentStatus.BOUGHT.value, "number": number, "look_at": None, "reason": late}
    row = (await session.execute(landed.values(**values))).one()
    _announce(session, row, IntentStatus.BOUGHT, late)


async def to_look_for(session: AsyncSession, limit: int = 50) -> Sequence[PurchaseIntent]:
    """Those that came to nothing and whose next look is due; it is put off at once, so that one process looks."""
    query = select(PurchaseIntent).where(PurchaseIntent.look_at <= utcnow()).order_by(PurchaseIntent.look_at)
    due = []
    for intent in (await session.execute(query.limit(limit))).scalars():
        later = LOOKS[intent.looks + 1] if intent.looks + 1 < len(LOOKS) else None
        changed = await session.execute(
            update(PurchaseIntent)
            .where(PurchaseIntent.id == intent.id, PurchaseIntent.looks == intent.looks)
            .values(looks=intent.looks + 1, look_at=utcnow() + later if later else None)
            .execution_options(synchronize_session=False)
        )
        if changed.rowcount:  # type: ignore[attr-defined]
            due.append(intent)
    return due


async def count(session: AsyncSession, status: IntentStatus) -> int:
    query = select(func.count()).select_from(PurchaseIntent).where(PurchaseIntent.status == status)
    return int((await session.execute(query)).scalar_one())
