"""Coming in and going out."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from trunkline.console.entrance import Entrance
from trunkline.console.page import Page, PageDep
from trunkline.console.routing import COOKIE, OpenRoute, PageRoute, forget, keep
from trunkline.errors import Unauthorized
from trunkline.workflows.visit import let_in_operator, log_in, log_out

open_router = APIRouter(prefix="/console", route_class=OpenRoute, include_in_schema=False)
router = APIRouter(prefix="/console", route_class=PageRoute, include_in_schema=False)


def entrance_of(request: Request) -> Entrance:
    found: Entrance = request.app.state.entrance
    return found


@open_router.get("/login")
async def ask(page: PageDep) -> Response:
    return page.show_form("login.html")


@open_router.post("/login")
async def come_in(page: PageDep) -> Response:
    entrance, form = entrance_of(page.request), await page.form()
    address = page.address
    try:
        entrance.refuse_locked(address)
        token = await _try(page, entrance, address, form.get("credential"))
    except Unauthorized as error:
        return page.show("login.html", status=error.status, problem=error, given={"next": form.get("next", "")})
    return _in(page, token, form.get("next", ""))


@open_router.get("/enter/{link}")
async def come_in_by_link(page: PageDep, link: str) -> Response:
    try:
        entrance_of(page.request).use_link(link)
    except Unauthorized as error:
        return page.show("login.html", status=error.status, problem=error)
    return _in(page, await let_in_operator(page.services), "")


@router.post("/logout")
async def go_out(page: PageDep) -> Response:
    await log_out(page.services, page.request.cookies[COOKIE])
    response = page.go("/login")
    forget(page, response)
    return response


async def _try(page: Page, entrance: Entrance, address: str, credential: str | None) -> str:
    """A token; Unauthorized where it opens nothing."""
    if credential is None:
        raise Unauthorized("nothing was typed", hint="type X-Vapi-Secret or a key", field="credential")
    try:
        token = await log_in(page.services, credential)
    except Unauthorized:
        entrance.count_wrong(address)
        detail = "this opens nothing"
        raise Unauthorized(detail, hint="type X-Vapi-Secret or a key as it was shown", field="credential") from None
    entrance.forget(address)
    return token


def _in(page: Page, token: str, to: str) -> Response:
    """On to where he wanted to go, if that is one of our own pages."""
    response = page.go(to if to.startswith(("/", "?")) and not to.startswith("//") and to.isprintable() else "")
    keep(page, response, token)
    return response
