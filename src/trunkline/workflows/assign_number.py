"""THE FLOW: a restaurant gets its number, by the chart's nodes and names."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial

import structlog

from trunkline.carriers.base import Carrier
from trunkline.db import numbers
from trunkline.db.models import Assignment, Number
from trunkline.db.runs import ASSIGNMENTS
from trunkline.db.session import DATABASE_AWAY
from trunkline.domain.choosing import Offer, OwnedNumber
from trunkline.domain.marks import parse_mark
from trunkline.domain.outcomes import TRY_AGAIN, Outcome, Reason, Source, Status, from_error, from_refusals, unassigned
from trunkline.domain.states import StepStatus
from trunkline.errors import (
    ActionRequired,
    BudgetExceeded,
    Foreign,
    ListFailed,
    Missing,
    OutcomeUnknown,
    ProviderError,
    Rejected,
    RetryLater,
    Role,
    Superseded,
    TrialLimit,
    TrunklineError,
)
from trunkline.voice.base import VoiceNumber
from trunkline.workflows import accounts
from trunkline.workflows.assignment_run import AssignmentRun
from trunkline.workflows.candidates import Found
from trunkline.workflows.connect_number import refuse_marked
from trunkline.workflows.give_up_number import give_up, let_go
from trunkline.workflows.inventory import LiveInventory
from trunkline.workflows.purchase import purchase, settle_purchase
from trunkline.workflows.put_in_service import Held, look_at_carrier, put_in_service
from trunkline.workflows.run import RunStep
from trunkline.workflows.services import Services
from trunkline.workflows.share_number import reuse_trial_number

log = structlog.get_logger()
SEARCHES = 8


class AssignNumber:
    """The durable work of one assignment."""

    kind = "assign_number"
    runs = ASSIGNMENTS
    waits_in_line = True

    async def work(self, services: Services, row: Assignment) -> None:
        shared = services.lists.get(row.batch_id) if row.batch_id else None
        lists = shared or LiveInventory(beside=lambda: services.gate.at_work)
        await work_on(await AssignmentRun.begun(services, row, lists))


async def work_on(run: AssignmentRun) -> Outcome:
    """From where the run is to its end."""
    try:
        outcome = await assign_number(run)
    except (Superseded, *DATABASE_AWAY):
        raise  # another process goes on, or this one when the database is back
    except TrunklineError as error:
        outcome = from_error(error)
    except Exception:
        log.exception("assignment stopped by an error of ours")
        outcome = Outcome(
            Status.FAILED, reason=Reason.INTERNAL_ERROR, message="an error of ours; the log has it", hint=TRY_AGAIN
        )
    finally:
        run.services.trust.leave(run.id)
    if outcome.status is not Status.ASSIGNED:
        await run.close(outcome)
    return outcome


async def assign_number(run: AssignmentRun) -> Outcome:
    """From nothing to a number in service, or to the reason why not: place after place, as the candidates are."""
    if (row := await resume(run)) and (outcome := await serve(run, Held(row))):
        return outcome
    tour = Tour()
    for place in run.candidates.order():
        if place.carrier is None:
            outcome = await use_existing(run, tour)
        else:
            outcome = await tour.visit(run, place.source, place.carrier)
        if outcome is not None:
            return outcome
    if not tour.checked:
        await check_carrier(run)
    return await tour.end(run)


async def resume(run: AssignmentRun) -> Number | None:
    """What an earlier execution left: a purchase to be settled first, or a number that is claimed already."""
    intent, claimed = await run.left()
    return await settle_purchase(run, intent) if intent is not None else claimed


@dataclass
class Tour:
    """One carrier after the other, until one has a number. A carrier that refused is not asked again. Only a purchase
    whose outcome is unknown, or a list that failed, ends the search: nothing else is bought before that is known."""

    checked: bool = False
    able: list[Carrier] = field(default_factory=list)
    refusals: dict[str, ProviderError] = field(default_factory=dict)
    trial: tuple[Carrier, TrialLimit] | None = None
    beyond: dict[str, BudgetExceeded] = field(default_factory=dict)

    async def visit(self, run: AssignmentRun, source: Source, carrier: Carrier) -> Outcome | None:
        """Look for a number there and put it in service; None if there is none."""
        if not self.checked:
            await check_carrier(run)
            self.checked = True
        if carrier not in self.able:
            if carrier.name in self.refusals:
                return None
            try:
                await get_credential(run, carrier)
            except (Rejected, ActionRequired, RetryLater) as error:
                self.refusals[carrier.name] = error
                return None
            self.able.append(carrier)
        if source is Source.OWNED:
            return await self._owned(run, carrier)
        return await self._bought(run, carrier) if carrier.name not in self.refusals else None

    async def _owned(self, run: AssignmentRun, carrier: Carrier) -> Outcome | None:
        held = None
        try:
            while (held := await list_owned(run, carrier)) is not None:
                if outcome := await serve(run, held):
                    return outcome
                held = None
        except ListFailed:
            raise
        except (Rejected, ActionRequired, RetryLater) as error:
            if held is not None:
                if isinstance(error, RetryLater) and error.role is Role.VOICE:
                    raise  # no number of any carrier could be put in service now
                await let_go(run, held)
            self.refusals[carrier.name] = error
        return None

    async def _bought(self, run: AssignmentRun, carrier: Carrier) -> Outcome | None:
        """What was bought is the restaurant's: why it is not in service is the end, and none is bought beside it."""
        for _ in range(SEARCHES):
            row = await self._purchased(run, carrier)
            if row is not None:
                absent = carrier.capabilities.imported  # else it is at the voice platform from the start
                if outcome := await serve(run, Held(row, absent=absent, seen_at=time.monotonic())):
                    return outcome
            elif carrier.name in self.refusals or carrier.name in self.beyond:
                return None
        detail = f"no number that {carrier.name} offered could be bought"
        self.refusals[carrier.name] = RetryLater(detail, provider=carrier.name)
        return None

    async def _purchased(self, run: AssignmentRun, carrier: Carrier) -> Number | None:
        """A number that was bought there; None if none was, and a refusal is noted."""
        offers: list[Offer] = []
        left = False  # for others
        try:
            offers = await search(run, carrier)
            return await purchase(run, carrier, offers)
        except OutcomeUnknown:
            raise
        except BudgetExceeded as error:
            self.beyond[carrier.name] = error
        except (Rejected, ActionRequired, RetryLater) as error:
            self.refusals[carrier.name] = error
            if isinstance(error, TrialLimit):
                left, self.trial = True, self.trial or (carrier, error)
                run.inventory.limited(carrier.name, error)
        finally:
            run.inventory.tried(offers, left=left)
        return None

    async def end(self, run: AssignmentRun) -> Outcome:
        """Nobody had a number: a trial account's is shared, else the reasons."""
        if self.trial is not None and run.wish.number is None:
            return await reuse_trial_number(run, *self.trial)
        if self.beyond:
            return from_error(next(iter(self.beyond.values())))
        if self.refusals:
            return from_refusals(list(self.refusals.values()))
        if run.wish.held:
            number = run.wish.number
            detail = f"{number} is in no account of ours any more, or something else uses it"
            return unassigned(Reason.NO_NUMBERS_FOUND, detail, f"GET /api/numbers/{number} says what is known of it")
        pinned = run.wish.criteria.carrier
        return unassigned(
            Reason.CARRIER_NOT_CONFIGURED,
            f"{pinned} is not configured" if pinned else "no number is idle and no carrier is configured",
            f"set the keys of a carrier and CARRIERS; then {TRY_AGAIN}",
        )


# --- the places, and what is done with a number from one -------------------------------------------------------------


async def use_existing(run: AssignmentRun, tour: Tour) -> Outcome | None:
    """Put an idle number of Vapi's in service; the next one if the first is gone or serves somebody else by now.
    Nothing is bought at a carrier because an idle number of its could not be looked at."""
    while held := await find_existing(run, tour):
        if outcome := await serve(run, held):
            return outcome
    return None


async def serve(run: AssignmentRun, held: Held) -> Outcome | None:
    """Put the claimed number in service; None if it cannot be, and the next one is to be tried: it is gone, serves
    somebody else, or is refused for good. What was paid for and is still held stays the restaurant's."""
    bought = held.row.claim_source == Source.PURCHASED
    try:
        return await put_in_service(run, held)
    except (Missing, Foreign) as error:
        await give_up(run, held, error)
    except (Rejected, ActionRequired) as error:
        if bought or not is_of_this_one(error):
            raise
        await give_up(run, held, error)
    return None


def is_of_this_one(error: ProviderError) -> bool:
    """Whether a number of ours was refused that only has to be put aside: the next one may do. What may pass, or
    concerns the whole account, is no number's fault."""
    return not (error.account_wide or isinstance(error, RetryLater))


async def find_existing(run: AssignmentRun, tour: Tour) -> Held | None:
    """Claim a number in Vapi that no restaurant holds and that serves nobody else; its carrier still holds it."""
    async with run.step("find_existing") as step:
        while True:
            existing = await run.candidates.existing(step.ask)
            if held := await claim_existing(run, tour, step, existing):
                step.end(StepStatus.DONE, f"{held.number} is idle ({existing.listed} numbers in Vapi)")
                return held
            if not existing.more:
                step.detail = existing.said()
                return None


async def claim_existing(run: AssignmentRun, tour: Tour, step: RunStep, existing: Found[VoiceNumber]) -> Held | None:
    """The first of them that can be claimed and that its carrier holds for us."""
    waiting = list(existing.idle)
    while (voice := await claim_first(run, waiting)) is not None:
        held = Held(await known_row(run, voice), voice=voice, seen_at=existing.seen_at)
        try:
            await verify(run, step, held)
        except (Rejected, ActionRequired, RetryLater) as error:
            if is_of_this_one(error):
                await give_up(run, held, error)
                continue
            tour.refusals[held.row.carrier or ""] = error
            await let_go(run, held)
        else:
            return held
    return None


async def claim_first(run: AssignmentRun, waiting: list[VoiceNumber]) -> VoiceNumber | None:
    """Claim the first that nobody else has claimed meanwhile; those that were passed are taken off the list."""
    if not waiting:
        return None
    async with run.write() as session:
        while waiting:
            voice = waiting.pop(0)
            run.inventory.used(voice.number or "")
            mark = parse_mark(voice.name)
            if await numbers.claim(
                session,
                voice.number or "",
                run.id,
                Source.EXISTING.value,
                restaurant_id=run.restaurant_id,
                marked=mark is not None,
                carrier=voice.carrier,
                voice_id=voice.id,
            ):
                return voice
    return None


async def known_row(run: AssignmentRun, voice: VoiceNumber) -> Number:
    async with run.services.database.read() as session:
        return await numbers.get(session, voice.number or "")


async def verify(run: AssignmentRun, step: RunStep, held: Held) -> None:
    """See at the number's carrier, where that is configured, that it is held, ours to use, and leads to Vapi."""
    carrier = run.services.carriers.get(held.row.carrier or "")
    if carrier is not None and carrier.capabilities.imported:
        seen_in_voice = held.seen_at
        await look_at_carrier(run, step, held, carrier)
        held.seen_at = seen_in_voice


async def check_carrier(run: AssignmentRun) -> None:
    """Say which configured carriers are tried, in order, and why others are left out."""
    async with run.step("check_carrier") as step:
        able, left_out = run.candidates.carriers()
        names = ", then ".join(carrier.name for carrier in able) or "no carrier is configured"
        step.detail = "; ".join([names, *left_out])


async def get_credential(run: AssignmentRun, carrier: Carrier) -> None:
    """What the import will need, before any money is spent: the keys are those of the accounts that we work with, Vapi
    has the carrier's credential, and there is something that answers."""
    async with run.step("get_credential", carrier.name) as step:
        check = partial(accounts.refuse_changed, run.services, carrier.name, accounts.VOICE)
        asks_nobody = accounts.are_known(run.services, carrier.name, accounts.VOICE)
        await (check() if asks_nobody else step.ask(check))
        if carrier.name in run.services.credentials:
            step.detail = "known" if run.services.credentials[carrier.name] else "not needed"
            return
        await step.ask(run.services.target)
        credential = await step.ask(lambda: run.services.credential(carrier))
        step.detail = f"credential {credential}" if credential else "not needed for the import"


async def list_owned(run: AssignmentRun, carrier: Carrier) -> Held | None:
    """Claim a number that the carrier account owns, that is ours to use and that nobody uses."""
    while True:
        async with run.step("list_owned", carrier.name) as step:
            found = await run.candidates.owned(step.ask, carrier)
            step.detail = f"{carrier.name} account owns {found.listed}, {found.count()}"
        for owned in found.idle:
            if held := await use_owned(run, carrier, owned, found.seen_at):
                return held
        if not found.more:
            return None


async def use_owned(run: AssignmentRun, carrier: Carrier, owned: OwnedNumber, seen_at: float) -> Held | None:
    """Claim it and put our mark on it, so that no other installation takes it too; None if somebody was first."""
    async with run.step("use_owned", carrier.name) as step:
        run.inventory.used(owned.number)
        marked = parse_mark(owned.mark_text) is not None
        details = {"carrier": carrier.name, "carrier_ref": owned.ref, "account": owned.account or None}
        async with run.write() as session:
            if not await numbers.claim(
                session, owned.number, run.id, "owned", restaurant_id=run.restaurant_id, marked=marked, **details
            ):
                step.end(StepStatus.DONE, f"{owned.number} was taken meanwhile")
                return None
            row = await numbers.get(session, owned.number)
            numbers.held(row, carrier.name, owned)
        held = Held(row, owned=owned, seen_at=seen_at, note="; ".join(owned.warnings))
        try:
            await mark(run, step, held, carrier)
        except (Rejected, ActionRequired, RetryLater) as error:
            if not is_of_this_one(error):
                await let_go(run, held)  # another carrier may have one
                raise
            await give_up(run, held, error)
            step.end(StepStatus.DONE, f"{owned.number} cannot be used: {error.detail}")
            return None
        step.end(StepStatus.DONE, "; ".join([f"{owned.number} is idle and ours to use", *owned.warnings]))
        return held


async def mark(run: AssignmentRun, step: RunStep, held: Held, carrier: Carrier) -> None:
    """Our mark on a number that has none. Where the carrier keeps no marks, an unmarked number may be one that another
    installation has just bought: it is taken if it is still unused after a while, or if we knew it before."""
    owned = held.owned
    if owned is None or parse_mark(owned.mark_text) is not None:
        return
    if not carrier.capabilities.owner_mark:
        if held.row.bought_at is None and carrier.capabilities.sells:
            await step.pause(run.settings.listing_lag_seconds)
            await look_at_carrier(run, step, held, carrier)
        return
    if not held.fresh:
        await look_at_carrier(run, step, held, carrier)
        owned = held.owned or owned
    held.owned = marked = await step.ask(lambda: carrier.mark(owned, run.mark))
    refuse_marked(run.services, carrier, marked)
    held.seen_at = time.monotonic()


async def search(run: AssignmentRun, carrier: Carrier) -> list[Offer]:
    """What is for sale now and may be bought at its price."""
    async with run.step("search", carrier.name) as step:
        offers = await run.candidates.offers(step.ask, carrier)
        step.detail = f"{len(offers)} for sale in {run.candidates.country}"
        return offers
