"""Around every page: who visits, what the browser may do, forms that nobody else has made, and errors as pages."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Coroutine
from typing import Any

import structlog
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse

from trunkline.console.page import HOME, Page
from trunkline.domain.acting import acting_as
from trunkline.errors import Forbidden, InvalidInput, TrunklineError, Unauthorized
from trunkline.workflows.failures import explain_failure
from trunkline.workflows.visit import LASTS, go_on

log = structlog.get_logger()
COOKIE = "trunkline_visit"
Handler = Callable[[Request], Coroutine[Any, Any, Response]]
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'nonce-{nonce}'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types htmx",
    )
)


class OpenRoute(APIRoute):
    """A page for everybody."""

    def get_route_handler(self) -> Handler:
        handler = super().get_route_handler()

        async def answer(request: Request) -> Response:
            page = Page(request, secrets.token_urlsafe(16))
            request.state.page = page
            try:
                token = await self.admit(page)
                with acting_as(await page.acting()):
                    response = await handler(request)
                if token is not None:
                    keep(page, response, token)
            except Exception as error:
                response = refuse(page, error)
            return protect(page, response)

        return answer

    async def admit(self, page: Page) -> str | None:
        """The token that is to be kept from now on, where there is a new one."""
        refuse_others_forms(page)
        return None


class PageRoute(OpenRoute):
    """A page for who is logged in."""

    async def admit(self, page: Page) -> str | None:
        token = page.request.cookies.get(COOKIE)
        going = await go_on(page.services, token) if token else None
        if going is None:
            raise Unauthorized("nobody is logged in", hint="log in")
        page.enter(going)
        if going.identity.key_id is not None:
            page.services.key_uses.note(going.identity.key_id, page.address)
        refuse_others_forms(page)
        if page.request.method == "POST":
            sealed = (await page.form()).get("seal", "")
            if not hmac.compare_digest(sealed.encode(), going.seal.encode()):
                raise Forbidden("this form is not one of this visit", hint="open the page again and send it from there")
        return going.token if going.token != token else None


def refuse_others_forms(page: Page) -> None:
    """Browsers say from where a form was sent; ours are sent from our own pages. Other programs say nothing."""
    if page.request.method == "POST" and page.request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        raise Forbidden("this form was sent from another site", hint="open the page here and send it from there")


def keep(page: Page, response: Response, token: str) -> None:
    """Let the browser keep the token: for the console alone, out of reach of scripts and other sites."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(LASTS.total_seconds()),
        path=page.at,
        secure=page.is_secure,
        httponly=True,
        samesite="strict",
    )


def forget(page: Page, response: Response) -> None:
    response.delete_cookie(COOKIE, path=page.at, secure=page.is_secure, httponly=True, samesite="strict")


def protect(page: Page, response: Response) -> Response:
    """What the browser may do with the page, and that it keeps no copy."""
    response.headers["Content-Security-Policy"] = POLICY.format(nonce=page.nonce)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def refuse(page: Page, error: Exception) -> Response:
    """The error as a page that says what to do; who is not logged in is asked to, and comes back to where he was."""
    if isinstance(error, Unauthorized) and page.identity is None:
        if page.is_stream:
            return Response(status_code=error.status)
        if page.is_piece:
            return Response(headers={"HX-Redirect": f"{page.at}/login"})
        return RedirectResponse(f"{HOME}/login{page.way_back}", status_code=303)
    return page.show("error.html", status=(told := as_told(error)).status, problem=told)


def as_told(error: Exception) -> TrunklineError:
    if isinstance(error, TrunklineError):
        if error.status >= 500:
            log.warning("request failed", code=error.code, reason=error.detail)
        return error
    if isinstance(error, RequestValidationError):
        place = ".".join(str(part) for part in error.errors()[0]["loc"][1:])
        return InvalidInput(f"{place} cannot be so", field=place, hint="open the page from its list")
    if isinstance(error, HTTPException):
        return InvalidInput(str(error.detail))
    return explain_failure(error)
