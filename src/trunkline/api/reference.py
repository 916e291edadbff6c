"""/docs: the API's description as a page, by a viewer that is a part of the package; /llms.txt: the same for agents."""

from __future__ import annotations

import asyncio
from functools import cache
from html import escape
from importlib.resources import files

import msgspec
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, Response

from trunkline.errors import NotFound

router = APIRouter(include_in_schema=False)
COMPRESSED = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}
OURS = {"start.js": "text/javascript"}
# The operator's secret is typed in here: nothing of others is run, shown or told.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Trunkline: the API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{prefix}/docs/swagger-ui.css">
</head>
<body>
<div id="viewer"><p>The description itself: <a href="{prefix}/openapi.json">openapi.json</a></p></div>
<script src="{prefix}/docs/swagger-ui-bundle.js"></script>
<script src="{prefix}/docs/start.js" data-document="{prefix}/openapi.json"></script>
</body>
</html>
"""


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    prefix = escape(request.scope.get("root_path", ""))
    return HTMLResponse(PAGE.format(prefix=prefix), headers=HEADERS | {"Cache-Control": "no-store"})


@router.get("/openapi.json")
async def document(request: Request) -> Response:
    """The first time it takes half a second, for which no call waits."""
    root = request.scope.get("root_path", "")
    return Response(await asyncio.to_thread(_document, request.app, root), media_type="application/json")


def _document(app: FastAPI, root: str) -> bytes:
    placed = {"servers": [{"url": root}]} if root else {}
    return msgspec.json.encode(app.openapi() | placed)


@router.get("/llms.txt")
async def llms(request: Request) -> PlainTextResponse:
    """For agents, as llmstxt.org has it."""
    text = _content("llms.txt").decode().replace("{prefix}", request.scope.get("root_path", ""))
    return PlainTextResponse(text, media_type="text/markdown")


@router.get("/docs/{name}")
async def asset(name: str) -> Response:
    if name not in COMPRESSED | OURS:
        raise NotFound(f"there is no /docs/{name}")
    encoded = {"Content-Encoding": "gzip"} if name in COMPRESSED else {}
    kind = (COMPRESSED | OURS)[name]
    return Response(_content(name), media_type=kind, headers=HEADERS | encoded | {"Cache-Control": "max-age=86400"})


@cache
def _content(name: str) -> bytes:
    return files("trunkline.api").joinpath("viewer", f"{name}.gz" if name in COMPRESSED else name).read_bytes()
