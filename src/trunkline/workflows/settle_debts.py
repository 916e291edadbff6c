"""Works off what is owed, one debt at a time, until nothing is."""

from __future__ import annotations

import asyncio

import structlog

from trunkline.db import assignments, batches, debts, intents, mappings, numbers, releases, repoints
from trunkline.db.debts import DebtKind
from trunkline.db.models import Debt, PurchaseIntent, Restaurant, utcnow
from trunkline.domain.choosing import Criteria
from trunkline.domain.numbers import E164, NumberState
from trunkline.errors import Conflict, Foreign, ProviderError, TrunklineError
from trunkline.metrics import DEBTS, OVERDUE_DEBTS
from trunkline.workflows import assign_number, release_number, repoint_numbers, run_batch
from trunkline.workflows.manage_restaurant import NumberWish, request_number
from trunkline.workflows.purchase import drop, keep, mark_of, refuse_other
from trunkline.workflows.services import Services
from trunkline.workflows.stock_number import look_after

log = structlog.get_logger()
PAUSE = 1.0
STRAY_SECONDS = 10.0


async def settle_debts(services: Services) -> None:
    """For ever: take a debt whose turn it is and try to settle it; look for runs that nobody works on."""
    beat = 0
    while True:
        try:
            await work_off(services)
            if beat % int(STRAY_SECONDS / PAUSE) == 0:
                await start_stray_runs(services)
                await tidy(services)
        except Exception as error:
            log.warning("debts cannot be worked off now", error=type(error).__name__)
        beat += 1
        await asyncio.sleep(PAUSE)


async def work_off(services: Services) -> None:
    """Try every debt that is due, once."""
    while True:
        async with services.database.read() as session:
            if not await debts.any_due(session):  # nearly always: calls are answered meanwhile
                return
        async with services.database.write() as session:
            debt = await debts.take_due(session)
        if debt is None:
            return
        try:
            await settle(services, debt)
        except TrunklineError as error:
            log.info("still owed", kind=debt.kind, subject=debt.subject, reason=error.detail)
            async with services.database.write() as session:
                await debts.note(session, debt.id, error.detail)


async def settle(services: Services, debt: Debt) -> None:
    """One attempt. The debt is settled by what it starts, or here; an error says why it is still owed."""
    match debt.kind:
        case DebtKind.DETACH_OWED:
            await detach(services, debt)
        case DebtKind.CONNECT_OWED:
            await connect_again(services, debt)
        case DebtKind.RELEASE_OWED:
            await release_number.resume_release(services, debt.run_id or "")
        case _:
            await finish_assignment(services, debt)


async def finish_assignment(services: Services, debt: Debt) -> None:
    """What was paid for goes to the restaurant it was bought for; if there is none (any more), it becomes idle."""
    async with services.database.write() as session:
        restaurant = await session.get(Restaurant, debt.restaurant_id) if debt.restaurant_id else None
        wanted = restaurant is not None and restaurant.deleted_at is None
        current = await mappings.current(session, debt.restaurant_id or "")
        if debt.kind != DebtKind.INTENT_UNKNOWN and not (wanted and current is None):
            row = await numbers.get(session, debt.subject)
            row.claimed_by = row.claim_source = None
            await debts.settle(session, debt.subject)
            return
    if restaurant is not None and wanted and current is None:
        try:
            await request_number(services, restaurant.id, await wish_of(services, debt))
        except Conflict as error:
            log.info("owed to a restaurant that is busy", reason=error.detail)
        return
    await settle_intent(services, debt)


async def wish_of(services: Services, debt: Debt) -> NumberWish:
    """What the restaurant asked when the money was spent."""
    if debt.run_id is None:
        return NumberWish()
    async with services.database.read() as session:
        before = await assignments.get(session, debt.run_id)
    criteria = Criteria.checked(**before.criteria)
    return NumberWish(force_twilio=before.force_twilio, criteria=criteria)


async def settle_intent(services: Services, debt: Debt) -> None:
    """A purchase of unknown outcome that no restaurant waits for: a number that is ours becomes idle."""
    async with services.database.read() as session:
        intent = await session.get(PurchaseIntent, debt.subject)
    if intent is None or intent.status != "open":
        async with services.database.write() as session:
            await debts.settle(session, debt.subject)
        return
    carrier = services.carriers.get(intent.carrier)
    if carrier is None:
        raise Conflict(f"{intent.carrier} is not configured any more")
    if (utcnow() - intent.tried_at).total_seconds() < look_after(services):
        raise Conflict("the purchase may not show in the carrier's list yet")
    try:
        found = await carrier.find(E164(intent.number) if intent.number else None, mark_of(intent))
        if found is not None:
            refuse_other(carrier, intent, found)
    except Foreign:
        found = None
    reason = None if found else "the carrier does not hold it for us"
    async with services.database.write() as session:
        if not await intents.close(session, intent.id, "bought" if found else "gone", reason):
            return  # whoever sent the purchase has got the reply meanwhile
        if found is not None:
            await keep(session, intent, found)
        else:
            await drop(session, intent)


async def detach(services: Services, debt: Debt) -> None:
    """Take what answers for us, by whatever routing mode, off a number that went out of service. Until then nobody can
    claim the number. Should this process have been overtaken while it asked (it was frozen, say), and the number be in
    service again, then it is owed its connection: our request may have taken it away."""
    async with services.database.read() as session:
        row = await numbers.get(session, debt.subject)
    if row.state == NumberState.IN_SERVICE:
        raise Conflict(f"{row.number} is in service")
    voice, failure = await services.voice.find(E164(row.number)), None
    if voice is not None and voice.connected and await services.may_change(voice):
        try:
            await services.voice.connect(voice, None)
        except ProviderError as error:
            failure = error
    async with services.database.write() as session:
        row = await numbers.get(session, debt.subject)
        if row.state == NumberState.IN_SERVICE:
            await debts.owe(session, DebtKind.CONNECT_OWED, row.number, wait=0, reason="overtaken while detaching it")
        elif failure is None:
            row.voice_id = voice.id if voice else None
            await debts.settle(session, row.number, DebtKind.DETACH_OWED)
    if failure is not None:
        raise failure


async def connect_again(services: Services, debt: Debt) -> None:
    """See to it that what is in service is answered."""
    async with services.database.read() as session:
        row = await numbers.get(session, debt.subject)
    voice = await services.voice.find(E164(row.number)) if row.state == NumberState.IN_SERVICE else None
    if voice is not None:
        await services.voice.connect(voice, await services.target())
    async with services.database.write() as session:
        await debts.settle(session, row.number, DebtKind.CONNECT_OWED)


async def start_stray_runs(services: Services) -> None:
    """Runs that our tables call running and that no engine works on."""
    async with services.database.read() as session:
        running = await assignments.all_running(session)
        batching = await batches.all_running(session)
        releasing = await releases.all_running(session)
        repointing = await repoints.all_running(session)
    for run_id in batching:
        await services.engine.ensure(run_batch.KIND, run_id)
    worked_on = {batch: await services.engine.under_way(batch) for batch in set(running.values()) if batch is not None}
    for run_id, batch in running.items():
        if batch is None or not worked_on[batch]:  # a cancelled batch may have left some behind
            await services.engine.ensure(assign_number.KIND, run_id)
    for run_id in releasing:
        await services.engine.ensure(release_number.KIND, run_id)
    for run_id in repointing:
        await services.engine.ensure(repoint_numbers.KIND, run_id)


async def tidy(services: Services) -> None:
    """End cool-downs that are over, and say how much is owed."""
    async with services.database.write() as session:
        await numbers.end_cool_downs(session)
        by_kind, overdue = await debts.counts(session)
    for kind in DebtKind:
        DEBTS.labels(kind.value).set(by_kind.get(kind, 0))
    OVERDUE_DEBTS.set(overdue)
