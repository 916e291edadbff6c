"""What is still owed to carriers and to Vapi."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from trunkline.api import answers, examples
from trunkline.api.dependencies import ServicesDep, operator
from trunkline.api.paging import Listing, after_id, cut
from trunkline.api.problems import documented
from trunkline.api.schemas import DebtPage
from trunkline.db import debts

router = APIRouter(prefix="/api/debts", tags=["debts"])


@router.get(
    "",
    operation_id="listDebts",
    summary="List what is owed",
    description="Oldest first. Each is worked off by itself, and stays here until it is settled.",
    dependencies=[Depends(operator)],
    responses={
        200: examples.answered("A page.", page=("One number waits for Vapi", examples.DEBT_PAGE)),
        **documented(*examples.REFUSED, examples.BAD_CURSOR),
    },
)
async def list_all(services: ServicesDep, query: Annotated[Listing, Query()]) -> DebtPage:
    async with services.database.read() as session:
        found = await debts.open_debts(session, after=after_id(query.cursor), limit=query.limit + 1)
    shown, cursor = cut(found, query.limit, lambda row: row.id)
    return DebtPage(items=[answers.debt(row) for row in shown], next_cursor=cursor)
