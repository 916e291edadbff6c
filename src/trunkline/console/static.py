"""What pages load besides: scripts and styles, which the browser keeps for as long as they are the same."""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from importlib.resources import files

from fastapi import APIRouter
from fastapi.responses import Response

from trunkline.errors import NotFound

router = APIRouter(include_in_schema=False)
FOLDER = files("trunkline.console").joinpath("static")
# What is sent under one name, and the files that it is made of: one request for what always comes together.
FILES = {
    "htmx.js": ("htmx.min.js", "hx-csp.min.js", "hx-sse.min.js"),
    "console.js": ("console.js",),
    "console.css": ("console.css",),
}
KINDS = {".js": "text/javascript", ".css": "text/css"}


@cache
def _content(name: str) -> bytes:
    return b"\n".join(FOLDER.joinpath(file).read_bytes() for file in FILES[name])


# Of all of them together, so that a new version has another address.
ADDRESS = hashlib.sha256(b"".join(map(_content, FILES))).hexdigest()[:12]


@router.get("/console/static/{address}/{name}")
async def read(address: str, name: str) -> Response:
    if name not in FILES:
        raise NotFound(f"there is no {name} here")
    headers = {
        "Content-Encoding": "gzip",
        "Cache-Control": "public, max-age=31536000, immutable" if address == ADDRESS else "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(_compressed(name), media_type=KINDS[name[name.rindex(".") :]], headers=headers)


@cache
def _compressed(name: str) -> bytes:
    return gzip.compress(_content(name), 9, mtime=0)
