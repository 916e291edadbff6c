"""What became of a purchase: the one place that closes intents, and that finds what was carried out late."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.carriers.base import Carrier
from trunkline.db import corrections, debts, intents, numbers
from trunkline.db.models import Number, PurchaseIntent, utcnow
from trunkline.domain.choosing import Offer, OwnedNumber, plain_offer
from trunkline.domain.marks import OwnerMark, parse_mark
from trunkline.domain.numbers import E164, NumberState, NumberType
from trunkline.domain.states import DebtKind, IntentStatus
from trunkline.errors import Conflict, Foreign, TrunklineError, WrongNumber
from trunkline.workflows import accounts
from trunkline.workflows.services import Services


async def conclude(
    session: AsyncSession,
    intent: PurchaseIntent,
    owned: OwnedNumber | None,
    status: IntentStatus,
    reason: str | None = None,
    claimed_by: str | None = None,
) -> Number | None:
    """The one place that closes an intent: with the number that it brought, which is ours and idle (claimed by
    `claimed_by`, an assignment), or with nothing. None where nothing came, or another run has it already."""
    await intents.close(session, intent.id, status, reason, owned.number if owned else None)
    await debts.settle(session, intent.id, DebtKind.INTENT_UNKNOWN)
    if intent.number is not None and (owned is None or owned.number != intent.number):
        await corrections.forget_unless_known(session, await numbers.get(session, intent.number))
    if owned is None:
        return None
    row = await numbers.lock_or_add(session, owned.number, NumberState.PURCHASING, carrier=intent.carrier)
    mine = (None, claimed_by, intent.assignment_id)
    if row.state not in (*numbers.NOT_OURS, NumberState.IDLE) or row.claimed_by not in mine:
        return None
    if row.state != NumberState.IDLE:
        numbers.move(row, NumberState.IDLE)
    numbers.bought(row, intent, owned)
    numbers.claim_bought(row, claimed_by if intent.restaurant_id else None)
    return row


async def keep_late(services: Services, intent: PurchaseIntent, owned: OwnedNumber) -> bool:
    """What a purchase brought after its run had ended without it. Whether it is ours now; while the intent is open its
    run finds it."""
    async with services.database.write() as session:
        now = await intents.get(session, intent.id)
        if now is None or now.status in (IntentStatus.OPEN, IntentStatus.BOUGHT):
            return False
        await intents.landed(session, intent.id, owned.number)
        return await conclude(session, intent, owned, IntentStatus.BOUGHT) is not None


async def record_other(services: Services, intent: PurchaseIntent, error: WrongNumber) -> None:
    """The carrier has sold another number: it is ours and paid for, and somebody has to decide about it."""
    sold = error.sold.number
    async with services.database.write() as session:
        await conclude(session, intent, error.sold, IntentStatus.BOUGHT, error.detail)
        await debts.owe(session, DebtKind.SOLD_OTHER, sold, provider=intent.carrier, reason=error.detail)


def refuse_other(carrier: Carrier, intent: PurchaseIntent, seen: OwnedNumber, bought: bool = False) -> None:
    """Foreign unless this number can have come from this purchase; `bought`: it must carry the mark."""
    if not carrier.capabilities.owner_mark:
        return
    mark = parse_mark(seen.mark_text)
    if (mark is not None or bought) and seen.mark_text != intent.mark:
        raise Foreign(f"{seen.number} is not of this purchase", provider=carrier.name)
    if mark is None and seen.used_by is not None:
        raise Foreign(f"{seen.number} is ours already and answered by {seen.used_by}", provider=carrier.name)


async def settle_without_run(services: Services, intent: PurchaseIntent) -> None:
    """A purchase of unknown outcome that nobody waits for (any more): a number that is ours becomes idle. Conflict
    while the carrier cannot know yet."""
    carrier = services.carriers.get(intent.carrier)
    if carrier is None:
        raise Conflict(f"{intent.carrier} is not configured any more")
    await accounts.refuse_changed(services, carrier.name)
    if (utcnow() - intent.tried_at).total_seconds() < look_after(services):
        raise Conflict("the purchase may not show in the carrier's list yet")
    seen = await find_marked(carrier, intent)
    async with services.database.write() as session:
        if seen is not None:
            await conclude(session, intent, seen, IntentStatus.BOUGHT)
        else:
            await conclude(session, intent, None, IntentStatus.GONE, "the carrier does not hold it for us")


async def look_for_late_ones(services: Services) -> None:
    """Purchases that came to nothing, as it seemed, and were carried out all the same: what carries their mark and
    nobody uses becomes idle."""
    async with services.database.write() as session:
        due = await intents.to_look_for(session)
    for intent in due:
        carrier = services.carriers.get(intent.carrier)
        if carrier is None or not carrier.capabilities.owner_mark:
            continue  # without a mark, a number of the account may be anybody's purchase
        try:
            await accounts.refuse_changed(services, carrier.name)
            seen = await find_marked(carrier, intent)
        except TrunklineError:
            continue  # it is looked for again
        if seen is not None and seen.mark_text == intent.mark:
            await keep_late(services, intent, seen)


async def find_marked(carrier: Carrier, intent: PurchaseIntent) -> OwnedNumber | None:
    try:
        seen = await carrier.find(number_of(intent), mark_of(intent))
        if seen is not None:
            refuse_other(carrier, intent, seen)
    except Foreign:
        return None
    return seen


def look_after(services: Services) -> float:
    """Seconds after which a purchase whose reply was lost shows in the carrier's listing, if it was made."""
    return services.settings.provider_timeout_seconds + services.settings.listing_lag_seconds


def unlisted_for(services: Services, bought_at: datetime | None) -> float:
    """For how many seconds more the carrier's listing may not show what was bought then."""
    since = (utcnow() - bought_at).total_seconds() if bought_at is not None else math.inf
    return max(services.settings.listing_lag_seconds - max(since, 0.0), 0.0)


def number_of(intent: PurchaseIntent) -> E164 | None:
    return E164(intent.number) if intent.number else None


def mark_of(intent: PurchaseIntent) -> OwnerMark:
    mark = parse_mark(intent.mark)
    assert mark is not None
    return mark


def offer_of(intent: PurchaseIntent) -> Offer:
    """The offer as it was chosen."""
    return read_offer(intent.offer)


def plain_kept(offer: Offer) -> dict[str, Any]:
    """An offer as it is stored, with the carrier's reference."""
    return plain_offer(offer) | {"token": offer.token}


def read_offer(kept: Mapping[str, Any]) -> Offer:
    def price(name: str) -> Decimal | None:
        return None if kept.get(name) is None else Decimal(kept[name])

    return Offer(
        E164(kept["number"]) if kept["number"] else None,
        kept["country"],
        NumberType(kept["number_type"]),
        price("monthly_price"),
        kept["currency"],
        tuple(kept["needs"]),
        kept["token"],
        price("upfront_price"),
    )
