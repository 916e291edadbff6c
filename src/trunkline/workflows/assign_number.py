"""THE FLOW: a restaurant gets its number, by the chart's nodes and names."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from sqlalchemy.exc import InternalError, OperationalError

from trunkline.carriers.base import Carrier
from trunkline.db import numbers
from trunkline.db.models import Number
from trunkline.domain.choosing import Offer, OwnedNumber, affordable, is_ours_to_use
from trunkline.domain.numbers import NumberState
from trunkline.domain.outcomes import TRY_AGAIN, Outcome, Reason, Status, from_error, unassigned
from trunkline.errors import (
    ActionRequired,
    Foreign,
    Missing,
    OfferGone,
    OutcomeUnknown,
    ProviderError,
    Rejected,
    RetryLater,
    Superseded,
    TrialLimit,
    TrunklineError,
)
from trunkline.settings import Strategy
from trunkline.voice.base import VoiceNumber
from trunkline.workflows.assignment_run import AssignmentRun
from trunkline.workflows.inventory import Inventory, LiveInventory
from trunkline.workflows.purchase import purchase, settle_purchase
from trunkline.workflows.put_in_service import put_in_service, reuse_trial_number
from trunkline.workflows.services import Services

log = structlog.get_logger()
KIND = "assign_number"
SEARCHES = 8


class AssignNumber:
    """The durable work of one assignment. `inventories` gives a batch's shared lists to its items, by batch id."""

    def __init__(self, services: Services, inventories: Callable[[str], Inventory | None]) -> None:
        self._services = services
        self._inventories = inventories

    async def __call__(self, assignment_id: str) -> None:
        live = LiveInventory(self._services.voice)
        run = await AssignmentRun.begin(self._services, live, assignment_id)
        if run is None:
            return
        if run.assignment.batch_id is not None:
            run.inventory = self._inventories(run.assignment.batch_id) or live
        await self.work(run)

    async def work(self, run: AssignmentRun) -> None:
        """From where the run is to its end."""
        try:
            outcome = await assign_number(run)
        except (Superseded, OperationalError, InternalError):
            raise  # another process goes on, or this one when the database is back
        except TrunklineError as error:
            outcome = from_error(error)
        except Exception:
            log.exception("assignment stopped by an error of ours")
            outcome = Outcome(
                Status.FAILED, reason=Reason.INTERNAL_ERROR, message="an error of ours; the log has it", hint=TRY_AGAIN
            )
        if outcome.status is not Status.ASSIGNED:
            await run.end(outcome)


async def assign_number(run: AssignmentRun) -> Outcome:
    """From nothing to a number in service, or to the reason why not."""
    if held := await resume(run):
        return await put_in_service(run, held)
    forced = run.assignment.force_twilio
    reuse_first = run.settings.number_strategy is Strategy.REUSE_FIRST
    if reuse_first and not forced and (outcome := await use_existing(run)):
        return outcome
    outcome = await try_carriers(run, owned_first=reuse_first or forced)
    if outcome.status is not Status.ASSIGNED and not reuse_first and not forced:
        outcome = await use_existing(run) or outcome
    return outcome


async def resume(run: AssignmentRun) -> Number | None:
    """What an earlier execution left: a purchase to be settled first, or a number that is claimed already."""
    if run.open_intent is not None:
        return await settle_purchase(run, run.open_intent)
    return run.claimed


async def use_existing(run: AssignmentRun) -> Outcome | None:
    """Put an idle number of Vapi's in service; the next one if the first is gone or serves somebody else by now."""
    while row := await find_existing(run):
        if outcome := await serve(run, row, ""):
            return outcome
    return None


async def find_existing(run: AssignmentRun) -> Number | None:
    """Claim a number in Vapi that no restaurant holds and that serves nobody else."""
    async with run.step("find_existing") as step:
        services = run.services
        assistant = await services.voice.shared_assistant()
        listing = await run.inventory.voice_numbers(step.ask)
        free = {
            v.number: v
            for v in listing
            if v.ready and v.number and v.free_for(assistant, services.server_url) and wanted(run, v)
        }
        if not free:
            step.detail = f"none of {len(listing)} numbers in Vapi is idle"
            return None
        async with run.write() as session:
            busy = await numbers.busy_among(session, list(free))
            for number, voice in free.items():
                carrier = carrier_of(voice)
                if number not in busy and await numbers.claim(
                    session, number, run.id, "existing", carrier=carrier, voice_id=voice.id
                ):
                    run.inventory.used(number)
                    step.end("done", f"{number} is idle ({len(listing)} numbers in Vapi)")
                    return await numbers.get(session, number)
                run.inventory.used(number)
        step.detail = f"none of {len(listing)} numbers in Vapi is idle"
        return None


def wanted(run: AssignmentRun, voice: VoiceNumber) -> bool:
    pinned = run.criteria.carrier
    return run.criteria.matches(voice.number or "") and pinned in (None, carrier_of(voice))


def carrier_of(voice: VoiceNumber) -> str:
    """Our word for Vapi's provider."""
    return "byo" if voice.provider == "byo-phone-number" else voice.provider


async def try_carriers(run: AssignmentRun, owned_first: bool) -> Outcome:
    """One carrier after the other, until one has a number. Only a purchase whose outcome is unknown ends the search:
    it must be settled before anything else is bought. What fails after the purchase ends the assignment as well."""
    plan = await check_carrier(run)
    refusals: list[ProviderError] = []
    limits: list[tuple[Carrier, TrialLimit]] = []
    for carrier in plan:
        try:
            while True:
                row, note = await number_from(run, carrier, owned_first)
                if outcome := await serve(run, row, note):
                    return outcome
        except NoNumberHere as end:
            refusals.append(end.reason)
            if isinstance(end.reason, TrialLimit):
                limits.append((carrier, end.reason))
    if limits:
        return await at_trial_limit(run, *limits[0], owned_first)
    if refusals:
        return from_refusals(refusals)
    pinned = "twilio" if run.assignment.force_twilio else run.criteria.carrier
    return unassigned(
        Reason.CARRIER_NOT_CONFIGURED,
        f"{pinned} is not configured" if pinned else "no number is idle and no carrier is configured",
        "set the keys of a carrier and CARRIERS; then POST /api/restaurants/{id}/phone",
    )


class NoNumberHere(Exception):
    """This carrier has no number for us, for `reason`; the next carrier may."""

    def __init__(self, reason: ProviderError) -> None:
        super().__init__(reason.detail)
        self.reason = reason


async def number_from(run: AssignmentRun, carrier: Carrier, owned_first: bool) -> tuple[Number, str]:
    """A claimed number of this carrier, and a note on it: an idle one of the account, else one bought now."""
    try:
        await get_credential(run, carrier)
        if owned_first:
            row, note = await list_owned(run, carrier)
            if row is not None:
                return row, note
        return await buy_number(run, carrier), ""
    except OutcomeUnknown:
        raise
    except (Rejected, ActionRequired, RetryLater) as error:
        raise NoNumberHere(error) from None


async def serve(run: AssignmentRun, row: Number, note: str) -> Outcome | None:
    """Put the claimed number in service; None if it turns out to serve somebody else, or to be gone."""
    bought_now = row.claim_source == "purchased" and row.carrier != "vapi"
    try:
        return await put_in_service(run, row, absent=bought_now, note=note)
    except (Missing, Foreign) as error:
        if row.claim_source == "purchased":
            raise
        await give_up(run, row, error)
        return None


def from_refusals(refusals: list[ProviderError]) -> Outcome:
    """What all carriers said, with the end that leaves most to hope for: a person can act, or it may pass."""

    def rank(error: ProviderError) -> int:
        return 0 if isinstance(error, ActionRequired) else 1 if isinstance(error, RetryLater) else 2

    outcome = from_error(min(refusals, key=rank))
    said = "; ".join(dict.fromkeys(f"{e.provider}: {e.detail}" for e in refusals)) if len(refusals) > 1 else None
    return Outcome(outcome.status, reason=outcome.reason, message=said or outcome.message, hint=outcome.hint)


async def check_carrier(run: AssignmentRun) -> list[Carrier]:
    """The configured carriers to try, in order; one that cannot meet the criteria is left out with the reason."""
    async with run.step("check_carrier") as step:
        pinned = "twilio" if run.assignment.force_twilio else run.criteria.carrier
        plan, left_out = [], []
        for name, carrier in run.services.carriers.items():
            if pinned not in (None, name):
                continue
            able = carrier.capabilities
            if able.countries is not None and run.country not in able.countries:
                left_out.append(f"{name} has no numbers in {run.country}")
            elif able.types is not None and run.criteria.number_type not in (None, *able.types):
                left_out.append(f"{name} has no {run.criteria.number_type} numbers")
            else:
                plan.append(carrier)
        names = ", then ".join(carrier.name for carrier in plan) or "no carrier is configured"
        step.detail = "; ".join([names, *left_out])
    return plan


async def buy_number(run: AssignmentRun, carrier: Carrier) -> Number:
    for _ in range(SEARCHES):
        offers = await search(run, carrier)
        row = await purchase(run, carrier, offers)
        if row is not None:
            return row
    raise RetryLater(f"no number that {carrier.name} offered could be bought", provider=carrier.name)


async def get_credential(run: AssignmentRun, carrier: Carrier) -> None:
    async with run.step("get_credential", carrier.name) as step:
        if carrier.name in run.services.credentials:
            step.detail = "known" if run.services.credentials[carrier.name] else "not needed"
            return
        await step.ask(run.services.target)  # what the import needs is missed here, not after a purchase
        credential = await step.ask(lambda: run.services.credential(carrier))
        step.detail = f"credential {credential}" if credential else "not needed for the import"


async def list_owned(run: AssignmentRun, carrier: Carrier) -> tuple[Number | None, str]:
    """Claim a number that the carrier account owns, that is ours to use and that nobody uses."""
    async with run.step("list_owned", carrier.name) as step:
        owned = await run.inventory.owned(step.ask, carrier)
        usable = [o for o in owned if is_ours_to_use(o, run.services.installation) and o.voice]
        fitting = {o.number: o for o in usable if run.criteria.matches(o.number)}
        async with run.services.database.read() as session:
            busy = await numbers.busy_among(session, list(fitting))
        for number in busy:
            run.inventory.used(number)
        idle = [o for number, o in fitting.items() if number not in busy]
        step.detail = f"{carrier.name} account owns {len(owned)}, {len(idle)} idle"
    for candidate in idle:
        if row := await use_owned(run, carrier, candidate):
            return row, "; ".join(candidate.warnings)
    return None, ""


async def use_owned(run: AssignmentRun, carrier: Carrier, owned: OwnedNumber) -> Number | None:
    async with run.step("use_owned", carrier.name) as step:
        run.inventory.used(owned.number)
        async with run.write() as session:
            details = {"carrier": carrier.name, "carrier_ref": owned.ref}
            if not await numbers.claim(session, owned.number, run.id, "owned", **details):
                step.end("done", f"{owned.number} was taken meanwhile")
                return None
            row = await numbers.get(session, owned.number)
            row.saved_urls = row.saved_urls or owned.urls
            step.end("done", "; ".join([f"{owned.number} is idle and ours to use", *owned.warnings]))
        return row


async def search(run: AssignmentRun, carrier: Carrier) -> list[Offer]:
    """What is for sale now and may be bought at its price."""
    async with run.step("search", carrier.name) as step:
        want = run.criteria
        found = await run.inventory.offers(step.ask, carrier, want, run.country)
        offers = affordable(found, run.settings.max_monthly_price)
        if found and not offers:
            raise Rejected(
                f"every number of {carrier.name} costs more than {run.settings.max_monthly_price} a month",
                provider=carrier.name,
                hint="raise MAX_MONTHLY_PRICE",
            )
        if not offers:
            wanted_text = ", ".join(f"{k} {v}" for k, v in want.plain().items() if k != "carrier") or run.country
            raise OfferGone(f"{carrier.name} has no number for sale for {wanted_text}", provider=carrier.name)
        step.detail = f"{len(offers)} for sale in {run.country}"
        return offers


async def at_trial_limit(run: AssignmentRun, carrier: Carrier, limit: TrialLimit, owned_first: bool) -> Outcome:
    """A trial falls back: to an idle number if none was looked for yet, else to sharing the account's number."""
    if not owned_first:
        forced = run.assignment.force_twilio
        if not forced and (outcome := await use_existing(run)):
            return outcome
        while (owned := await list_owned(run, carrier))[0] is not None:
            if outcome := await serve(run, owned[0], owned[1]):
                return outcome
    return await reuse_trial_number(run, carrier, limit)


async def give_up(run: AssignmentRun, row: Number, error: ProviderError) -> None:
    """A claimed number turned out not to be usable: let it go and do not offer it again."""
    run.inventory.used(row.number)
    async with run.write() as session:
        kept = await numbers.get(session, row.number)
        kept.claimed_by = kept.claim_source = None
        if isinstance(error, Foreign):
            numbers.move(kept, NumberState.FOREIGN)
        else:
            kept.voice_id = None
