"""Buying one exact number, once: intent before money, and a look at the carrier before any second request."""

from __future__ import annotations

import random
from decimal import Decimal

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.carriers.base import Carrier
from trunkline.db import batches, debts, intents, numbers
from trunkline.db.debts import DebtKind
from trunkline.db.models import Number, PurchaseIntent, utcnow
from trunkline.domain.choosing import Offer, OwnedNumber, in_order, money, plain_offer
from trunkline.domain.marks import OwnerMark, parse_mark
from trunkline.domain.numbers import E164, NumberState, NumberType
from trunkline.errors import (
    ActionRequired,
    Cancelled,
    Conflict,
    Foreign,
    OfferGone,
    OutcomeUnknown,
    Rejected,
    RetryLater,
    TrialLimit,
    TrunklineError,
)
from trunkline.workflows.assignment_run import AssignmentRun
from trunkline.workflows.run import RunStep

OFFERS_TO_TRY = 5
FOUND = "found at the carrier: it had been bought"


async def purchase(run: AssignmentRun, carrier: Carrier, offers: list[Offer]) -> Number | None:
    """Buy one of the offers: the next is tried when one is gone or refused. None if none of them could be bought, or
    other purchases have chosen them all: other offers may be found.

    Raises Rejected when too many offers were refused, TrialLimit, ActionRequired and RetryLater as the carrier says,
    OutcomeUnknown when the carrier cannot say for too long whether it sold
    the number: the intent then stays open, and nothing else is bought for the restaurant until it is settled.
    """
    random.shuffle(offers)  # equal prices: simultaneous purchases should not all want the same number first
    async with run.step("purchase", carrier.name) as step:
        refused: Rejected | None = None
        tried = run.tried.setdefault(carrier.name, [])
        for offer in in_order(offers):
            if len(tried) >= OFFERS_TO_TRY:
                break
            if offer.number is not None and offer.number in tried:
                continue
            intent = await choose(run, step, carrier, offer)
            if intent is None:
                continue
            try:
                return await complete(run, step, carrier, intent, unknown=False)
            except TrialLimit:
                raise
            except Rejected as error:
                refused = error
        if refused is not None and len(tried) >= OFFERS_TO_TRY:
            raise refused
        step.end("done", refused.detail if refused else "other purchases have chosen every offered number")
        return None


async def settle_purchase(run: AssignmentRun, intent: PurchaseIntent) -> Number | None:
    """Find out what became of a purchase that was under way, and finish it. None if it came to nothing."""
    async with run.step("purchase", intent.carrier) as step:
        carrier = run.services.carriers.get(intent.carrier)
        if carrier is None:
            raise OutcomeUnknown(
                f"{intent.carrier} is not configured any more, so the purchase of {intent.number} cannot be settled",
                hint=f"configure {intent.carrier} again",
            )
        try:
            return await complete(run, step, carrier, intent, unknown=True)
        except Rejected as error:
            step.detail = f"{intent.number or 'the number'} was not bought: {error.detail}"
            return None


async def choose(run: AssignmentRun, step: RunStep, carrier: Carrier, offer: Offer) -> PurchaseIntent | None:
    """Commit the intent: this exact number for this restaurant. None if another purchase has chosen it."""
    intent = PurchaseIntent(
        assignment_id=run.id,
        restaurant_id=run.restaurant_id,
        carrier=carrier.name,
        number=offer.number,
        mark=str(run.mark),
        offer=plain_offer(offer) | {"token": offer.token},
        monthly_price=offer.monthly_price,
        currency=offer.currency,
    )
    step.detail = f"buying {offer.label()} for {money(offer.monthly_price, offer.currency)}"
    try:
        async with run.write() as session:
            await refuse_cancelled(session, run)
            if (paid := await numbers.claimed_for(session, run.restaurant_id)) is not None:
                raise Conflict(f"{paid.number} was bought for this restaurant already")
            if offer.number is not None:
                details = {"carrier": carrier.name, "country": offer.country, "number_type": offer.number_type.value}
                if not await numbers.reserve(session, offer.number, run.id, **details):
                    return None
            session.add(intent)
            await session.flush()
    except IntegrityError:
        return None
    return intent


async def refuse_cancelled(session: AsyncSession, run: AssignmentRun) -> None:
    """The last moment before money: a cancelled batch buys nothing more."""
    if run.assignment.batch_id is not None and await batches.is_cancelled(session, run.assignment.batch_id):
        raise Cancelled("the batch was cancelled before the purchase")


async def complete(
    run: AssignmentRun, step: RunStep, carrier: Carrier, intent: PurchaseIntent, unknown: bool
) -> Number:
    """Bring an open intent to its end: the number is ours and recorded, or the intent is closed and the reason raised.
    It stays open only when OutcomeUnknown is raised."""
    await step.show()
    try:
        owned, note = await obtain(run, step, carrier, intent, unknown)
    except (RetryLater, Rejected, ActionRequired, Cancelled) as error:
        await close(run, step, intent, "gone" if isinstance(error, OfferGone) else "refused", error)
        raise
    return await record_bought(run, step, intent, owned, note)


async def obtain(
    run: AssignmentRun, step: RunStep, carrier: Carrier, intent: PurchaseIntent, unknown: bool
) -> tuple[OwnedNumber, str]:
    """The number of this intent and a note on how it came. While an earlier request may have succeeded (`unknown`),
    the carrier is asked whether we hold it before each further request, and once more when one is refused or may not be
    sent any more (Cancelled)."""
    offer, again = offer_of(intent), unknown
    while True:
        if unknown and (found := await look(run, step, carrier, intent)):
            return found, FOUND
        try:
            if again:
                await count_attempt(run, intent)
        except Cancelled:
            intent.tried_at = utcnow()  # nothing is bought any more, so this look has to be the last word
            if unknown and (found := await look(run, step, carrier, intent)):
                return found, FOUND
            raise
        again = True
        try:
            return await carrier.buy(offer, mark_of(intent)), ""
        except OutcomeUnknown as error:
            unknown = True
            await step.wait(error)
        except RetryLater as error:
            await _wait(step, error, unknown)
        except (Rejected, ActionRequired):
            if unknown and (found := await look(run, step, carrier, intent)):
                return found, FOUND
            raise


async def _wait(step: RunStep, error: RetryLater, unknown: bool) -> None:
    try:
        await step.wait(error)
    except RetryLater:
        if unknown:
            raise as_unknown(error) from None
        raise


def as_unknown(error: RetryLater) -> OutcomeUnknown:
    return OutcomeUnknown(error.detail, provider=error.provider, operation=error.operation)


async def look(run: AssignmentRun, step: RunStep, carrier: Carrier, intent: PurchaseIntent) -> OwnedNumber | None:
    """Whether we hold the number of this intent, asked for as long as the carrier's listing may lag behind a purchase.
    OutcomeUnknown if the carrier cannot say; Foreign if it is ours for another assignment."""
    number = E164(intent.number) if intent.number else None
    since = (utcnow() - intent.tried_at).total_seconds()
    lag = max(run.settings.listing_lag_seconds - since, 0.0)
    try:
        found = await step.look(lambda: carrier.find(number, mark_of(intent)), lag)
    except RetryLater as error:
        raise as_unknown(error) from None
    if found is not None:
        refuse_other(carrier, intent, found)
    return found


def refuse_other(carrier: Carrier, intent: PurchaseIntent, found: OwnedNumber) -> None:
    """Foreign unless this number can have come from this purchase."""
    if not carrier.capabilities.owner_mark:
        return
    mark = parse_mark(found.mark_text)
    if mark is not None and str(mark) != intent.mark:
        raise Foreign(f"{found.number} is ours for another assignment", provider=carrier.name)
    if mark is None and found.used_by is not None:
        raise Foreign(f"{found.number} is ours already and answered by {found.used_by}", provider=carrier.name)


async def count_attempt(run: AssignmentRun, intent: PurchaseIntent) -> None:
    async with run.write() as session:
        await refuse_cancelled(session, run)
        await intents.try_again(session, intent.id)
    intent.tried_at = utcnow()


async def record_bought(
    run: AssignmentRun, step: RunStep, intent: PurchaseIntent, owned: OwnedNumber, note: str
) -> Number:
    """Close the intent and keep the number, claimed by this assignment, in one transaction."""
    price = money(intent.monthly_price, intent.currency)
    detail = f"bought {owned.number} for {price}" + (f" ({note})" if note else "")
    run.announce("import_number", intent.carrier)
    async with step.finish("; ".join([detail, *owned.warnings])) as session:
        await intents.close(session, intent.id, "bought")
        row = await keep(session, intent, owned)
        row.claimed_by, row.claim_source = run.id, "purchased"
    return row


async def keep(session: AsyncSession, intent: PurchaseIntent, owned: OwnedNumber) -> Number:
    """The number of a closed intent is ours: idle, and claimed by nobody."""
    await debts.settle(session, intent.id, DebtKind.INTENT_UNKNOWN)
    if intent.number is None:
        await numbers.ensure(session, owned.number, NumberState.PURCHASING, carrier=intent.carrier)
    row = await numbers.get(session, owned.number)
    if row.state != NumberState.IDLE:
        numbers.move(row, NumberState.IDLE)
    row.carrier, row.carrier_ref = intent.carrier, owned.ref
    row.claimed_by = row.claim_source = None
    row.monthly_price, row.currency = intent.monthly_price, intent.currency
    row.country = row.country or intent.offer.get("country")
    row.saved_urls, row.bought_at, row.released_at = owned.urls, utcnow(), None
    return row


async def close(run: AssignmentRun, step: RunStep, intent: PurchaseIntent, status: str, error: TrunklineError) -> None:
    """The purchase came to nothing: the number is nobody's of ours."""
    step.detail = f"{intent.number or 'no number'} was not bought: {error.detail}"
    async with run.write() as session:
        await intents.close(session, intent.id, status, error.detail)
        await drop(session, intent)
    run.tried.setdefault(intent.carrier, []).append(intent.number)


async def drop(session: AsyncSession, intent: PurchaseIntent) -> None:
    """The number of a closed intent is not ours."""
    await debts.settle(session, intent.id, DebtKind.INTENT_UNKNOWN)
    if intent.number is not None:
        row = await numbers.get(session, intent.number)
        numbers.move(row, NumberState.FOREIGN)
        row.claimed_by = row.claim_source = None


def mark_of(intent: PurchaseIntent) -> OwnerMark:
    mark = parse_mark(intent.mark)
    assert mark is not None
    return mark


def offer_of(intent: PurchaseIntent) -> Offer:
    """The offer as it was chosen."""
    kept = intent.offer
    return Offer(
        E164(intent.number) if intent.number else None,
        kept["country"],
        NumberType(kept["number_type"]),
        None if kept["monthly_price"] is None else Decimal(kept["monthly_price"]),
        kept["currency"],
        tuple(kept["needs"]),
        kept["token"],
    )
