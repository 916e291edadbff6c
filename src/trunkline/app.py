"""The whole server: the API, the console and the MCP server as one application."""

from __future__ import annotations

from importlib.util import find_spec

from fastapi import FastAPI

from trunkline.api import app as api
from trunkline.api.middleware import MCP
from trunkline.console import pages as console
from trunkline.mcp import entrance
from trunkline.settings import Settings


def create_app(settings: Settings) -> FastAPI:
    """Its services start and end with it. The MCP server is there where the extra `mcp` is installed."""
    app = api.create_app(settings)
    console.install(app)
    if find_spec("mcp") is not None:
        secret = settings.vapi_secret_key.get_secret_value() if settings.vapi_secret_key else ""
        entrance.install(app, MCP, secret, settings.public_backend_url, app.state.stopping.asked)
    return app
