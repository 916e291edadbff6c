"""What is done with an endpoint: added, changed, another secret, disabled, enabled, deleted."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter, Response

from trunkline.console.confirming import REASON, Question, once_of
from trunkline.console.page import Page, PageDep, one_of
from trunkline.console.permission import needs
from trunkline.console.routing import PageRoute
from trunkline.db import endpoints
from trunkline.db.models import Endpoint
from trunkline.domain.endpoints import EndpointFormat, EndpointStatus
from trunkline.domain.events import TOLD, EventType
from trunkline.domain.scopes import Scope
from trunkline.errors import Conflict, TrunklineError
from trunkline.workflows.manage_endpoints import (
    Change,
    change_endpoint,
    create_endpoint,
    delete_endpoint,
    renew_secret,
)

router = APIRouter(prefix="/console/endpoints", route_class=PageRoute, include_in_schema=False)
MAY = needs(Scope.ENDPOINTS_WRITE)


@router.get("/new", dependencies=MAY)
async def ask_new(page: PageDep) -> Response:
    return _new(page)


def _new(page: Page, problem: TrunklineError | None = None) -> Response:
    types = [(kind.value, told.words) for kind, told in TOLD.items()]
    return page.show_form("endpoints/new.html", problem, types=types, formats=list(EndpointFormat))


@router.post("/new", dependencies=MAY)
async def create(page: PageDep) -> Response:
    """The secret is shown by the answer to this very form, and nowhere else."""
    form = await page.form()
    try:
        url, types = form.get("url", ""), _types(form)
        how = one_of(EndpointFormat, form.get("format", EndpointFormat.JSON.value), "format")
        said = form.get("description")
        once = once_of(form, "console.createEndpoint", url=url, types=types, format=how, description=said)
        made = await create_endpoint(page.services, url, types, how, said, once)
        if made.secret is None:
            raise Conflict("this endpoint was added already, and its secret is shown once", hint="renew its secret")
    except TrunklineError as error:
        return _new(page, error)
    return page.show("endpoints/secret.html", endpoint_id=made.endpoint_id, secret=made.secret)


def _types(form: Mapping[str, str]) -> list[EventType]:
    return [kind for kind in EventType if kind in form]


async def _endpoint(page: Page, endpoint_id: str) -> Endpoint:
    async with page.services.database.read() as session:
        return await endpoints.get(session, endpoint_id)


async def _renewal(page: Page, endpoint_id: str) -> Question:
    row = await _endpoint(page, endpoint_id)
    says = (f"{row.url} gets another secret, which is shown once. For 24 hours both sign what is sent.",)
    back = f"/endpoints/{endpoint_id}"
    return Question("Renew the secret", says, "Renew it", back, ends=True, fields=(REASON,))


@router.get("/{endpoint_id}/rotate", dependencies=MAY)
async def ask_renewal(page: PageDep, endpoint_id: str) -> Response:
    return (await _renewal(page, endpoint_id)).show(page)


@router.post("/{endpoint_id}/rotate", dependencies=MAY)
async def renew(page: PageDep, endpoint_id: str) -> Response:
    row, secret = await renew_secret(page.services, endpoint_id)
    return page.show("endpoints/secret.html", endpoint_id=row.id, secret=secret)


async def _switch(page: Page, endpoint_id: str) -> Question:
    row = await _endpoint(page, endpoint_id)
    back = f"/endpoints/{endpoint_id}"
    if row.status == EndpointStatus.DISABLED:
        says = (f"{row.url} gets what has happened since it was disabled, as far as that is kept.",)
        return Question("Enable this endpoint", says, "Enable it", back, fields=(REASON,))
    says = (f"Nothing is sent to {row.url} until it is enabled; it gets then what has happened meanwhile.",)
    return Question("Disable this endpoint", says, "Disable it", back, ends=True, fields=(REASON,))


@router.get("/{endpoint_id}/switch", dependencies=MAY)
async def ask_switch(page: PageDep, endpoint_id: str) -> Response:
    return (await _switch(page, endpoint_id)).show(page)


@router.post("/{endpoint_id}/switch", dependencies=MAY)
async def switch(page: PageDep, endpoint_id: str) -> Response:
    """As the button said: what another person has switched meanwhile is not switched back."""
    question = await _switch(page, endpoint_id)

    async def act(form: dict[str, str]) -> str:
        said = form.get("button")
        if said != question.button:
            raise Conflict("somebody else has switched it meanwhile", hint="look at it below, and say it again")
        await change_endpoint(page.services, endpoint_id, Change(enabled=not question.ends))
        return f"/endpoints/{endpoint_id}"

    return await question.answer(page, act)


async def _deletion(page: Page, endpoint_id: str) -> Question:
    row = await _endpoint(page, endpoint_id)
    says = (f"Nothing is sent to {row.url} any more, and what waits for it is not sent.",)
    back = f"/endpoints/{endpoint_id}"
    return Question("Delete this endpoint", says, "Delete it", back, ends=True, fields=(REASON,))


@router.get("/{endpoint_id}/delete", dependencies=MAY)
async def ask_deletion(page: PageDep, endpoint_id: str) -> Response:
    return (await _deletion(page, endpoint_id)).show(page)


@router.post("/{endpoint_id}/delete", dependencies=MAY)
async def delete(page: PageDep, endpoint_id: str) -> Response:
    async def act(_: dict[str, str]) -> str:
        await delete_endpoint(page.services, endpoint_id)
        return "/endpoints"

    return await (await _deletion(page, endpoint_id)).answer(page, act)
