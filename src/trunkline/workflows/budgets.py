"""Budgets at work: the limits that bind a purchase, checked and reserved in the transaction that writes its intent."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db import batches, budgets, intents
from trunkline.db.models import BudgetRow
from trunkline.db.session import Database
from trunkline.domain.budgets import ALL, LEVELS, Budget, BudgetOf, Limit, SpendingLimits, Used
from trunkline.domain.choosing import Offer
from trunkline.domain.money import Rates
from trunkline.errors import BudgetExceeded
from trunkline.metrics import BUDGETS_USED
from trunkline.workflows.findings import Finding, ok, problem, warning

log = structlog.get_logger()
CHUNK = 500


class Spender(NamedTuple):
    """Whom a purchase is for, what it is a part of, and which API key it goes back to."""

    restaurant_id: str | None = None
    batch_id: str | None = None
    key_id: str | None = None


class Ledger:
    """Budgets, as they were read at one moment, and what is spent since. A purchase is checked against it where its
    intent is written; a plan or a quote, where nothing is."""

    def __init__(self, found: Iterable[Budget], rates: Rates) -> None:
        self.budgets = {budget.subject: budget for budget in found}
        self._rates = rates

    def refuse(self, spender: Spender, offer: Offer) -> None:
        """BudgetExceeded unless every budget that binds the spender allows the purchase."""
        for budget in self._binding(spender):
            budget.refuse(offer, self._rates)

    def add(self, spender: Spender, offer: Offer) -> None:
        for budget in self._binding(spender):
            budget.used.add(offer)

    def _binding(self, spender: Spender) -> list[Budget]:
        subjects = (spender.batch_id, ALL, spender.key_id, spender.restaurant_id)
        return [self.budgets[one] for one in subjects if one is not None and one in self.budgets]


async def read_ledger(session: AsyncSession, rates: Rates, spenders: Collection[Spender]) -> Ledger:
    """For purchases that are only thought of."""
    subjects = sorted({one for spender in spenders for one in (ALL, *spender) if one is not None})
    found: list[BudgetRow] = []
    for start in range(0, len(subjects), CHUNK):
        found += await budgets.of_subjects(session, subjects[start : start + CHUNK])
    return Ledger(await counted(session, found), rates)


async def counted(session: AsyncSession, rows: Sequence[BudgetRow]) -> list[Budget]:
    """Budgets with what counts against them now."""
    if not rows:
        return []
    used = await budgets.used(session, rows, await budgets.month_began(session))
    return [Budget(BudgetOf(row.kind), row.subject, budgets.limits_of(row), used[row.subject]) for row in rows]


async def reserve(session: AsyncSession, rates: Rates, spender: Spender, offer: Offer) -> None:
    """BudgetExceeded unless all that binds the spender allows the purchase whose intent this transaction is about to
    write: that is what reserves it, and what frees it once it comes to nothing. Of two purchases at once the second one
    counts the first: it waits for the batch, then for the budgets, and only then for what else it locks."""
    batch = await _batch_bounds(session, spender.batch_id)
    rows = await budgets.of_subjects(session, {ALL, *filter(None, (spender.key_id, spender.restaurant_id))}, lock=True)
    ledger = Ledger([*batch, *await counted(session, rows)], rates)
    ledger.refuse(spender, offer)
    ledger.add(spender, offer)
    for row in rows:
        await warn(session, row, ledger.budgets[row.subject], rates)


async def _batch_bounds(session: AsyncSession, batch_id: str | None) -> list[Budget]:
    """What a batch may spend: what was shown and said yes to."""
    if batch_id is None:
        return []
    limits = SpendingLimits.of_batch(await batches.request_of(session, batch_id))
    if not limits.given():
        return []
    await batches.hold(session, batch_id)
    used = Used()
    for intent in await intents.spent_in_batch(session, batch_id):
        used.hold(1, intent.monthly_price, intent.currency)
        used.buy(1, None, None)
    return [Budget(BudgetOf.BATCH, batch_id, limits, used)]


async def warn(session: AsyncSession, row: BudgetRow, budget: Budget, rates: Rates) -> None:
    """Say once a month for each limit that most of it is taken, and once that all is. The caller holds the row."""
    reached = {share.limit: share.level for share in budget.shares(rates) if share.level is not None}
    if reached:
        month = await budgets.month_began(session)
        for limit, level in reached.items():
            if budgets.tell(session, row, limit, month, level):
                log.warning("budget used", budget=row.subject, limit=limit.value, percent=level)


async def tell_refused(database: Database, error: BudgetExceeded) -> None:
    """A limit has refused a purchase: all that is left of it is less than a number takes."""
    if error.budget is None or error.limit is None:
        return
    async with database.write() as session:
        rows = await budgets.of_subjects(session, [error.budget], lock=True)
        month = await budgets.month_began(session)
        for row in rows:
            if budgets.tell(session, row, Limit(error.limit), month, LEVELS[-1]):
                log.warning(
                    "budget used", budget=row.subject, limit=error.limit, percent=LEVELS[-1], refused=error.detail
                )


# --- how much is taken -----------------------------------------------------------------------------------------------


async def read_all(database: Database) -> list[Budget]:
    """Every budget, with what counts against it now."""
    async with database.read() as session:
        rows = await budgets.page(session)
        return [
            budget
            for start in range(0, len(rows), CHUNK)
            for budget in await counted(session, rows[start : start + CHUNK])
        ]


def measure(found: Iterable[Budget], rates: Rates) -> None:
    """How much of the fullest budget of each kind is taken, by limit; one that cannot be counted is full."""
    taken: dict[tuple[str, str], float] = {}
    for budget in found:
        for share in budget.shares(rates):
            key = (budget.of.value, share.limit.value)
            taken[key] = max(taken.get(key, 0.0), 1.0 if share.percent is None else float(share.percent) / 100)
    BUDGETS_USED.clear()
    for labels, ratio in taken.items():
        BUDGETS_USED.labels(*labels).set(ratio)


def diagnose_budgets(found: Iterable[Budget], rates: Rates) -> list[Finding]:
    """Those of which most is taken, or that cannot be counted; all is well where nothing is limited."""
    findings, count = [], 0
    for budget in found:
        count += 1
        mend = f"trunkline budgets set {budget.subject}"
        for share in budget.shares(rates):
            if share.percent is None:
                text = (
                    f"{budget.subject}: {share.limit} cannot be counted in {budget.limits.currency}: nothing is bought"
                )
                findings.append(problem("budgets", text, "set BUDGET_RATES"))
            elif share.level is not None:
                text = f"{budget.subject}: {share.percent:.0f} % of {share.limit} {share.most.normalize():f} are taken"
                findings.append(warning("budgets", text, f"raise it in time: {mend}"))
    return findings or [ok("budgets", f"{count} set, none nearly taken" if count else "nothing is limited")]
