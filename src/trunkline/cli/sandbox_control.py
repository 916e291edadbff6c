"""Asking the sandbox's own interface: where it is, and what its refusals mean."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from trunkline.cli.played import SANDBOX_URL
from trunkline.errors import TrunklineError

Sandbox = Annotated[
    str | None,
    typer.Option("--sandbox", metavar="URL", help=f"Where the sandbox answers; else VAPI_BASE_URL, or {SANDBOX_URL}."),
]


def control(
    sandbox: str | None, method: str, path: str, *, json: Any = None, params: dict[str, str] | None = None
) -> Any:
    """What the control call answers, None where that is nothing. TrunklineError where no sandbox is there, or it
    refuses."""
    import httpx2

    url = sandbox or _sandbox_url()
    try:
        where = f"{url.rstrip('/')}/sandbox/{path}"
        reply = httpx2.request(method, where, json=json, params=params, timeout=60, trust_env=False)
        told = reply.json() if reply.content else None
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError):
        hint = "start one with: trunkline serve --sandbox, and give its address as --sandbox"
        raise TrunklineError(f"no sandbox answers at {url}", hint=hint) from None
    if reply.status_code >= 300:
        error = told.get("error") if isinstance(told, dict) else None
        raise TrunklineError(str(error or f"the sandbox answered {reply.status_code}"))
    return told


def _sandbox_url() -> str:
    """The settings' Vapi where that is no real one."""
    from urllib.parse import urlsplit

    from trunkline.settings import load_settings

    url = load_settings().vapi_base_url
    return SANDBOX_URL if (urlsplit(url).hostname or "").endswith("vapi.ai") else url
