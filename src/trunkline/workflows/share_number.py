"""A trial account may hold no further number: the new restaurant shares the one that there is."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.carriers.base import Carrier
from trunkline.db import choosing, figures, mappings, numbers, restaurants
from trunkline.domain.numbers import NumberState
from trunkline.domain.outcomes import Outcome, Reason, Source, Status, unassigned
from trunkline.errors import Conflict, TrialLimit
from trunkline.settings import TrialSharing
from trunkline.workflows.assignment_run import AssignmentRun
from trunkline.workflows.run import RunStep


async def reuse_trial_number(run: AssignmentRun, carrier: Carrier, limit: TrialLimit) -> Outcome:
    """Share the account's number, by the sharing policy. The number may go out of service while we look: then another
    is looked for, or it is waited for; TrialLimit where that takes too long."""
    async with run.step("reuse_trial_number", carrier.name) as step:
        policy = run.settings.trial_sharing
        if policy is TrialSharing.OFF:
            step.detail = "sharing is off"
            return unassigned(Reason.TRIAL_LIMIT, limit.detail, "upgrade the account, or set TRIAL_SHARING")
        if not await may_be_trial(run, step, carrier):
            step.detail = f"the {carrier.name} account has several numbers: it is no trial, and none is shared"
            return unassigned(
                Reason.TRIAL_LIMIT, limit.detail, "upgrade the account, or ask for another kind of number"
            )
        while True:
            async with run.services.database.read() as session:
                number = await choosing.in_service_at(session, carrier.name)
                about_to_be = await choosing.busy_at(session, carrier.name)
            if number is None and not about_to_be:
                step.detail = "the account's number is not ours to share"
                return unassigned(Reason.TRIAL_LIMIT, limit.detail, "upgrade the account")
            outcome = None
            if number is not None:
                async with step.finish(f"shares {number}, {policy.value} restaurant answers") as session:
                    outcome = await share(session, run, number, policy)
            if outcome is not None:
                break
            step.begin_again()
            waits = "the account's number is about to be put in service"
            await step.wait(TrialLimit(f"{waits}, and {limit.detail}", provider=carrier.name))
    run.count(outcome)
    return outcome


async def may_be_trial(run: AssignmentRun, step: RunStep, carrier: Carrier) -> bool:
    """Whether what was refused can be a trial's second number. An account's level refuses a kind of number in the same
    words; one that has several numbers is a trial only where the carrier itself says so."""
    listing = await run.candidates.listed(step.ask, carrier)
    async with run.services.database.read() as session:
        serving = await figures.serving(session, carrier.name)  # a batch's list is as old as the batch
    if max(listing.total, serving) <= 1:
        return True
    state = await step.ask(carrier.account)
    return state is not None and state.kind == "trial"


async def share(session: AsyncSession, run: AssignmentRun, number: str, policy: TrialSharing) -> Outcome | None:
    """Map the restaurant to a number that others have; None if it has just gone out of service."""
    if not await restaurants.is_left(session, run.restaurant_id):
        raise Conflict("the restaurant was deleted meanwhile")
    old = await mappings.current(session, run.restaurant_id)
    rows = await numbers.lock(session, number, *([old.number] if old else []))
    others = await mappings.count_of_number(session, number)
    if rows[number].state != NumberState.IN_SERVICE or not others:
        return None
    old = old and await mappings.current(session, run.restaurant_id)  # as it is now that nobody changes it
    if old is not None and old.number == number:
        outcome = Outcome(Status.ASSIGNED, Source.SHARED, number, message=f"still shares {number}")
        await run.write_outcome(session, outcome)
        return outcome
    if old is not None:
        await mappings.end(session, old, "replaced", run.settings.number_cooldown_hours)
    await mappings.begin(
        session,
        rows[number],
        run.restaurant_id,
        source=Source.SHARED.value,
        assignment_id=run.id,
        active=policy is TrialSharing.NEWEST,
    )
    message = f"shares {number} with {others} other restaurant{'s' if others > 1 else ''}"
    outcome = Outcome(
        Status.ASSIGNED,
        Source.SHARED,
        number,
        message=f"{message}: the trial account may hold no further number",
        hint="upgrade the carrier account; the next assignment buys a number of its own",
    )
    await run.write_outcome(session, outcome)
    return outcome
