"""Budgets as people set them: for all, for one restaurant, or for one key."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db import budgets, keys, restaurants
from trunkline.db.models import BudgetRow, Key
from trunkline.domain.budgets import ALL, Budget, BudgetOf, SpendingLimits
from trunkline.domain.money import Rates, converted
from trunkline.domain.notes import RestaurantChange
from trunkline.domain.scopes import Scope
from trunkline.errors import Conflict, InvalidInput
from trunkline.workflows.budgets import counted, warn
from trunkline.workflows.services import Services

KEY_IDS = "key_"


async def subject_of(session: AsyncSession, named: str) -> str:
    """`all`, a key by its id, or the restaurant that is named by its id, external_id or exact name."""
    return named if kind_of(named) is not BudgetOf.RESTAURANT else await restaurants.id_of(session, named)


def kind_of(subject: str) -> BudgetOf:
    if subject == ALL:
        return BudgetOf.ALL
    return BudgetOf.KEY if subject.startswith(KEY_IDS) else BudgetOf.RESTAURANT


async def read_budgets(session: AsyncSession, rows: Sequence[BudgetRow]) -> list[tuple[Budget, str | None]]:
    """Budgets with what counts against them now, and the name of whose each is."""
    names = await restaurants.names(session, [row.subject for row in rows if row.kind == BudgetOf.RESTAURANT])
    names |= await keys.names(session, [row.subject for row in rows if row.kind == BudgetOf.KEY])
    return [(budget, names.get(budget.subject)) for budget in await counted(session, rows)]


async def set_budget(services: Services, subject: str, limits: SpendingLimits) -> None:
    """These limits and no others, from the next purchase on; also where more is held already, of which nothing is given
    back. InvalidInput names the field at fault."""
    async with services.database.write() as session:
        await keep_budget(session, services.settings.budget_rates, subject, limits)


async def keep_budget(session: AsyncSession, rates: Rates, subject: str, limits: SpendingLimits) -> None:
    """The same, in a transaction of the caller's that has locked nothing yet."""
    row = await budgets.keep(session, kind_of(subject), subject, limits)
    if row.kind == BudgetOf.RESTAURANT:
        await restaurants.get(session, subject)
    elif row.kind == BudgetOf.KEY:
        refuse_raising(await keys.get(session, subject))
    (budget,) = await counted(session, [row])
    if limits.currency is not None:
        known = {*budget.used.monthly, *budget.used.spending, *await budgets.currencies(session)}
        refuse_strange(limits.currency, known, rates)
    await warn(session, row, budget, rates)


async def change_budget(session: AsyncSession, rates: Rates, restaurant_id: str, change: RestaurantChange) -> None:
    """What a change of a restaurant says of its budget."""
    if change.limits is not None:
        await keep_budget(session, rates, restaurant_id, change.limits)
    elif change.no_limits:
        await budgets.drop(session, restaurant_id)


def refuse_raising(key: Key) -> None:
    """Conflict for a key that could give itself a higher budget, or another key without one."""
    if Scope.KEYS_WRITE in key.scopes:
        hint = f"give it to a key without {Scope.KEYS_WRITE}: trunkline keys create"
        raise Conflict(f"{key.id} may raise budgets and make keys: one of its own would not bind it", hint=hint)


def refuse_strange(currency: str, known: set[str], rates: Rates) -> None:
    """InvalidInput unless what numbers cost now can be counted in this currency: nothing could be bought."""
    for of in sorted(known):
        if converted(Decimal(1), of, currency, rates) is None:
            raise InvalidInput(
                f"numbers are paid for in {of}, and nothing says what {of} is worth in {currency}",
                field="currency",
                hint=f"write the limits in {of}, or set BUDGET_RATES: what one of each is worth in USD",
            )


async def remove_budget(services: Services, subject: str) -> None:
    """NotFound where it has none."""
    async with services.database.write() as session:
        if not await budgets.drop(session, subject):
            raise budgets.no_budget(subject)
