"""What each page asks of its visitor: the scope that stands beside it."""

from __future__ import annotations

from typing import Any

from fastapi import Depends

from trunkline.console.page import PageDep
from trunkline.domain.scopes import Scope
from trunkline.workflows.identify import not_allowed


def needs(scope: Scope, *, own: bool = False) -> list[Any]:
    """The `dependencies` of a page; `own` where a restaurant's key may come, too, as it is shown nothing of others."""

    async def check(page: PageDep) -> None:
        page.visitor.needs(scope)
        if not own and not page.visitor.is_operator:
            raise not_allowed()

    return [Depends(check)]
