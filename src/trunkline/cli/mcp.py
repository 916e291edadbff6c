"""`trunkline mcp`: the tools of an assistant on this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from trunkline.errors import SettingsError

if TYPE_CHECKING:
    from trunkline.client import AsyncTrunkline


def mcp() -> None:
    """Be an MCP server on standard input and output, for the assistant that starts this command.

    It asks the server at TRUNKLINE_URL and may what TRUNKLINE_SECRET may: give it a key of its own, with a budget.

    \b
    Example:
      claude mcp add trunkline -e TRUNKLINE_SECRET=trk_... -- trunkline mcp
    """
    import secrets
    from importlib.util import find_spec

    if find_spec("mcp") is None:
        raise SettingsError("the library for MCP is not installed", hint="pip install 'trunkline[mcp]'")
    from trunkline.mcp.quotes import Quotes
    from trunkline.mcp.server import build_server

    build_server(_server, Quotes(secrets.token_bytes(32))).run("stdio")


@asynccontextmanager
async def _server(_: object) -> AsyncIterator[AsyncTrunkline]:
    """As every command reaches it."""
    from trunkline.client import AsyncTrunkline
    from trunkline.settings import load_settings

    settings = load_settings()
    secret = settings.trunkline_secret or settings.vapi_secret_key
    async with AsyncTrunkline(settings.trunkline_url, secret.get_secret_value() if secret else None) as client:
        yield client
