"""Every error as problem+json (RFC 9457), with the codes of the error tree and nothing else."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match

from trunkline.errors import (
    InvalidInput,
    MalformedRequest,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    PlanChanged,
    RetryLater,
    TooManyRequests,
    TrunklineError,
    Unauthorized,
)
from trunkline.workflows.failures import explain_failure

log = structlog.get_logger()
MEDIA_TYPE = "application/problem+json"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
BY_STATUS: dict[int, type[TrunklineError]] = {
    404: NotFound,
    405: MethodNotAllowed,
    413: PayloadTooLarge,
}


class FieldError(BaseModel):
    """One input at fault."""

    field: str
    detail: str
    hint: str | None = None


class Problem(BaseModel):
    """Why a request was refused, and what to do about it. Read `code`: it never changes its meaning."""

    type: str = Field(description="a URN of the code")
    title: str
    status: int
    detail: str = Field(description="one sentence for a person")
    code: str
    hint: str | None = Field(default=None, description="what to do next")
    field: str | None = Field(default=None, description="the input at fault")
    errors: list[FieldError] | None = Field(default=None, description="every input at fault")
    differences: list[str] | None = Field(
        default=None, description="of a plan that has changed: a line for each change more (+) or less (-)"
    )
    request_id: str | None = Field(default=None, description="finds the request in the log; also in X-Request-ID")


def problem(error: TrunklineError, *, errors: Sequence[FieldError] = (), status: int | None = None) -> Problem:
    code = error.code
    if error.field and not errors:
        errors = [FieldError(field=error.field, detail=error.detail, hint=error.hint)]
    return Problem(
        type=f"urn:trunkline:problem:{code}",
        title=code.replace("_", " ").capitalize(),
        status=status or error.status,
        detail=error.detail,
        code=code,
        hint=error.hint,
        field=error.field,
        errors=list(errors) or None,
        differences=list(error.differences) if isinstance(error, PlanChanged) else None,
        request_id=structlog.contextvars.get_contextvars().get("request_id"),
    )


def respond(
    error: TrunklineError,
    *,
    errors: Sequence[FieldError] = (),
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """The answer for an error: its own status, unless HTTP itself named another."""
    sent = dict(headers or {})
    if isinstance(error, Unauthorized):
        sent["WWW-Authenticate"] = 'Bearer realm="trunkline"'
    if isinstance(error, RetryLater | TooManyRequests) and error.retry_after is not None:
        sent["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    body = problem(error, errors=errors, status=status)
    return JSONResponse(body.model_dump(exclude_none=True), body.status, sent, MEDIA_TYPE)


def unexpected(error: Exception) -> JSONResponse:
    """An error of ours, or a database that is away."""
    return respond(explain_failure(error))


# --- from the framework's errors to ours -----------------------------------------------------------------------------

WORDS: dict[str, tuple[str, str | None]] = {
    "missing": ("is missing", "add it"),
    "extra_forbidden": ("is not known", "leave it out, or check its spelling"),
    "string_type": ("must be text", "write it in quotes"),
    "bool_type": ("must be true or false", None),
    "bool_parsing": ("must be true or false", None),
    "int_parsing": ("must be a whole number", None),
    "unseen": (
        "has characters that cannot be seen",
        "leave out line breaks and control characters",
    ),
    "shows_nothing": ("shows nothing", "write something that can be read"),
}
OF_THE_BODY: tuple[str, str | None] = ("must be a JSON object", "send an object, with Content-Type: application/json")


def field_errors(error: RequestValidationError) -> list[FieldError]:
    """The framework's findings in our words; where it is the body as a whole, the field is `body`."""
    return [_in_words(item) for item in error.errors()]


def _in_words(item: dict[str, Any]) -> FieldError:
    place, *path = map(str, item["loc"])
    whole_body = place == "body" and not path
    detail, hint = OF_THE_BODY if whole_body else WORDS.get(item["type"], (_lower(item["msg"]), None))
    return FieldError(field=".".join(path) or place, detail=detail, hint=hint)


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]


async def on_trunkline_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, TrunklineError)
    if error.status >= 500:
        log.warning("request failed", code=error.code, reason=error.detail)
    return respond(error)


async def on_invalid_request(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    if any(item["type"] == "json_invalid" for item in error.errors()):
        return respond(MalformedRequest("the body is not JSON", hint="check quotes and commas"))
    errors = field_errors(error)
    summary = "; ".join(f"{e.field} {e.detail}" for e in errors)
    return respond(InvalidInput(summary, field=errors[0].field, hint=errors[0].hint), errors=errors)


async def on_http_error(request: Request, error: Exception) -> JSONResponse:
    """What the framework itself refuses: no such path, another method, an unreadable body."""
    assert isinstance(error, HTTPException)
    status = error.status_code
    kind = BY_STATUS.get(status, MalformedRequest if status < 500 else TrunklineError)
    details = {
        NotFound: f"there is no {request.url.path}",
        MethodNotAllowed: f"{request.url.path} does not take {request.method}",
        MalformedRequest: "the request cannot be read",
    }
    hint = "GET /openapi.json describes every path" if kind in (NotFound, MethodNotAllowed) else None
    headers = {"Allow": ", ".join(allowed(request))} if kind is MethodNotAllowed else error.headers
    return respond(kind(details.get(kind, str(error.detail)), hint=hint), status=status, headers=headers)


def allowed(request: Request) -> list[str]:
    """Every method that some route takes at this path; the framework names those of one route only."""
    scopes = {method: dict(request.scope) | {"method": method} for method in METHODS}
    return [m for m in METHODS if any(r.matches(scopes[m])[0] is Match.FULL for r in request.app.routes)]


def install(app: FastAPI) -> None:
    app.add_exception_handler(TrunklineError, on_trunkline_error)
    app.add_exception_handler(RequestValidationError, on_invalid_request)
    app.add_exception_handler(HTTPException, on_http_error)
