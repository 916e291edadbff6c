"""The HTTP application over running services."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from trunkline import __version__
from trunkline.api import (
    accounts,
    adopting,
    applies,
    assignments,
    batches,
    budgets,
    bulk,
    callers,
    calls,
    costs,
    debts,
    doctor,
    endpoints,
    erasures,
    events,
    health,
    holds,
    identity,
    keys,
    moves,
    numbers,
    phone_mappings,
    reconcile,
    reference,
    repoints,
    restaurants,
    stock,
    webhook,
)
from trunkline.api.described import documented
from trunkline.api.described.events import webhooks
from trunkline.api.middleware import Edge
from trunkline.api.placement import place
from trunkline.api.problems import Problem, install
from trunkline.api.shapes.events import EventMessage
from trunkline.api.stopping import Stopping
from trunkline.api.watching import Watching
from trunkline.api.webhook import PATHS as WEBHOOK_PATHS
from trunkline.api.webhook import Webhook, WebhookFirst, traced
from trunkline.bootstrap import running_services
from trunkline.errors import TrunklineError
from trunkline.routing.service import running_router
from trunkline.settings import Settings

ROUTERS = (
    restaurants.router,
    bulk.router,
    callers.router,
    assignments.router,
    batches.router,
    budgets.router,
    stock.router,
    numbers.router,
    holds.router,
    moves.router,
    repoints.router,
    applies.router,
    reconcile.router,
    accounts.router,
    adopting.router,
    phone_mappings.router,
    calls.router,
    erasures.router,
    events.router,
    endpoints.router,
    webhook.router,
    debts.router,
    costs.router,
    doctor.router,
    keys.router,
    identity.router,
    health.router,
)
DESCRIPTION = """Gives every restaurant on a multi-tenant voice assistant its own phone number.

Every error is `application/problem+json`; read its `code`. Lists are paged: pass `next_cursor` as `cursor` until it is
null. Times are UTC, money is text with its currency, numbers are E.164. `X-Request-ID` is taken over if you send one,
and finds the request in the log.
On a sandbox each answer has `X-Trunkline-Sandbox: true`, and to a POST `sandbox: true`."""
TAGS = [
    {"name": "restaurants", "description": "The tenants, each with its number."},
    {"name": "assignments", "description": "The durable runs in which restaurants get their numbers."},
    {"name": "batches", "description": "Numbers for many restaurants at once."},
    {"name": "numbers", "description": "What we hold, what is for sale, and giving a number up."},
    {"name": "reconcile", "description": "Whether carriers, Vapi and our tables say the same, and what would mend it."},
    {"name": "calls", "description": "What happens when the phone rings."},
    {"name": "costs", "description": "What the numbers cost, and for whom."},
    {"name": "debts", "description": "What is still owed to carriers and Vapi."},
    {"name": "keys", "description": "Who may do what."},
    {"name": "events", "description": "What happened, by whom, and why."},
    {"name": "health", "description": "For load balancers and monitoring."},
]
OURS = documented(TrunklineError("an error of ours", hint="the log has it under request_id"))


class Application(WebhookFirst):
    """`prefix` is where a proxy says that the server lies."""

    prefix = ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"] not in WEBHOOK_PATHS:
            place(scope, self.prefix)
        await super().__call__(scope, receive, send)


def create_app(settings: Settings) -> FastAPI:
    """The application; its services start and end with it."""

    stopping = Stopping(settings.shutdown_seconds)

    @asynccontextmanager
    async def lifespan(app: Application) -> AsyncIterator[None]:
        async with running_services(settings, lambda: stopping.left) as services, running_router(services) as router:
            app.state.services = services
            app.state.watching = Watching(services)
            app.state.router = router
            webhook = Webhook(settings, router)
            app.webhook = traced(webhook) if settings.trace_calls else webhook
            yield

    app = Application(
        title="Trunkline",
        version=__version__,
        description=DESCRIPTION,
        openapi_tags=TAGS,
        openapi_url=None,  # it is put together beside the loop, see `reference.py`
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # they tell paths, and whose number is in them
    )
    app.state.stopping = stopping
    app.prefix = settings.prefix
    app.add_middleware(Edge)
    install(app)
    for router in (*ROUTERS, reference.router):
        app.router.routes.extend(router.routes)  # the framework's way of including builds each route a second time
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]
    return app


def _document(app: FastAPI) -> dict[str, Any]:
    """The framework's document, with the problem that every refusal is, and with the nulls of its examples."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            tags=app.openapi_tags,
            routes=app.routes,
        )
        schemas = document["components"]["schemas"]
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        message = EventMessage.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
        schemas |= problem.pop("$defs") | {"Problem": problem} | message.pop("$defs") | {"EventMessage": message}
        document["webhooks"] = webhooks()
        for route in (route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)):
            for method in route.methods or ():
                _mend(document["paths"][route.path_format][method.lower()]["responses"], route.responses)
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        app.openapi_schema = document
    return app.openapi_schema


def _mend(shown: dict[str, Any], responses: dict[int | str, dict[str, Any]]) -> None:
    """Every operation may fail by an error of ours. The framework drops nulls from examples, adds a 422 of its own to
    operations that have none, and describes streams of events with a word of OpenAPI 3.2."""
    shown |= {str(status): answer for status, answer in OURS.items()}
    for response in shown.values():
        for content in response.get("content", {}).values():
            content.pop("itemSchema", None)
    if 422 not in responses:
        shown.pop("422", None)
    for status, response in responses.items():
        for media, content in response.get("content", {}).items():
            shown[str(status)]["content"][media] |= {k: v for k, v in content.items() if k == "examples"}
