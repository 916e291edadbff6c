"""Assignments: how each restaurant's number came, or why it did not."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response

from trunkline.api import answers, examples
from trunkline.api.dependencies import PatienceDep, Reader, ServicesDep, operator
from trunkline.api.identity import Caller, not_allowed
from trunkline.api.paging import after_id, cut
from trunkline.api.problems import documented
from trunkline.api.schemas import Assignment, AssignmentPage, AssignmentQuery
from trunkline.db import assignments
from trunkline.db.runs import ASSIGNMENTS
from trunkline.errors import NotFound
from trunkline.workflows.manage_restaurant import retry_assignment

router = APIRouter(prefix="/api/assignments", tags=["assignments"])
AssignmentId = Annotated[str, Path(description="the assignment's id", examples=[examples.ASSIGNMENT_ID])]


@router.get(
    "",
    operation_id="listAssignments",
    summary="List assignments",
    description="Newest first. A restaurant's key sees its own.",
    responses={
        200: examples.answered("A page.", page=("The last page", examples.ASSIGNMENT_PAGE)),
        **documented(*examples.REFUSED, examples.BAD_CURSOR),
    },
)
async def list_all(services: ServicesDep, caller: Reader, query: Annotated[AssignmentQuery, Query()]) -> AssignmentPage:
    wanted = query.restaurant_id or caller.restaurant_id
    caller.may_read(wanted)
    async with services.database.read() as session:
        found = await assignments.page(
            session,
            before=after_id(query.cursor),
            limit=query.limit + 1,
            restaurant_id=wanted,
            status=query.status,
        )
    shown, cursor = cut(found, query.limit, lambda row: row.id)
    return AssignmentPage(items=[answers.assignment_summary(row) for row in shown], next_cursor=cursor)


@router.get(
    "/{assignment_id}",
    operation_id="getAssignment",
    summary="Read an assignment",
    description="With its steps; ask again while its status is `running`.",
    responses={
        200: examples.answered(
            "The assignment.",
            assigned=("It has ended with a number", examples.ASSIGNMENT),
            running=("It goes on", examples.ASSIGNMENT_RUNNING),
            unassigned=("It has ended without", examples.ASSIGNMENT_UNASSIGNED),
        ),
        **documented(*examples.REFUSED, examples.NO_ASSIGNMENT),
    },
)
async def read(services: ServicesDep, caller: Reader, assignment_id: AssignmentId) -> Assignment:
    async with services.database.read() as session:
        try:
            row = await ASSIGNMENTS.get(session, assignment_id)
        except NotFound:
            if caller.is_operator:
                raise
            raise not_allowed() from None  # which ids exist is nobody else's business
        caller.may_read(row.restaurant_id)
        return await answers.assignment(session, row, caller)


@router.post(
    "/{assignment_id}/retry",
    operation_id="retryAssignment",
    summary="Ask again for what an assignment asked for",
    description="Starts a new assignment with the same wish, and waits as `assignPhone` does.",
    status_code=201,
    dependencies=[Depends(operator)],
    responses={
        201: examples.answered(
            "The new assignment has ended, or goes on.",
            assigned=("It has ended with a number", examples.ASSIGNMENT),
            headers={"Location": examples.LOCATION},
        ),
        202: examples.answered(
            "The new assignment has just begun.",
            model=Assignment,
            running=("Asked not to wait", examples.ASSIGNMENT_RUNNING),
            headers={"Location": examples.LOCATION, "Preference-Applied": examples.ASYNC_HEADERS["Preference-Applied"]},
        ),
        **documented(*examples.REFUSED, examples.NO_ASSIGNMENT, examples.RUNNING, examples.HAS_NUMBER),
    },
)
async def retry(
    services: ServicesDep, assignment_id: AssignmentId, patience: PatienceDep, response: Response
) -> Assignment:
    again = await retry_assignment(services, assignment_id, patience.left)
    row = await patience.end_of(again)
    response.headers["Location"] = f"/api/assignments/{again}"
    if patience.respond_async and row.status == "running":
        response.headers["Preference-Applied"] = "respond-async"
        response.status_code = 202
    async with services.database.read() as session:
        return await answers.assignment(session, row, Caller())
