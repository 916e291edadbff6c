"""A page that is asked for: who asks, and the ways to answer."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import parse_qs, quote, urlencode

import structlog
from fastapi import Depends, Request
from fastapi.responses import HTMLResponse
from starlette.requests import ClientDisconnect
from starlette.responses import RedirectResponse

from trunkline.console.rendering import templates
from trunkline.console.static import ADDRESS
from trunkline.domain.acting import Acting, ActorKind, acting
from trunkline.domain.ids import new_id
from trunkline.domain.numbers import E164, parse_number
from trunkline.domain.scopes import Scope
from trunkline.errors import InvalidInput, TrunklineError
from trunkline.workflows.identify import Identity
from trunkline.workflows.services import Services
from trunkline.workflows.visit import Going

HOME = "/console"
NAVIGATION = (
    ("", "Today", Scope.NUMBERS_READ),
    ("/restaurants", "Restaurants", Scope.RESTAURANTS_READ),
    ("/numbers", "Numbers", Scope.NUMBERS_READ),
    ("/buy", "Search and buy", Scope.NUMBERS_READ),
    ("/batches", "Batches", Scope.NUMBERS_READ),
    ("/calls", "Calls", Scope.CALLS_READ),
    ("/reconcile", "Reconcile", Scope.NUMBERS_READ),
    ("/costs", "Costs", Scope.NUMBERS_READ),
    ("/budgets", "Budgets", Scope.NUMBERS_READ),
    ("/debts", "Owed", Scope.NUMBERS_READ),
    ("/events", "Events", Scope.EVENTS_READ),
    ("/endpoints", "Endpoints", Scope.ENDPOINTS_WRITE),
    ("/keys", "Keys", Scope.KEYS_WRITE),
    ("/settings", "Settings", Scope.METRICS_READ),
)


class Given(dict[str, str]):
    """What was typed: nothing, where nothing was."""

    def __missing__(self, name: str) -> str:
        return ""


class Page:
    """One request for a page. `at` is where the console lies for the browser, `identity` who is logged in."""

    def __init__(self, request: Request, nonce: str) -> None:
        self.request, self.nonce = request, nonce
        self.services: Services = request.app.state.services
        self.at = request.scope.get("root_path", "") + HOME
        self.identity: Identity | None = None
        self.seal = ""
        self._form: dict[str, str] | None = None

    def enter(self, going: Going) -> None:
        self.identity, self.seal = going.identity, going.seal

    @property
    def visitor(self) -> Identity:
        assert self.identity is not None  # a route for who is logged in
        return self.identity

    def may(self, scope: str) -> bool:
        """Whether the visitor may do that for all restaurants, so that it is offered to him."""
        return self.identity is not None and self.identity.is_operator and scope in self.identity.scopes

    @property
    def navigation(self) -> list[tuple[str, str]]:
        """Path and name of what this visitor may see."""
        return [(path, name) for path, name, scope in NAVIGATION if self.may(scope)]

    async def acting(self) -> Acting:
        """Who acts in what the page does: a person, with what he came in with, and the reason that he gave."""
        if self.identity is None:
            return acting()
        who, form = self.identity.acting, await self.form() if self.request.method == "POST" else {}
        request_id = structlog.contextvars.get_contextvars().get("request_id")
        return replace(who, kind=ActorKind.CONSOLE, reason=form.get("reason"), request_id=request_id)

    @property
    def address(self) -> str:
        """Of who asks."""
        return self.request.client.host if self.request.client else ""

    @property
    def is_secure(self) -> bool:
        """Whether the browser came by https, also to a proxy before us."""
        return "https" in (self.request.url.scheme, self.request.headers.get("x-forwarded-proto"))

    @property
    def is_piece(self) -> bool:
        """Whether a page's script asks for a part of it."""
        return self.request.headers.get("hx-request") is not None

    @property
    def is_stream(self) -> bool:
        """Whether a page's script asks to be told of what happens."""
        return self.path.startswith("/live")

    @property
    def path(self) -> str:
        """Below the console."""
        return str(self.request.scope["path"]).removeprefix(self.at)

    @property
    def way_back(self) -> str:
        """For the log-in page: where to go on."""
        asked = self.path + (f"?{self.request.url.query}" if self.request.url.query else "")
        return f"?{urlencode({'next': asked})}" if asked and self.request.method == "GET" else ""

    def query(self, name: str) -> str | None:
        """What the address says, None for nothing."""
        return self.request.query_params.get(name, "").strip() or None

    def choice(self, name: str, known: type[StrEnum]) -> Any:
        """The same as a member of an enum; InvalidInput for what is none."""
        said = self.query(name)
        return None if said is None else one_of(known, said, name)

    def here(self, at: str | None = None, **changes: Any) -> str:
        """This page's address, or that of another one for what this one shows, with other parameters; None takes one
        off, and so it does the place in a list."""
        kept = {k: v for k, v in self.request.query_params.multi_items() if v and k != "cursor"}
        told = {k: v for k, v in (kept | changes).items() if v is not None}
        return f"{self.at}{self.path if at is None else at}" + (f"?{urlencode(told)}" if told else "")

    async def form(self) -> dict[str, str]:
        """What was typed, without spaces around it; an empty field is left out. InvalidInput where the browser has
        gone away before it was all there, as with the first of two clicks."""
        if self._form is None:
            try:
                body = (await self.request.body()).decode("utf-8", "replace")
            except ClientDisconnect:
                raise InvalidInput("the form did not come to its end", hint="send it again") from None
            typed = {name: values[0].strip() for name, values in parse_qs(body).items()}
            self._form = {name: value for name, value in typed.items() if value}
        return self._form

    def show(self, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        """A page, or a piece of one."""
        common = {
            "page": self,
            "at": self.at,
            "nonce": self.nonce,
            "seal": self.seal,
            "static": f"{self.at}/static/{ADDRESS}",
            "navigation": self.navigation,
            "sandbox": self.services.settings.sandbox,
            "problem": None,
            "given": {},
        }
        told = common | values
        told["given"] = Given(told["given"])
        return HTMLResponse(templates().get_template(template).render(told), status)

    def show_form(self, template: str, problem: TrunklineError | None = None, **values: Any) -> HTMLResponse:
        """A form: with a new idempotency key, or as it was sent, with why it was refused."""
        given = self._form or {name: value for name, value in self.request.query_params.items() if value}
        key = given.get("key") or new_id("con")
        status = problem.status if problem else 200
        return self.show(template, status=status, problem=problem, given=given, key=key, **values)

    def go(self, path: str) -> RedirectResponse:
        """On to another page of the console."""
        return RedirectResponse(quote(HOME + path, safe="/?=&%+"), status_code=303)

    def number(self, text: str) -> E164:
        return parse_number(text, self.services.settings.default_country)


def one_of(known: type[StrEnum], said: str, field: str) -> Any:
    try:
        return known(said)
    except ValueError:
        raise InvalidInput(f"{said!r} is not known", field=field, hint=f"known are: {', '.join(known)}") from None


async def page(request: Request) -> Page:
    found: Page = request.state.page
    return found


PageDep = Annotated[Page, Depends(page)]
