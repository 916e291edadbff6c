"""What is still owed to carriers and to Vapi."""

from __future__ import annotations

from fastapi import APIRouter, Response

from trunkline.console.page import PageDep
from trunkline.console.permission import needs
from trunkline.console.routing import PageRoute
from trunkline.db import debts
from trunkline.domain.cursors import after_id, cut
from trunkline.domain.scopes import Scope
from trunkline.domain.states import OWED

router = APIRouter(prefix="/console/debts", route_class=PageRoute, include_in_schema=False)
LIMIT = 50


@router.get("", dependencies=needs(Scope.NUMBERS_READ))
async def list_all(page: PageDep) -> Response:
    async with page.services.database.read() as session:
        found = await debts.open_debts(session, after=after_id(page.query("cursor")), limit=LIMIT + 1)
    shown, cursor = cut(found, LIMIT, lambda row: row.id)
    return page.show("debts.html", rows=shown, cursor=cursor, words=OWED)
