"""Budgets: what may be held and bought, for all, for a restaurant, and by a key."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Path, Query

from trunkline.api.dependencies import ServicesDep
from trunkline.api.described import budgets as described
from trunkline.api.paging import Listing, after_subject, cut
from trunkline.api.permission import needs
from trunkline.api.shapes.budgets import Budget, BudgetPage, LimitsBody, show_budget
from trunkline.db import budgets
from trunkline.domain.scopes import Scope
from trunkline.workflows.manage_budgets import read_budgets, remove_budget, set_budget, subject_of
from trunkline.workflows.services import Services

router = APIRouter(prefix="/api/budgets", tags=["budgets"])


async def subject(
    services: ServicesDep,
    budget: Annotated[
        str,
        Path(description="`all`, a key's id, or a restaurant's id, external_id or exact name", examples=["all"]),
    ],
) -> str:
    async with services.database.read() as session:
        return await subject_of(session, budget)


Subject = Annotated[str, Depends(subject)]


@router.get("", dependencies=needs(Scope.NUMBERS_READ), **described.LIST_BUDGETS)
async def list_all(services: ServicesDep, query: Annotated[Listing, Query()]) -> BudgetPage:
    rates = services.settings.budget_rates
    async with services.database.read() as session:
        found = await budgets.page(session, after=after_subject(query.cursor), limit=query.limit + 1)
        shown, cursor = cut(found, query.limit, lambda row: row.subject)
        items = [show_budget(one, name, rates) for one, name in await read_budgets(session, shown)]
    return BudgetPage(items=items, next_cursor=cursor)


@router.get("/{budget}", dependencies=needs(Scope.NUMBERS_READ), **described.GET_BUDGET)
async def read(services: ServicesDep, subject: Subject) -> Budget:
    return await _show(services, subject)


@router.put("/{budget}", dependencies=needs(Scope.KEYS_WRITE), **described.SET_BUDGET)
async def change(
    services: ServicesDep, subject: Subject, body: Annotated[LimitsBody, Body(openapi_examples=described.LIMITS)]
) -> Budget:
    await set_budget(services, subject, body.limits())
    return await _show(services, subject)


@router.delete("/{budget}", dependencies=needs(Scope.KEYS_WRITE), **described.REMOVE_BUDGET)
async def remove(services: ServicesDep, subject: Subject) -> Budget:
    was = await _show(services, subject)
    await remove_budget(services, subject)
    return was


async def _show(services: Services, subject: str) -> Budget:
    async with services.database.read() as session:
        ((found, name),) = await read_budgets(session, [await budgets.get(session, subject)])
    return show_budget(found, name, services.settings.budget_rates)
