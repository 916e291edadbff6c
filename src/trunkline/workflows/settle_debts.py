"""Works off what is owed until nothing is, each provider's debts in a line of their own, and keeps house."""

from __future__ import annotations

import asyncio
import time
from contextlib import AbstractContextManager
from dataclasses import replace

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db import debts, intents, mappings, numbers
from trunkline.db.models import Debt, Number, PurchaseIntent
from trunkline.db.restaurants import find as find_restaurant
from trunkline.db.runs import ASSIGNMENTS
from trunkline.db.session import DATABASE_AWAY
from trunkline.domain.acting import Acting, ActorKind, acting, acting_as
from trunkline.domain.numbers import E164, NumberState
from trunkline.domain.states import DebtKind, IntentStatus, RunStatus
from trunkline.domain.wishes import Wish
from trunkline.errors import Conflict, Missing, NotFound, ProviderError, TrunklineError
from trunkline.metrics import DEBTS, OVERDUE_DEBTS
from trunkline.providers.http import before_sending
from trunkline.workflows import accounts, kinds, release_number
from trunkline.workflows.budgets import measure, read_all
from trunkline.workflows.connect_number import connect_number, find_record, lead_again
from trunkline.workflows.manage_restaurant import request_checked
from trunkline.workflows.purchase_outcome import look_for_late_ones, settle_without_run, unlisted_for
from trunkline.workflows.services import Services
from trunkline.workflows.stock_number import adopt_number

log = structlog.get_logger()
PAUSE = 1.0  # between two looks at what is due, at least
STRAY_SECONDS = 10.0
MEASURE_SECONDS = 60.0
LINE = 4  # debts of one provider at once


async def settle_debts(services: Services) -> None:
    """For ever: try to settle the debts whose turn it is; look for runs that nobody works on."""
    lines: dict[str | None, set[asyncio.Task[None]]] = {}
    bell = services.database.bell()
    stray_at = measure_at = time.monotonic()
    try:
        while True:
            pause = PAUSE
            try:
                pause = await _man_lines(services, lines)
                if (now := time.monotonic()) >= stray_at:
                    stray_at = now + STRAY_SECONDS
                    await kinds.start_stray_runs(services)
                    await tidy(services)
                if now >= measure_at:
                    measure_at = now + MEASURE_SECONDS
                    measure(await read_all(services.database), services.settings.budget_rates)
            except Exception as error:
                log.warning("debts cannot be worked off now", error=type(error).__name__)
            await bell.wait(PAUSE, min(pause, stray_at - time.monotonic()))
    finally:
        for task in [task for line in lines.values() for task in line]:
            task.cancel()


async def _man_lines(services: Services, lines: dict[str | None, set[asyncio.Task[None]]]) -> float:
    """Somebody works on each provider whose debts are due; a provider that does not answer holds up its own. In how
    many seconds the next are."""
    async with services.database.read() as session:
        turns = await debts.turns(session)
    for provider in (provider for provider, seconds in turns.items() if seconds <= 0):
        line = lines.setdefault(provider, set())
        line -= {task for task in line if task.done()}
        if len(line) < LINE:
            line.add(asyncio.create_task(work_off_line(services, provider)))
    return min(turns.values(), default=STRAY_SECONDS)


async def work_off(services: Services) -> None:
    """Try every debt that is due, once."""
    async with services.database.read() as session:
        due = await debts.providers_due(session)
    await asyncio.gather(*(work_off_line(services, provider) for provider in due))


async def work_off_line(services: Services, provider: str | None) -> None:
    """Try this provider's debts that are due, one after the other."""
    while True:
        try:
            async with services.database.write() as session:
                debt = await debts.take_due(session, provider)
            if debt is None:
                return
            try:
                with acting_as(Acting(ActorKind.DEBTS, id=debt.id, name=debt.kind)):
                    await settle(services, debt)
            except TrunklineError as error:
                log.info("still owed", kind=debt.kind, subject=debt.subject, reason=error.detail)
                async with services.database.write() as session:
                    await debts.note(session, debt.id, error.detail)
        except DATABASE_AWAY as error:
            log.warning("a debt waits for the database", error=type(error).__name__)
            return


async def settle(services: Services, debt: Debt) -> None:
    """One attempt. The debt is settled by what it starts, or here; an error says why it is still owed."""
    match debt.kind:
        case DebtKind.DETACH_OWED:
            await detach(services, debt)
        case DebtKind.CONNECT_OWED:
            await connect_again(services, debt)
        case DebtKind.RELEASE_OWED:
            await release_number.resume_release(services, debt.run_id or "")
        case DebtKind.INTENT_UNKNOWN | DebtKind.BOUGHT_NOT_IMPORTED | DebtKind.IMPORTED_NOT_MAPPED:
            await finish_assignment(services, debt)
        case DebtKind.SOLD_OTHER:
            await wait_for_decision(services, debt)
        case DebtKind.ADOPT_OWED:
            await finish_adoption(services, debt)
        case DebtKind.ENDPOINT_DISABLED:
            raise Conflict(debt.reason or "an endpoint is disabled")  # enabling or deleting it settles this


async def finish_assignment(services: Services, debt: Debt) -> None:
    """What was paid for goes to the restaurant it was bought for; if there is none (any more), it becomes idle."""
    async with services.database.write() as session:
        restaurant = await find_restaurant(session, debt.restaurant_id)
        wanted = restaurant is not None and await mappings.current(session, restaurant.id) is None
        if debt.kind != DebtKind.INTENT_UNKNOWN and not wanted:
            row = (await numbers.lock(session, debt.subject))[debt.subject]
            if await is_at_work(session, row):
                raise Conflict(f"{row.number} is about to be put in service")
            numbers.free(row)
            await debts.settle(session, debt.subject)
            return
    if restaurant is not None and wanted:
        wish, key_id, batch_id = await asked_before(services, debt)
        try:
            with acting_as(replace(acting(), key_id=key_id)):
                await request_checked(services, restaurant.id, wish, batch_id=batch_id)
        except Conflict as error:
            log.info("owed to a restaurant that is busy", reason=error.detail)
        return
    await settle_intent(services, debt)


async def is_at_work(session: AsyncSession, row: Number) -> bool:
    """Whether the assignment that claims it has not ended: it settles what is owed, or owes it anew."""
    return row.claimed_by is not None and (await ASSIGNMENTS.get(session, row.claimed_by)).status == RunStatus.RUNNING


async def asked_before(services: Services, debt: Debt) -> tuple[Wish, str | None, str | None]:
    """What the restaurant asked when the money was spent, by which API key and in which batch: the key's budget goes on
    to bind, and so do the batch's bounds and its end."""
    if debt.run_id is None:
        return Wish(), None, None
    async with services.database.read() as session:
        before = await ASSIGNMENTS.get(session, debt.run_id)
    wish = Wish.stored(before.criteria, before.force_twilio)
    return wish, Acting.stored(before.actor).key_id, before.batch_id


async def settle_intent(services: Services, debt: Debt) -> None:
    """A purchase of unknown outcome that no restaurant waits for."""
    async with services.database.read() as session:
        intent: PurchaseIntent | None = await intents.get(session, debt.subject)
    if intent is None or intent.status != IntentStatus.OPEN:
        async with services.database.write() as session:
            await debts.settle(session, debt.subject)
        return
    await settle_without_run(services, intent)


async def wait_for_decision(services: Services, debt: Debt) -> None:
    """Until somebody has used the number that was sold instead, or has given it back."""
    async with services.database.write() as session:
        row = await numbers.get(session, debt.subject)
        if row.state not in (NumberState.IN_SERVICE, NumberState.RELEASED):
            raise Conflict(debt.reason or "a carrier sold another number than was asked for")
        await debts.settle(session, row.number, DebtKind.SOLD_OTHER)


async def finish_adoption(services: Services, debt: Debt) -> None:
    """Our mark on it, and a record in Vapi that nothing answers; whoever uses it meanwhile has done both. Nothing is
    owed to what is gone."""
    async with services.database.read() as session:
        row = await numbers.get(session, debt.subject)
    if row.state in numbers.SERVES_NOBODY and row.claimed_by is None:
        try:
            await adopt_number(services, E164(row.number), row.carrier)
        except NotFound:
            if not await is_gone(services, row):
                raise
    async with services.database.write() as session:
        await debts.settle(session, row.number, DebtKind.ADOPT_OWED)


async def detach(services: Services, debt: Debt) -> None:
    """Take what answers for us, by whatever routing mode, off a number that went out of service. Until then nobody can
    claim the number. Should this process have been overtaken while it asked (it was frozen, say), and the number be in
    service again, then it is owed its connection: our request may have taken it away."""
    async with services.database.read() as session:
        row = await numbers.get(session, debt.subject)
    if row.state == NumberState.IN_SERVICE:
        raise Conflict(f"{row.number} is in service")
    await accounts.refuse_changed(services, accounts.VOICE)
    voice, failure = await find_record(services, row), None
    if voice is not None and voice.connected and await services.may_change(voice, row.target):
        try:
            with only_while(services, row.number, is_used=False):
                await services.voice.connect(voice, None)
        except ProviderError as error:
            failure = error
    async with services.database.write() as session:
        now = (await numbers.lock(session, row.number))[row.number]
        if _is_used(now):
            why = "overtaken while detaching it"
            await debts.owe(session, DebtKind.CONNECT_OWED, row.number, provider="vapi", wait=0, reason=why)
        elif failure is None:
            numbers.in_voice(now, voice.id if voice else None, now.voice_org, None)
            await debts.settle(session, row.number, DebtKind.DETACH_OWED)
    if failure is not None:
        raise failure


async def connect_again(services: Services, debt: Debt) -> None:
    """See to it that what is in service is answered, at its carrier as well. Nothing is owed to what is gone."""
    async with services.database.read() as session:
        row = await numbers.get(session, debt.subject)
    if row.claimed_by is not None:
        raise Conflict(f"{row.number} is about to be put in service")
    if row.state == NumberState.IN_SERVICE:
        await accounts.refuse_changed(services, accounts.VOICE)
        try:
            with only_while(services, row.number, is_used=True):
                mend = lead_again if await is_led_nowhere(services, row) else connect_number
                await mend(services, row, await services.target())
        except Missing:
            if not await is_gone(services, row):
                raise
    async with services.database.write() as session:
        await debts.settle(session, row.number, DebtKind.CONNECT_OWED)


def _is_used(row: Number) -> bool:
    """Whether it serves a restaurant, or is about to."""
    return row.state == NumberState.IN_SERVICE or row.claimed_by is not None


def only_while(services: Services, number: str, *, is_used: bool) -> AbstractContextManager[None]:
    """Inside, nothing is sent once it serves a restaurant, or does not any more: another process may have been quicker,
    and have settled the same debt."""

    async def refuse_other() -> None:
        async with services.database.read() as session:
            row = await numbers.get(session, number)
        if _is_used(row) is not is_used:
            raise Conflict(f"{number} was put in service, or out of it, meanwhile")

    return before_sending(refuse_other)


async def is_gone(services: Services, row: Number) -> bool:
    """Whether the account that held it was asked, and does not hold it any more. The comparison of all sides tells that
    (`ghost`), and whom it served: once nothing is owed to it, as what is owed is about to change."""
    carrier = services.carriers.get(row.carrier or "")
    if carrier is None or unlisted_for(services, row.bought_at) > 0:
        return False
    await accounts.refuse_changed(services, carrier.name)
    if await carrier.lookup(E164(row.number)) is not None:
        return False
    release_number.refuse_elsewhere(row, carrier, await carrier.account_id())
    return True


async def is_led_nowhere(services: Services, row: Number) -> bool:
    """Whether its carrier, which would tell where it sends calls, sends them nowhere any more."""
    carrier = services.carriers.get(row.carrier or "")
    if carrier is None or not (carrier.capabilities.imported and carrier.capabilities.sells):
        return False
    owned = await carrier.lookup(E164(row.number))
    return owned is not None and owned.used_by is None


async def tidy(services: Services) -> None:
    """End cool-downs that are over, look for purchases that were carried out late, say how much is owed, and give
    back what was to be kept until now."""
    async with services.database.write() as session:
        await numbers.end_cool_downs(session)
        by_kind, overdue = await debts.counts(session)
    for kind in DebtKind:
        DEBTS.labels(kind.value).set(by_kind.get(kind, 0))
    OVERDUE_DEBTS.set(overdue)
    await look_for_late_ones(services)
    await release_number.release_due(services)
