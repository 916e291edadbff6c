"""What is still owed to carriers and to Vapi."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from trunkline.api.dependencies import ServicesDep
from trunkline.api.described import debts as described
from trunkline.api.paging import after_id, cut
from trunkline.api.permission import needs
from trunkline.api.shapes.debts import DebtPage, DebtQuery, show_debt
from trunkline.db import debts
from trunkline.domain.scopes import Scope

router = APIRouter(prefix="/api/debts", tags=["debts"])


@router.get("", dependencies=needs(Scope.NUMBERS_READ), **described.LIST_DEBTS)
async def list_all(services: ServicesDep, query: Annotated[DebtQuery, Query()]) -> DebtPage:
    async with services.database.read() as session:
        found = await debts.open_debts(
            session, after=after_id(query.cursor), limit=query.limit + 1, kind=query.kind, provider=query.provider
        )
    shown, cursor = cut(found, query.limit, lambda row: row.id)
    return DebtPage(items=[show_debt(row) for row in shown], next_cursor=cursor)
