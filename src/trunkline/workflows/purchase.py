"""The one buyer, for a restaurant or for stock: intent before money, and a look before any second request."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.carriers.base import Carrier
from trunkline.db import holds, intents, numbers
from trunkline.db.models import Number, PurchaseIntent, RunRow
from trunkline.db.runs import Runs, StepRow
from trunkline.domain.acting import acting
from trunkline.domain.choosing import Offer, OwnedNumber, in_order, objection
from trunkline.domain.marks import OwnerMark
from trunkline.domain.money import PriceLimits, Rates
from trunkline.domain.numbers import E164
from trunkline.domain.states import IntentStatus, StepStatus
from trunkline.errors import (
    ActionRequired,
    AddressDoesNotFit,
    BudgetExceeded,
    Cancelled,
    Conflict,
    OfferGone,
    OutcomeUnknown,
    PriceChanged,
    ProviderError,
    Rejected,
    RetryLater,
    Superseded,
    TrialLimit,
    WrongNumber,
)
from trunkline.providers.http import before_sending
from trunkline.workflows import accounts, budgets
from trunkline.workflows.gate import asking
from trunkline.workflows.purchase_outcome import (
    conclude,
    keep_late,
    mark_of,
    number_of,
    offer_of,
    plain_kept,
    record_other,
    refuse_other,
    unlisted_for,
)
from trunkline.workflows.run import Run, RunStep
from trunkline.workflows.services import Services

R = TypeVar("R", bound=RunRow)
OFFERS_TO_TRY = 5
MOST_ATTEMPTS = 10  # requests that one intent may send, each after a look that showed nothing
FOUND = "found at the carrier: it had been bought"


class Buyer(Run[R]):
    """A run that may buy. `restaurant_id` is whom for, None for stock, `batch_id` what it is a part of; `mark` stands
    at the carrier from the purchase on; `named` is the one number that a person has asked for, `agreed` what it may
    cost. One that is not `patient` leaves a purchase of unknown outcome open, as owed, instead of waiting for it.
    `bought_at` are the carriers that this execution has asked to sell."""

    restaurant_id: str | None = None
    batch_id: str | None = None
    named: E164 | None = None
    agreed: PriceLimits | None = None
    patient = True

    def __init__(self, services: Services, kind: Runs[R], row: R, rows: list[StepRow]) -> None:
        super().__init__(services, kind, row, rows)
        self.bought_at: set[str] = set()

    @property
    def is_one_of_many(self) -> bool:
        """Whether others like it come after it: what refuses them all stops them."""
        return self.batch_id is not None

    @property
    def mark(self) -> OwnerMark:
        return OwnerMark(self.services.installation, self.id)

    async def refuse_stopped(self, session: AsyncSession) -> None:
        """The last word before money: raises where nothing more is to be bought for this run."""

    def has_seen_unheld(self, carrier: Carrier, number: E164) -> bool:
        """Whether the account's list was just read without the number on it."""
        return False

    async def refuse_poor(self, carrier: Carrier, offer: Offer) -> None:
        """ActionRequired where the account is known not to be able to pay, TrialLimit where it is known to be full."""


async def purchase(run: Buyer[Any], carrier: Carrier, offers: list[Offer]) -> Number | None:
    """Buy one of the offers: the next is tried when one is gone or refused. None if none of them could be bought, or
    other purchases have chosen them all: other offers may be found.

    Raises Rejected when too many offers were refused, TrialLimit, ActionRequired and RetryLater as the carrier says,
    BudgetExceeded where it would cost more than was agreed to, OutcomeUnknown when the carrier cannot say for too long
    whether it sold the number: the intent then stays open, and nothing else is bought for the restaurant until it is
    settled.
    """
    random.shuffle(offers)  # equal prices: simultaneous purchases should not all want the same number first
    tried = await tried_before(run, carrier)
    async with run.step("purchase", carrier.name) as step:
        refused: Rejected | None = None
        for offer in in_order(offers):
            if len(tried) >= OFFERS_TO_TRY:
                break
            if offer.number is not None and (offer.number in tried or is_left_to_others(run, offer.number)):
                continue
            try:
                if row := await buy(run, step, carrier, offer):
                    return row
            except TrialLimit:
                raise
            except Rejected as error:
                tried.append(offer.number)
                refused = error
                if isinstance(error, AddressDoesNotFit):
                    break  # others of that area are among these offers; another search leaves them out
        if refused is not None and (len(tried) >= OFFERS_TO_TRY or isinstance(refused, PriceChanged)):
            raise refused
        step.end(StepStatus.DONE, refused.detail if refused else "other purchases have chosen every offered number")
        return None


def is_left_to_others(run: Buyer[Any], number: str) -> bool:
    """Whether another one is buying it, and this run has others to choose from. Who names a number has none, and may be
    the one for whom it is held."""
    return number in run.services.chosen and number != run.named


async def tried_before(run: Buyer[Any], carrier: Carrier) -> list[str | None]:
    """The numbers that this run has asked the carrier for, in this execution or an earlier one."""
    if not run.resumed and carrier.name not in run.bought_at:
        run.bought_at.add(carrier.name)
        return []
    async with run.services.database.read() as session:
        return await intents.tried(session, str(run.mark), carrier.name)


async def buy(run: Buyer[Any], step: RunStep, carrier: Carrier, offer: Offer) -> Number | None:
    """Buy this one. None if another purchase has chosen it; else the number, claimed by the run, or the reason raised.
    Until it is known that what this carrier sells can be imported, one run at a time has a number from here."""
    row, chosen = None, {offer.number} if offer.number else set[str]()
    run.services.chosen |= chosen
    try:
        if carrier.capabilities.imported:
            with asking():
                await run.services.trust.enter(carrier.name, run.id)
        await run.refuse_poor(carrier, offer)
        intent = await choose(run, step, carrier, offer)
        if intent is not None:
            row = await complete(run, step, carrier, intent, unknown=False)
            accounts.spent(run.services, carrier.name, offer)
        return row
    except ProviderError as error:
        if run.is_one_of_many and error.account_wide and not isinstance(error, accounts.Blocked):
            await accounts.block(run.services, carrier, error)
        raise
    finally:
        run.services.chosen -= chosen
        if row is None:
            run.services.trust.leave(run.id)  # there is nothing of this run's to be imported


async def choose(run: Buyer[Any], step: RunStep, carrier: Carrier, offer: Offer) -> PurchaseIntent | None:
    """Commit the intent: this exact number for this run, within what may be spent. None if another purchase has chosen
    it, or it is held for who names it. PriceChanged where it would cost more than was agreed to."""
    refuse_dearer(run.agreed, offer, carrier.name, run.settings.budget_rates)
    intent = PurchaseIntent(
        assignment_id=run.id if run.restaurant_id else None,
        restaurant_id=run.restaurant_id,
        key_id=acting().key_id,
        carrier=carrier.name,
        number=offer.number,
        mark=str(run.mark),
        offer=plain_kept(offer),
        monthly_price=offer.monthly_price,
        upfront_price=offer.upfront_price,
        currency=offer.currency,
    )
    step.detail = f"buying {offer.label()} for {offer.price()}"
    spender = budgets.Spender(run.restaurant_id, run.batch_id, intent.key_id)
    try:
        async with run.write() as session:
            await budgets.reserve(session, run.settings.budget_rates, spender, offer)  # locks before anything less does
            await run.refuse_stopped(session)
            await accounts.refuse_blocked(session, carrier.name)
            if run.restaurant_id and (paid := await numbers.claimed_for(session, run.restaurant_id)) is not None:
                raise Conflict(f"{paid.number} was bought for this restaurant already")
            if offer.number is not None:
                if offer.number != run.named and await holds.live(session, offer.number):
                    return None
                details = {"carrier": carrier.name, "country": offer.country, "number_type": offer.number_type.value}
                claimant = run.id if run.restaurant_id else None
                if not await numbers.reserve(session, offer.number, claimant, run.restaurant_id, **details):
                    return None
            await intents.add(session, intent)
    except IntegrityError:
        return None
    except BudgetExceeded as error:
        await budgets.tell_refused(run.services.database, error)
        raise
    return intent


def refuse_dearer(agreed: PriceLimits | None, offer: Offer, carrier: str, rates: Rates) -> None:
    """PriceChanged where somebody has said yes to less than the offer costs."""
    why = objection(offer, replace(agreed, rates=rates)) if agreed else None
    if why is not None:
        raise PriceChanged(f"{offer.label()}: {why}", provider=carrier, hint="look at the price, and agree to it")


async def complete(
    run: Buyer[Any], step: RunStep, carrier: Carrier, intent: PurchaseIntent, unknown: bool
) -> Number | None:
    """Bring an open intent to its end: the number is ours and recorded, or the intent is closed and the reason raised.
    It stays open only when OutcomeUnknown is raised. None if the number turned out to be claimed by another run."""
    await step.show()
    try:
        owned, note = await obtain(run, step, carrier, intent, unknown)
    except WrongNumber as error:
        await record_other(run.services, intent, error)
        raise _nothing_more(carrier, intent, error) from None
    except (RetryLater, Rejected, ActionRequired, Cancelled) as error:
        status = IntentStatus.GONE if isinstance(error, OfferGone) else IntentStatus.REFUSED
        step.detail = f"{intent.number or 'no number'} was not bought: {error.detail}"
        async with run.write() as session:
            await conclude(session, intent, None, status, error.detail)
        raise
    return await record(run, step, intent, owned, note)


async def obtain(
    run: Buyer[Any], step: RunStep, carrier: Carrier, intent: PurchaseIntent, unknown: bool
) -> tuple[OwnedNumber, str]:
    """The number of this intent and a note on how it came. While an earlier request may have succeeded (`unknown`),
    the carrier is asked whether we hold it before each further request, and once more when one is refused or may not be
    sent any more (Cancelled): a purchase has been carried out behind a refusal."""
    attempts = intent.attempts
    while True:
        if unknown and (seen := await look(run, step, carrier, intent)):
            return seen, FOUND
        if attempts > MOST_ATTEMPTS:
            raise Rejected(f"{intent.attempts} requests have bought nothing", provider=carrier.name, operation="buy")
        try:
            with asking():
                return await send(run, carrier, intent, again=attempts > 1 or unknown), ""
        except OutcomeUnknown as error:
            unknown = True
            await _wait_for_outcome(run, step, error)
        except RetryLater as error:
            await _wait(step, error, unknown)
        except WrongNumber:
            raise
        except (Rejected, ActionRequired, Cancelled) as error:
            certain = isinstance(error, Cancelled) and not unknown
            if not certain and (seen := await look_once(run, step, carrier, intent, unknown)):
                return seen, FOUND
            raise
        attempts += 1


async def send(run: Buyer[Any], carrier: Carrier, intent: PurchaseIntent, again: bool) -> OwnedNumber:
    """The request that buys, sent once. When its turn has come, right before the bytes, the run must still be the
    current one, and what it buys for still wanted; what is noted then is when the carrier was asked."""
    offer = offer_of(intent)

    async def may_still_buy() -> None:
        async with run.write() as session:
            await run.refuse_stopped(session)
            await intents.sent(session, intent, again=again)
        intents.count_from_now(intent)

    if carrier.capabilities.sells_held and offer.number and not run.has_seen_unheld(carrier, offer.number):
        held = await carrier.find(offer.number, mark_of(intent))
        if held is not None and held.mark_text == intent.mark:
            return held
        if held is not None:
            raise OfferGone(f"the {carrier.name} account holds {offer.number} already", provider=carrier.name)
    with before_sending(may_still_buy):
        return await carrier.buy(offer, mark_of(intent))


async def look(run: Buyer[Any], step: RunStep, carrier: Carrier, intent: PurchaseIntent) -> OwnedNumber | None:
    """Whether we hold the number of this intent, asked for as long as the carrier's listing may lag behind a purchase.
    OutcomeUnknown if the carrier cannot say; Foreign if it is ours for another run."""
    try:
        find = partial(carrier.find, number_of(intent), mark_of(intent))
        seen = await step.look(find, unlisted_for(run.services, intent.tried_at))
    except RetryLater as error:
        raise as_unknown(error) from None
    if seen is not None:
        refuse_other(carrier, intent, seen)
    return seen


async def look_once(
    run: Buyer[Any], step: RunStep, carrier: Carrier, intent: PurchaseIntent, unknown: bool
) -> OwnedNumber | None:
    """The look after a refusal. Where no earlier request can have succeeded it is a single one, and a carrier that
    refuses that as well, or shows somebody else's number, is believed."""
    if unknown:
        intents.count_from_now(intent)  # the last look, as long as a list may lag
        return await look(run, step, carrier, intent)
    try:
        seen = await carrier.find(number_of(intent), mark_of(intent))
        if seen is not None:
            refuse_other(carrier, intent, seen, bought=carrier.capabilities.owner_mark)
    except ProviderError:
        return None
    return seen if carrier.capabilities.owner_mark else None


async def record(
    run: Buyer[Any], step: RunStep, intent: PurchaseIntent, owned: OwnedNumber, note: str
) -> Number | None:
    """Close the intent and keep the number, claimed by this run, in one transaction. What was paid for is kept as ours
    even by a process that was overtaken, for whoever needs it next."""
    detail = f"bought {owned.number} for {offer_of(intent).price()}" + (f" ({note})" if note else "")
    run.announce("import_number", intent.carrier)
    try:
        async with step.finish("; ".join([detail, *owned.warnings])) as session:
            row = await conclude(session, intent, owned, IntentStatus.BOUGHT, claimed_by=run.id)
    except Superseded:
        await keep_late(run.services, intent, owned)
        raise
    return row


async def settle_purchase(run: Buyer[Any], intent: PurchaseIntent) -> Number | None:
    """Find out what became of a purchase that was under way, and finish it. None if it came to nothing."""
    async with run.step("purchase", intent.carrier) as step:
        carrier = run.services.carriers.get(intent.carrier)
        if carrier is None:
            raise OutcomeUnknown(
                f"{intent.carrier} is not configured any more, so the purchase of {intent.number} cannot be settled",
                provider=intent.carrier,
                hint=f"configure {intent.carrier} again",
            )
        await accounts.refuse_changed(run.services, carrier.name)
        try:
            return await complete(run, step, carrier, intent, unknown=True)
        except Rejected as error:
            step.detail = f"{intent.number or 'the number'} was not bought: {error.detail}"
            return None


def _nothing_more(carrier: Carrier, intent: PurchaseIntent, error: WrongNumber) -> ActionRequired:
    return ActionRequired(
        f"{carrier.name} sold {error.sold.number} instead of {intent.number}",
        provider=carrier.name,
        operation="buy",
        hint=f"ask {carrier.name} why; {error.sold.number} is idle: use it, or release it",
        account_wide=True,
    )


async def _wait_for_outcome(run: Buyer[Any], step: RunStep, error: OutcomeUnknown) -> None:
    if not run.patient:
        raise error
    await step.wait(error)


async def _wait(step: RunStep, error: RetryLater, unknown: bool) -> None:
    try:
        await step.wait(error)
    except RetryLater:
        if unknown:
            raise as_unknown(error) from None
        raise


def as_unknown(error: RetryLater) -> OutcomeUnknown:
    return OutcomeUnknown(
        error.detail, provider=error.provider, role=error.role, operation=error.operation, hint=error.hint
    )
