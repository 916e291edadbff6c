"""Assignments: how each restaurant's number came, or why it did not."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.api.dependencies import KeyDep, PatienceDep, ServicesDep
from trunkline.api.described import ASSIGNMENT_ID
from trunkline.api.described import assignments as described
from trunkline.api.once import answer_once
from trunkline.api.paging import after_id, cut
from trunkline.api.permission import Identified, needs
from trunkline.api.shapes.assignments import Assignment, AssignmentPage, AssignmentQuery, show_assignment, show_summary
from trunkline.db import assignments
from trunkline.db.runs import ASSIGNMENTS
from trunkline.domain.outcomes import Status
from trunkline.domain.scopes import Scope
from trunkline.domain.wishes import PICKED
from trunkline.errors import NotFound
from trunkline.workflows.identify import not_allowed
from trunkline.workflows.manage_restaurant import retry_assignment
from trunkline.workflows.once import Once

router = APIRouter(prefix="/api/assignments", tags=["assignments"])
AssignmentId = Annotated[str, Path(description="the assignment's id", examples=[ASSIGNMENT_ID])]


@router.get("", dependencies=needs(Scope.RESTAURANTS_READ, own=True), **described.LIST_ASSIGNMENTS)
async def list_all(
    services: ServicesDep, identity: Identified, query: Annotated[AssignmentQuery, Query()]
) -> AssignmentPage:
    wanted = query.restaurant_id or identity.restaurant_id
    identity.may_read(wanted)
    async with services.database.read() as session:
        found = await assignments.page(
            session,
            before=after_id(query.cursor),
            limit=query.limit + 1,
            restaurant_id=wanted,
            status=query.status,
            reason=query.reason,
            since=query.since,
        )
    shown, cursor = cut(found, query.limit, lambda row: row.id)
    return AssignmentPage(items=[show_summary(row, identity) for row in shown], next_cursor=cursor)


@router.get("/{assignment_id}", dependencies=needs(Scope.RESTAURANTS_READ, own=True), **described.GET_ASSIGNMENT)
async def read(services: ServicesDep, identity: Identified, assignment_id: AssignmentId) -> Assignment:
    async with services.database.read() as session:
        try:
            row = await ASSIGNMENTS.get(session, assignment_id)
        except NotFound:
            if identity.is_operator:
                raise
            raise not_allowed() from None  # which ids exist is nobody else's business
        identity.may_read(row.restaurant_id)
        return await show_assignment(session, row, identity)


@router.post(
    "/{assignment_id}/retry",
    status_code=201,
    dependencies=needs(Scope.NUMBERS_BUY, own=True),
    **described.RETRY_ASSIGNMENT,
)
async def retry(
    services: ServicesDep,
    identity: Identified,
    assignment_id: AssignmentId,
    key: KeyDep,
    patience: PatienceDep,
    response: Response,
) -> Assignment:
    before = await read(services, identity, assignment_id)
    identity.may_pick(before.criteria.get(PICKED))
    once = Once.asked(key, "retryAssignment", assignment_id=assignment_id, **identity.seen())
    again = await retry_assignment(services, assignment_id, patience.left, once, names=identity.is_operator)
    row = await patience.end_of(again)
    running = row.status == Status.RUNNING
    response.headers["Location"] = f"/api/assignments/{again}"
    if patience.respond_async and running:
        response.headers["Preference-Applied"] = "respond-async"
        response.status_code = 202

    async def show(session: AsyncSession) -> Assignment:
        return await show_assignment(session, row, identity)

    return await answer_once(services, once, response, Assignment, show, final=not running)
